package main

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"orderhub/cmd/hub/internal/words"
)

func (c *cli) reportCommand() *cobra.Command {
	return &cobra.Command{
		Use: "report [PROCESS]", Short: "Show how many instances stand where, lead times, what is stuck or late", Args: between(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			query := url.Values{}
			if len(args) > 0 {
				query.Set("process", args[0])
			}
			var list []reportView
			if done, err := c.fetch(cmd.Context(), http.MethodGet, "/report", query, nil, &list); err != nil || done {
				return err
			}
			for i := range list {
				if i > 0 {
					c.Print("")
				}
				c.printReport(&list[i], time.Now())
			}
			return nil
		},
	}
}

func (c *cli) printReport(v *reportView, now time.Time) {
	c.Print("%s  v%d  %d open, %d ended, %d stuck, %s (%d late)", v.Process, v.Version, v.Open, v.Ended, len(v.Stuck), words.Plural(v.Tasks.Open, "task"), v.Tasks.Late)
	if len(v.States) > 0 {
		rows := make([][]string, len(v.States))
		for i, s := range v.States {
			rows[i] = []string{"", s.State, fmt.Sprintf("v%d", s.Version), strconv.FormatInt(s.Count, 10), s.note(v)}
		}
		c.Table([]string{"", "STATE", "VERSION", "PLACES", ""}, rows)
	}
	if len(v.Leads) > 0 {
		rows := make([][]string, len(v.Leads))
		for i, l := range v.Leads {
			rows[i] = []string{"", l.From + " -> " + l.To, strconv.FormatInt(l.Count, 10), words.Span(l.P50), words.Span(l.P95), words.Span(l.Max)}
		}
		c.Table([]string{"", "LEAD TIME", "COUNT", "P50", "P95", "MAX"}, rows)
	}
	if len(v.Stuck) > 0 {
		rows := make([][]string, len(v.Stuck))
		for i, s := range v.Stuck {
			rows[i] = []string{"", words.OneLine(s.Instance, 60), s.State, words.Age(s.Since, now), words.OneLine(s.Problem.Class+": "+s.Problem.Message, 140)}
		}
		c.Table([]string{"", "STUCK", "STATE", "SINCE", "CAUSE"}, rows)
	}
}

// note says of a count that its instances have ended, stand in a branch, or
// run on another definition of the same version.
func (s *stateCount) note(v *reportView) string {
	switch {
	case s.Final:
		return "ended"
	case s.Branch:
		return "in a branch"
	case slices.ContainsFunc(v.States, func(o stateCount) bool { return o.Version == s.Version && o.State == s.State && o.Def != s.Def }):
		return "definition " + s.Def
	}
	return ""
}
