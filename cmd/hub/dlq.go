package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"orderhub/cmd/hub/internal/exit"
	"orderhub/cmd/hub/internal/words"
)

func (c *cli) dlqCommand() *cobra.Command {
	var group string
	list := func(cmd *cobra.Command, _ []string) error {
		if group != "" {
			return c.dlqList(cmd.Context(), group)
		}
		return c.dlqGroups(cmd.Context())
	}
	cmd := &cobra.Command{
		Use:   "dlq",
		Short: "Show dead letters, grouped by cause; list, show or drop them",
		Example: "  hub dlq                   the groups\n  hub dlq --group g1a2b3    the dead letters of one\n" +
			"  hub dlq show 42           one, with its body\n  hub dlq drop --group g1a2b3",
		Args: func(cmd *cobra.Command, args []string) error { return unknownVerb(cmd, args) },
		RunE: list,
	}
	cmd.PersistentFlags().StringVar(&group, "group", "", "only this group")
	var yes, all bool
	drop := &cobra.Command{
		Use: "drop [SEQ]...", Short: "Delete dead letters for good", Args: between(0, -1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.dlqDrop(cmd.Context(), args, deadSelection{Group: group, All: all}, yes)
		},
	}
	drop.Flags().BoolVar(&all, "all", false, "all dead letters")
	drop.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
	cmd.AddCommand(
		&cobra.Command{Use: "list", Short: "List the groups, or the dead letters of one", Args: between(0, 0), RunE: list},
		&cobra.Command{Use: "show SEQ", Short: "Show one dead letter with its body", Args: between(1, 1),
			RunE: func(cmd *cobra.Command, args []string) error { return c.dlqShow(cmd.Context(), args[0]) }},
		drop)
	return cmd
}

func (c *cli) dlqGroups(ctx context.Context) error {
	var groups []deadGroup
	if done, err := c.fetch(ctx, http.MethodGet, "/dead/groups", nil, nil, &groups); err != nil || done {
		return err
	}
	if len(groups) == 0 {
		c.Say("no dead letters")
		return nil
	}
	now := time.Now()
	rows := make([][]string, len(groups))
	for i, g := range groups {
		rows[i] = []string{g.Group, strconv.Itoa(g.Count), words.Age(g.First, now), words.Age(g.Last, now), g.Where, words.OneLine(g.Cause, 120)}
	}
	c.Table([]string{"GROUP", "COUNT", "FIRST", "LAST", "WHERE", "CAUSE"}, rows)
	return nil
}

func (c *cli) dlqList(ctx context.Context, group string) error {
	var list []storedMessage
	if done, err := c.fetch(ctx, http.MethodGet, "/dead", url.Values{"group": {group}, "limit": {"1000"}}, nil, &list); err != nil || done {
		return err
	}
	if len(list) == 0 {
		return fmt.Errorf("no dead letters in group %s", group)
	}
	now := time.Now()
	rows := make([][]string, len(list))
	for i, m := range list {
		rows[i] = []string{strconv.FormatInt(m.Seq, 10), words.OneLine(words.OrDash(m.Correlation), 40), m.ID, m.Queue, strconv.Itoa(m.Attempts), "-", ""}
		if m.Error != nil {
			rows[i][5], rows[i][6] = words.Age(m.Error.Time, now), words.OneLine(m.Error.Text(), 120)
		}
	}
	c.Table([]string{"SEQ", "ORDER", "MESSAGE", "QUEUE", "TRIES", "AGE", "CAUSE"}, rows)
	if len(list) == 1000 {
		c.Say("these are the oldest 1000; GET /dead?after=%d has more", list[999].Seq)
	}
	return nil
}

func (c *cli) dlqShow(ctx context.Context, seq string) error {
	var list []storedMessage
	if _, err := seqOf(seq); err != nil {
		return err
	}
	raw, err := c.client().call(ctx, http.MethodGet, "/dead", url.Values{"seq": {seq}, "full": {"true"}}, nil)
	if err != nil {
		return c.tellProblem(err)
	}
	if err := json.Unmarshal(raw, &list); err != nil {
		return err
	}
	if len(list) == 0 {
		return c.tellProblem(notFound("no dead letter %s", seq))
	}
	m := list[0]
	if c.IsJSON() {
		return c.PrintJSON(m)
	}
	rows := [][]string{{"message", m.ID}, {"queue", m.Queue}, {"order", words.OrDash(m.Correlation)}, {"tries", strconv.Itoa(m.Attempts)}}
	if e := m.Error; e != nil {
		rows = append(rows, []string{"class", string(e.Class)}, []string{"reason", e.Reason}, []string{"where", e.Where}, []string{"since", e.Time.Local().Format(time.DateTime)},
			[]string{"group", e.Cause}, []string{"config", e.Config}, []string{"cause", words.OneLine(e.Text(), 5000)})
	}
	for name, value := range m.Headers {
		rows = append(rows, []string{"header", words.OneLine(name+": "+value, 200)})
	}
	c.Table(nil, rows)
	c.Print("%s", words.JSON(m.Body))
	return nil
}

func (c *cli) dlqDrop(ctx context.Context, args []string, s deadSelection, yes bool) error {
	s, err := selection(args, s)
	if err != nil {
		return err
	}
	if !yes {
		s.DryRun = true
		would, err := c.settle(ctx, "/dead/drop", s)
		if err != nil {
			return err
		}
		if !c.Confirm(fmt.Sprintf("delete %s for good?", words.Plural(would.Count, "dead letter"))) {
			return exit.Usagef("nothing was deleted; say --yes")
		}
		s.DryRun = false
	}
	a, err := c.settle(ctx, "/dead/drop", s)
	if err != nil {
		return err
	}
	if c.IsJSON() {
		return c.PrintJSON(a)
	}
	c.Print("%s deleted", words.Plural(a.Count, "dead letter"))
	return nil
}

// selection is one of sequence numbers, --group and --all.
func selection(args []string, s deadSelection) (deadSelection, error) {
	given := 0
	for _, set := range []bool{len(args) > 0, s.Group != "", s.All} {
		if set {
			given++
		}
	}
	if given != 1 {
		return s, exit.Usagef("give one of SEQ, --group and --all")
	}
	for _, a := range args {
		n, err := seqOf(a)
		if err != nil {
			return s, err
		}
		s.Seqs = append(s.Seqs, n)
	}
	return s, nil
}

func seqOf(text string) (int64, error) {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 1 {
		return 0, exit.Usagef("%q is no sequence number: hub dlq --group GROUP lists them", text)
	}
	return n, nil
}

func (c *cli) settle(ctx context.Context, path string, s deadSelection) (a deadAnswer, err error) {
	body, err := json.Marshal(s)
	if err != nil {
		return a, err
	}
	raw, err := c.client().call(ctx, http.MethodPost, path, nil, body)
	if err != nil {
		return a, c.tellProblem(err)
	}
	return a, json.Unmarshal(raw, &a)
}
