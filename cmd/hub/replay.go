package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"orderhub/cmd/hub/internal/api"
	"orderhub/cmd/hub/internal/exit"
	"orderhub/cmd/hub/internal/screen"
	"orderhub/cmd/hub/internal/show"
	"orderhub/cmd/hub/internal/words"
	"orderhub/hub"
	"orderhub/hub/units"
)

// deadFlags are the flags that say which dead letters are meant.
func deadFlags(cmd *cobra.Command, s *api.DeadSelection) {
	f := cmd.Flags()
	f.BoolVar(&s.All, "all", false, "all dead letters")
	f.StringVar(&s.Group, "group", "", "only this group, as hub dlq shows it")
	f.StringVar(&s.Cause, "cause", "", "only with this in the error's text, or with this class or reason")
	f.StringVar(&s.Pipeline, "pipeline", "", "only of this pipeline or process")
	f.StringVar(&s.Partner, "partner", "", "only what failed at this adapter")
	f.Func("since", "only what died `then` or later: 2d (ago), or 2026-01-31T12:00:00Z", momentFlag(&s.Since))
	f.Func("until", "only what died before `then`", momentFlag(&s.Until))
	f.StringVar(&s.Match, "match", "", "only those that meet a condition, such as 'body.total > 100'")
	f.IntVar(&s.Limit, "limit", 0, "how many at most, the oldest first")
}

// momentFlag reads a point in time into at.
func momentFlag(at *time.Time) func(text string) error {
	return func(text string) (err error) {
		*at, err = units.ParseMoment(time.Now(), text)
		return err
	}
}

func (c *cli) replayVerb() *cobra.Command {
	var q api.Replay
	var m mending
	var rate string
	cmd := verb("replay [SEQ]...", "Run dead letters again, with the configuration that runs now", 0, -1, func(ctx context.Context, args []string) error {
		if err := choose(args, &q.DeadSelection); err != nil {
			return err
		}
		var err error
		if q.Set, q.Body, err = m.read(c); err != nil {
			return err
		}
		if q.DryRun {
			q.Try = true
			return tell(ctx, c, api.PostReplay, nil, q, show.Replayed)
		}
		pace, err := paceOf(rate)
		if err != nil {
			return err
		}
		return c.settle(ctx, api.PostReplay, q, pace, show.Replayed)
	})
	cmd.Long = "Run dead letters again: by their sequence numbers, by what they are, or --all. Their attempts start anew, their order stays.\n" +
		"With --set and --body they are mended: what the pipeline's schema refuses changes nothing. A mended message keeps its ID, so that\n" +
		"whom it asked already knows the repeat.\n" +
		"With --dry-run nothing is changed: it runs them on a copy, with the configuration in the file, and tells what they would lead to.\n" +
		"What is ended, or killed, goes on where it was when it is run again with the --until that it told."
	deadFlags(cmd, &q.DeadSelection)
	m.flags(cmd)
	cmd.Flags().StringVar(&q.From, "from", "", "go on at this step, where a stage begins: the first behind a reply")
	cmd.Flags().BoolVar(&q.DryRun, "dry-run", false, "change nothing: tell what they would lead to")
	cmd.Flags().StringVar(&rate, "rate", "", "how many in a time, such as 20/s or 100/m; left out: as fast as they go")
	return cmd
}

func (c *cli) drop(ctx context.Context, args []string, s api.DeadSelection, yes bool) error {
	if err := choose(args, &s); err != nil {
		return err
	}
	would, _, err := fetch(ctx, c, api.PostDrop, nil, replayOrDrop(api.PostDrop, api.Replay{DeadSelection: s}, true))
	if err != nil {
		return err
	}
	if !yes && !c.Confirm(fmt.Sprintf("delete %s for good?", words.Plural(would.Count, "dead letter"))) {
		return exit.Usagef("%s; nothing was deleted; say --yes", words.Plural(would.Count, "dead letter"))
	}
	return c.settle(ctx, api.PostDrop, api.Replay{DeadSelection: s}, pace{}, func(s *screen.Screen, a *api.Settled) {
		s.Print("%s deleted, %d left: hub dlq", words.Plural(a.Count, "dead letter"), a.Left)
	})
}

// choose adds the sequence numbers; dead letters must be chosen in one way.
func choose(args []string, s *api.DeadSelection) error {
	for _, a := range args {
		n, err := seqOf(a)
		if err != nil {
			return err
		}
		s.Seqs = append(s.Seqs, n)
	}
	if !s.IsOne() {
		return exit.Usagef("give one of SEQ, --all, and what to choose by: --group, --cause, --pipeline, --partner, --since, --match")
	}
	return nil
}

