package main

import (
	"cmp"
	"context"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"orderhub/cmd/hub/internal/api"
	"orderhub/cmd/hub/internal/exit"
	"orderhub/cmd/hub/internal/show"
)

// findFlags say what is looked for, one of them, and how.
type findFlags struct {
	email, customer, sku, text string // each is FIELD=VALUE; text: anywhere
	order, failed, partner     string
	pipeline                   string
	since, until               string
	scan, recent               bool
	before                     int64
	limit                      int
}

func (c *cli) findVerb() *cobra.Command {
	var f findFlags
	cmd := verb("find [VALUE|FIELD=VALUE]", "Find orders and messages, wherever they are", 0, 1, func(ctx context.Context, args []string) error {
		query, what, err := f.query(args)
		if err != nil {
			return err
		}
		a, raw, err := fetch(ctx, c, api.GetFound, query, nil)
		if err != nil {
			return err
		}
		if err := display(c, a, raw, show.Found); err != nil || len(a.Hits) > 0 {
			return err
		}
		c.Say("nothing of %s is found", what)
		return exit.Told()
	})
	cmd.Example = "  hub find --order W-1042                      where it is: process, queue, dead letter, refusal\n" +
		"  hub find --email jane@example.com --since 2d by what is indexed: hub: {index: [customer.email, …]}\n" +
		"  hub find --sku SKU-1                         the same as sku=SKU-1, or items.sku=SKU-1\n" +
		"  hub find --partner billing --error timeout   by what failed\n  hub find --text 'ring twice'                 by a look through everything"
	cmd.Long = "Find orders and messages by order number or ID, and by the values that the configuration has indexed. What is not indexed is\n" +
		"looked for in so many messages, refusals, rows of the history, instances and rows of tables; it says how far it looked.\n" +
		"A FIELD is a path of the index, its last part, or what stands before its id: customer is customer.id.\n" +
		"What schemas mark as secret is found by its whole value, if it is indexed, and in no other way."
	flags := cmd.Flags()
	for name, to := range f.fields() {
		flags.StringVar(to, name, "", "an indexed value: the same as "+name+"=VALUE")
	}
	flags.StringVar(&f.text, "text", "", "a text anywhere: it looks through what is not indexed")
	flags.StringVar(&f.order, "order", "", "an order number, or the ID of a message")
	flags.StringVar(&f.failed, "error", "", "only what failed: a class, a reason, or a text in it")
	flags.StringVar(&f.partner, "partner", "", "only what failed at this adapter")
	flags.StringVar(&f.since, "since", "", "not older than this, such as 2d, 90m or 2026-01-31T12:00:00Z")
	flags.StringVar(&f.until, "until", "", "older than this, likewise")
	flags.BoolVar(&f.scan, "scan", false, "look through what is not indexed, too, though the index finds something")
	flags.BoolVar(&f.recent, "recent", false, "what happened last, each order once")
	flags.StringVar(&f.pipeline, "pipeline", "", "with --recent: only what happened in this pipeline or process")
	flags.Int64Var(&f.before, "before", 0, "go on behind this, as the last page says")
	flags.IntVar(&f.limit, "limit", 50, "how many, 1000 at most")
	return cmd
}

// fields are the flags that name an indexed field.
func (f *findFlags) fields() map[string]*string {
	return map[string]*string{"email": &f.email, "customer": &f.customer, "sku": &f.sku}
}

// query is what the hub is asked, and what people call it. One thing is looked for at a time; an error and a partner go together.
func (f *findFlags) query(args []string) (query url.Values, what string, err error) {
	value, field, scan := strings.Join(args, ""), "", f.scan || f.text != ""
	if name, v, ok := strings.Cut(value, "="); ok && !strings.ContainsAny(name, " @:/") {
		field, value = name, v
	}
	asked := []string{value, f.text, f.order, cmp.Or(f.failed, f.partner)}
	for name, v := range f.fields() {
		if asked = append(asked, *v); *v != "" {
			field, value = name, *v
		}
	}
	if f.recent {
		asked = append(asked, "late")
	}
	asked = slices.DeleteFunc(asked, func(text string) bool { return text == "" })
	if len(asked) != 1 {
		return nil, "", exit.Usagef("say one thing to look for: hub find jane@example.com, or one of --order, --email, --customer, --sku, --text, --error, --partner and --recent")
	}
	return url.Values{"value": {cmp.Or(value, f.text)}, "field": {field}, "order": {f.order}, "error": {f.failed}, "partner": {f.partner}, "since": {f.since},
		"until": {f.until}, "scan": {strconv.FormatBool(scan)}, "pipeline": {f.pipeline}, "recent": {strconv.FormatBool(f.recent)}, "before": {strconv.FormatInt(f.before, 10)}, "limit": {strconv.Itoa(f.limit)}}, asked[0], nil
}
