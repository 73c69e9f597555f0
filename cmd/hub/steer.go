package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"github.com/spf13/cobra"

	"orderhub/cmd/hub/internal/api"
	"orderhub/cmd/hub/internal/exit"
	"orderhub/cmd/hub/internal/screen"
	"orderhub/cmd/hub/internal/show"
	"orderhub/cmd/hub/internal/words"
)

// batch chooses the instances of a batch.
type batch struct {
	process, state, older string
	stuck, yes            bool
	limit                 int
}

// steerVerb is a verb that asks something of an instance, or of all that are chosen.
func (c *cli) steerVerb(name, short string, call api.Call[*api.Acted]) *cobra.Command {
	var b batch
	cmd := verb(name+" [ID]", short, 0, 1, func(ctx context.Context, args []string) error {
		if call.Path == api.PostCancel.Path && c.why == "" {
			return exit.Usagef("--why is missing: the reason is kept in the history")
		}
		switch {
		case len(args) == 1 && !b.chooses():
			return c.act(ctx, call, api.ActRequest{Instance: args[0]})
		case len(args) == 0 && b.chooses():
			return c.steer(ctx, name, call, api.ActRequest{}, b)
		}
		return exit.Usagef("give an ID, or what to choose by: --process, --state, --older, --stuck")
	})
	b.flags(cmd)
	return cmd
}

// flags are the flags that choose the instances.
func (b *batch) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&b.process, "process", "", "all instances of this process that have not ended")
	f.StringVar(&b.state, "state", "", "all in this state")
	f.StringVar(&b.older, "older", "", "all that are where they are for longer than this, such as 2d or 90m")
	f.BoolVar(&b.stuck, "stuck", false, "all with a step that failed")
	f.IntVar(&b.limit, "limit", 1000, "how many, 1000 at most")
	f.BoolVarP(&b.yes, "yes", "y", false, "do not ask")
}

// chooses tells that the flags choose instances.
func (b *batch) chooses() bool { return b.process != "" || b.state != "" || b.older != "" || b.stuck }

// steered is what a batch did.
type steered struct {
	Act     string         `json:"act"`
	Done    int            `json:"done"`
	Refused map[string]int `json:"refused"` // by reason
}

// steer asks all that are chosen, one after the other: each is a commit of its own, with its record. One that is ended, or killed, goes on
// when it is run again: what was done is not chosen any more, is refused, or changes nothing.
func (c *cli) steer(ctx context.Context, name string, call api.Call[*api.Acted], q api.ActRequest, b batch) error {
	page, _, err := fetch(ctx, c, api.GetInstances, url.Values{"process": {b.process}, "state": {b.state}, "older": {b.older},
		"stuck": {strconv.FormatBool(b.stuck)}, "limit": {strconv.Itoa(b.limit)}}, nil)
	if err != nil {
		return err
	}
	var ids []string
	for _, v := range page.Instances {
		ids = append(ids, v.Process+"/"+v.ID)
	}
	if len(ids) == 0 {
		return errors.New("no instance is chosen: hub process list")
	}
	many := words.Plural(len(ids), "instance")
	if page.More {
		many += ", the first of more,"
	}
	if !b.yes && !c.Confirm(fmt.Sprintf("%s %s: %s … %s?", name, many, ids[0], ids[len(ids)-1])) {
		return exit.Usagef("%s: %s … %s; nothing was done: say --yes", many, ids[0], ids[len(ids)-1])
	}
	sum := &steered{Act: name, Refused: map[string]int{}}
	ctx, progress := c.Track(ctx, len(ids))
	defer progress.End()
	for i, id := range ids {
		q.Instance = id
		_, _, err := call.Ask(context.WithoutCancel(ctx), c.client(), nil, q)
		p, refused := errors.AsType[*api.Problem](err)
		switch {
		case refused && p.Status < http.StatusInternalServerError:
			sum.Refused[p.Code]++
			err = nil
		case err == nil:
			sum.Done++
		}
		if err == nil && i+1 < len(ids) {
			err = exit.Ended(ctx)
		}
		if err != nil {
			progress.End()
			c.Say("%d of %d done before that; the same command goes on", sum.Done, len(ids))
			return err
		}
		progress.At(i + 1)
	}
	progress.End()
	return display(c, sum, nil, func(s *screen.Screen, a *steered) { show.Steered(s, a.Act, a.Done, a.Refused, page.More) })
}

func (c *cli) setVerb() *cobra.Command {
	var b batch
	var dry bool
	cmd := verb("set [ID] PATH=VALUE...", "Change data of an instance, such as customer.email=ann@example.com, or of all that are chosen; the schema is held", 1, -1,
		func(ctx context.Context, args []string) error {
			id := ""
			if !b.chooses() {
				id, args = args[0], args[1:]
			}
			set, err := pairs(args, "customer.email=ann@example.com")
			switch {
			case err != nil:
				return err
			case len(set) == 0:
				return exit.Usagef("give PATH=VALUE: what is to be changed")
			}
			q := api.ActRequest{Instance: id, DryRun: dry}
			if dry && id == "" {
				return exit.Usagef("--dry-run is for one instance: name it")
			}
			if q.With, err = json.Marshal(set); err != nil || id != "" {
				return cmp.Or(err, c.act(ctx, api.PostChange, q))
			}
			return c.steer(ctx, "set", api.PostChange, q, b)
		})
	b.flags(cmd)
	cmd.Flags().BoolVar(&dry, "dry-run", false, "hold it to the schema, and show what it would change")
	return cmd
}

func (c *cli) callVerb() *cobra.Command {
	var file string
	cmd := verb("call ID ADAPTER.OPERATION", "Call an operation by hand, for an instance", 2, 2, func(ctx context.Context, args []string) error {
		q := api.CallRequest{Instance: args[0], Operation: args[1]}
		if file != "" {
			raw, err := c.ReadFile(file)
			if err != nil {
				return err
			}
			q.Body = string(raw)
		}
		return tell(ctx, c, api.PostCall, nil, q, show.Called)
	})
	cmd.Long = "Call an operation by hand, such as a refund. The same operation with the same body is the same call of the instance: it is made once,\n" +
		"also when it is asked twice, and what it was answered is shown again. The answer is kept in the history."
	cmd.Flags().StringVar(&file, "body", "", "file with the request; - for stdin")
	return cmd
}