func seqOf(text string) (int64, error) {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 1 {
		return 0, exit.Usagef("%q is no sequence number: hub dlq --group GROUP lists them", text)
	}
	return n, nil
}

// pace is how fast portions of a batch are done. The zero pace does not wait.
type pace struct {
	portion int
	every   time.Duration
}

const longestPace = time.Hour

// paceOf reads 20/s, 100/m or 5/h.
func paceOf(text string) (pace, error) {
	if text == "" {
		return pace{}, nil
	}
	number, unit, _ := strings.Cut(text, "/")
	span := map[string]time.Duration{"s": time.Second, "m": time.Minute, "h": longestPace}[unit]
	n, err := strconv.Atoi(number)
	if err != nil || n < 1 || span == 0 {
		return pace{}, exit.Usagef("--rate %q is no rate: write 20/s, 100/m or 5/h", text)
	}
	if perSecond := n / int(span/time.Second); perSecond > 1 {
		return pace{perSecond, time.Second}, nil
	}
	return pace{1, span / time.Duration(n)}, nil
}

// settle replays or drops what is chosen, a portion after the other. What dies meanwhile is not meant, nor what fails again.
func (c *cli) settle(ctx context.Context, call api.Call[*api.Settled], q api.Replay, p pace, done func(*screen.Screen, *api.Settled)) error {
	if q.Until.IsZero() && len(q.Seqs) == 0 {
		q.Until = time.Now()
	}
	total, _, err := fetch(ctx, c, call, nil, replayOrDrop(call, q, true))
	if err != nil {
		return err
	}
	sum, most := &api.Settled{Now: total.Now}, total.Count
	ctx, progress := c.Track(ctx, most)
	defer progress.End()
	for sum.Count < most {
		if q.Limit = most - sum.Count; p.portion > 0 {
			q.Limit = min(q.Limit, p.portion)
		}
		a, _, err := fetch(context.WithoutCancel(ctx), c, call, nil, replayOrDrop(call, q, false)) // a portion is done or not: ^C waits for its end
		if err != nil {
			progress.End()
			return c.stopped(err, sum.Count, most, q)
		}
		sum.Left = a.Left
		if sum.Count += a.Count; a.Next == 0 || sum.Count >= most {
			break
		}
		q.After = a.Next
		progress.At(sum.Count)
		if !hub.Pause(ctx, hub.RealClock{}, p.every) {
			progress.End()
			return c.stopped(exit.Ended(ctx), sum.Count, most, q)
		}
	}
	progress.End()
	return display(c, sum, nil, done)
}

// replayOrDrop is the body of the call: dropping knows nothing of mending.
func replayOrDrop(call api.Call[*api.Settled], q api.Replay, look bool) any {
	if q.DryRun = look; call.Path == api.PostDrop.Path {
		return q.DeadSelection
	}
	return q
}

// stopped tells how far a batch came that did not come to its end, and how it goes on.
func (c *cli) stopped(err error, done, most int, q api.Replay) error {
	if done == 0 {
		return err
	}
	c.Say("%d of %d done. The rest is as it was; go on with the same command and --until %s", done, most, q.Until.Format(time.RFC3339Nano))
	if len(q.Seqs) > 0 {
		c.Say("that is, with the sequence numbers behind %d", q.After)
	}
	return err
}

// mending says how messages are changed.
type mending struct {
	sets []string
	file string
}

func (m *mending) flags(cmd *cobra.Command) {
	cmd.Flags().StringArrayVar(&m.sets, "set", nil, "set a field of the body, path=value; the value is JSON or a text; repeatable")
	cmd.Flags().StringVar(&m.file, "body", "", "file with another body; - for stdin")
}

func (m *mending) read(c *cli) (set map[string]string, body *string, err error) {
	if set, err = pairs(m.sets, "--set customer.email=ann@example.com"); err != nil || m.file == "" {
		return set, nil, err
	}
	raw, err := c.ReadFile(m.file)
	text := string(raw)
	return set, &text, err
}

// pairs reads path=value, each path once.
func pairs(list []string, example string) (map[string]string, error) {
	out := map[string]string{}
	for _, pair := range list {
		name, value, ok := strings.Cut(pair, "=")
		if _, twice := out[name]; !ok || twice || name == "" {
			return nil, exit.Usagef("%q is no path=value, such as %s, or the path is given twice", pair, example)
		}
		out[name] = value
	}
	return out, nil
}
