package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"orderhub/cmd/hub/internal/screen"
	"orderhub/cmd/hub/internal/words"
	"orderhub/hub"
)

func (c *cli) refusedCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "refused",
		Short: "Show what was refused: counted by source and reason, listed, or one",
		Long: "Show what the hub did not take: what never became a message of a pipeline, and requests that were answered with an error.\n" +
			"The counts are exact. Of a flood a sample is kept: 100 a second of one source and reason, 500 of them, 5000 in all.\n" +
			"Without a running hub the store's file is read.",
		Example: "  hub refused                          how many, by source and reason\n" +
			"  hub refused list --reason bad_json   the newest for a reason\n  hub refused show ID                  one, with the beginning of what came",
		Args: func(cmd *cobra.Command, args []string) error { return unknownVerb(cmd, args) },
		RunE: func(cmd *cobra.Command, _ []string) error { return c.refusedCounts(cmd.Context()) },
	}
	var q hub.RefusalQuery
	list := &cobra.Command{Use: "list", Short: "List what was refused, newest first", Args: between(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error { return c.refusedList(cmd.Context(), q) }}
	list.Flags().StringVar(&q.Source, "source", "", "only of this source, as hub refused shows it")
	list.Flags().StringVar(&q.Reason, "reason", "", "only for this reason")
	list.Flags().IntVar(&q.Limit, "limit", 50, "how many at most")
	cmd.AddCommand(list, &cobra.Command{Use: "show ID", Short: "Show one: why, and the beginning of what came", Args: between(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error { return c.refusedShow(cmd.Context(), args[0]) }})
	return cmd
}

func (c *cli) refusedCounts(ctx context.Context) error {
	counts, done, err := fetchOrRead(ctx, c, "/refused/counts", nil, func(st hub.Store) ([]hub.RefusalCount, error) {
		return hub.CountRefused(ctx, st)
	})
	if err != nil || done {
		return err
	}
	if len(counts) == 0 {
		c.Say("nothing was refused")
		return nil
	}
	c.refusedTable(counts, time.Now())
	return nil
}

// refusedTable has a row for each source and reason.
func (c *cli) refusedTable(counts []hub.RefusalCount, now time.Time) {
	rows := make([][]string, len(counts))
	for i, n := range counts {
		rows[i] = []string{words.OneLine(n.Source, 60), words.OneLine(n.Reason, 40), strconv.FormatInt(n.Count, 10), "-", "", ""}
		if r := n.Last; r != nil {
			rows[i][3], rows[i][4], rows[i][5] = words.Age(r.Time, now), words.OneLine(r.ID, 60), words.OneLine(r.Text, 100)
		}
	}
	c.Table([]string{"REFUSED BY", "REASON", "COUNT", "LAST", "ID", "WHY"}, rows)
}

func (c *cli) refusedList(ctx context.Context, q hub.RefusalQuery) error {
	query := url.Values{"source": {q.Source}, "reason": {q.Reason}, "limit": {strconv.Itoa(q.Limit)}}
	list, done, err := fetchOrRead(ctx, c, "/refused", query, func(st hub.Store) ([]hub.Refusal, error) { return refusedOf(ctx, st, query) })
	if err != nil || done {
		return err
	}
	if len(list) == 0 {
		c.Say("nothing of it was refused; hub refused shows what was")
		return nil
	}
	now := time.Now()
	rows := make([][]string, len(list))
	for i, r := range list {
		rows[i] = []string{words.Age(r.Time, now), words.OneLine(r.ID, 60), words.OneLine(r.Source, 60), words.OneLine(r.Reason, 40), words.OneLine(words.OrDash(r.Correlation), 40), words.OneLine(r.Text, 120)}
	}
	c.Table([]string{"AGE", "ID", "REFUSED BY", "REASON", "ORDER", "WHY"}, rows)
	if len(list) == q.Limit {
		c.Say("these are the newest %d; --limit shows more, GET /refused?before=%d pages on", q.Limit, list[len(list)-1].Seq)
	}
	return nil
}

func (c *cli) refusedShow(ctx context.Context, id string) error {
	query := url.Values{"id": {id}}
	list, _, err := fetchOrRead(ctx, c.quiet(), "/refused", query, func(st hub.Store) ([]hub.Refusal, error) { return refusedOf(ctx, st, query) })
	if err != nil {
		return err
	}
	if len(list) == 0 {
		return c.tellProblem(notFound("no refusal %s is kept: hub refused list shows those that are", id))
	}
	if c.IsJSON() {
		return c.PrintJSON(list[0])
	}
	c.printRefusal(&list[0])
	return nil
}

// quiet is c without a format: who calls prints.
func (c *cli) quiet() *cli {
	plain := *c.Screen
	plain.Format = screen.Text
	return &cli{Screen: &plain, home: c.home, personal: c.personal}
}

// printRefusal shows all that is kept of one.
func (c *cli) printRefusal(r *hub.Refusal) {
	rows := [][]string{{"refused", words.OneLine(r.ID, 200)}, {"when", r.Time.Local().Format(time.DateTime)}, {"by", words.OneLine(r.Source, 200)},
		{"class", string(r.Class)}, {"reason", words.OneLine(r.Reason, 64)}, {"why", words.OneLine(r.Text, 1000)}}
	for _, f := range r.Fields {
		if strings.Contains(r.Text, f.Detail) {
			continue
		}
		rows = append(rows, []string{"", words.OneLine(f.Pointer+": "+f.Detail, 300)})
	}
	add := func(name, text string) {
		if text != "" {
			rows = append(rows, []string{name, words.OneLine(text, 300)})
		}
	}
	add("where", strings.TrimSpace(r.Where+" "+r.Line))
	add("order", r.Correlation)
	add("type", r.ContentType)
	if r.Size > 0 {
		add("size", fmt.Sprintf("%d bytes", r.Size))
	}
	if r.Skipped > 0 {
		add("", fmt.Sprintf("%d more for this reason came since the one kept before, and were only counted", r.Skipped))
	}
	c.Table(nil, rows)
	for line := range strings.SplitSeq(strings.TrimRight(r.Begins, "\n"), "\n") {
		if r.Begins != "" {
			c.Print("%s", words.OneLine(line, 1<<10))
		}
	}
}

// fetchOrRead makes a GET call of the running hub; without one it reads the store's file. done: the answer is printed, as JSON.
func fetchOrRead[T any](ctx context.Context, c *cli, path string, query url.Values, read func(st hub.Store) (T, error)) (v T, done bool, err error) {
	done, err = c.fetch(ctx, http.MethodGet, path, query, nil, &v)
	gone, ok := errors.AsType[*errUnreachable](err)
	if !ok {
		return v, done, err
	}
	st, err := openStoreFile(ctx, gone)
	if err != nil {
		return v, false, err
	}
	defer st.Close()
	if v, err = read(st); err != nil {
		return v, false, c.tellProblem(err)
	}
	if c.IsJSON() {
		return v, true, c.PrintJSON(v)
	}
	return v, false, nil
}
