package main

import (
	"fmt"
	"time"

	"orderhub/cmd/hub/internal/words"
	"orderhub/pipelines/process"
)

// isLate tells that nobody answered the task in time.
func isLate(k *process.OpenTask, now time.Time) bool {
	return k.Late || !k.Due.IsZero() && now.After(k.Due)
}

// taskTitle is a task in one line.
func taskTitle(k *process.OpenTask, now time.Time) string {
	who := "nobody claimed it"
	if k.Claimed != "" {
		who = "claimed by " + k.Claimed
	}
	return fmt.Sprintf("%s  task of %s  %s%s", k.ID, k.Group, who, dueOf(k.Due, now))
}

func (c *cli) printTask(k *process.OpenTask, now time.Time) {
	c.Print("%s", taskTitle(k, now))
	rows := [][]string{{"", "asked by", fmt.Sprintf("%s %s in %s, %s ago", k.Process, words.OneLine(k.Instance, 60), k.State, words.Span(now.Sub(k.Since)))}}
	if k.Why != "" {
		rows = append(rows, []string{"", "why", words.OneLine(k.Why, 400)})
	}
	for i, f := range k.Ask {
		name := "form"
		if i > 0 {
			name = ""
		}
		rows = append(rows, []string{"", name, f.String()})
	}
	c.Table(nil, rows)
	if len(k.Show) > 0 {
		c.Print("%s", words.JSON(k.Show))
	}
}
