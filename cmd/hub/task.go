package main

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"orderhub/cmd/hub/internal/exit"
	"orderhub/cmd/hub/internal/words"
	"orderhub/pipelines/process"
)

func (c *cli) taskCommand() *cobra.Command {
	var group string
	var late bool
	list := func(cmd *cobra.Command, _ []string) error { return c.taskList(cmd.Context(), group, late) }
	cmd := &cobra.Command{
		Use:   "task",
		Short: "Show the questions that processes ask people, and answer them",
		Example: "  hub task list --late                     what nobody answered in time\n" +
			"  hub task claim order:W-1/3 --by ann      nobody else may answer it\n" +
			"  hub task answer order:W-1/3 approve=true note='checked' --by ann",
		Args: func(cmd *cobra.Command, args []string) error { return unknownVerb(cmd, args) },
		RunE: list,
	}
	ls := &cobra.Command{Use: "list", Short: "List the open tasks, those due first at the top", Args: between(0, 0), RunE: list}
	for _, flags := range []*cobra.Command{cmd, ls} {
		flags.Flags().StringVar(&group, "group", "", "only those of this group")
		flags.Flags().BoolVar(&late, "late", false, "only those that nobody answered in time")
	}
	cmd.AddCommand(ls,
		&cobra.Command{Use: "show ID", Short: "Show a task with its form", Args: between(1, 1),
			RunE: func(cmd *cobra.Command, args []string) error { return c.taskShow(cmd.Context(), args[0]) }},
		c.claimVerb(), c.answerVerb(), c.handOverVerb())
	return cmd
}

func (c *cli) claimVerb() *cobra.Command {
	var by string
	cmd := &cobra.Command{Use: "claim ID", Short: "Make a task yours: nobody else may answer it", Args: between(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if by == "" {
				return exit.Usagef("--by is missing: who claims it")
			}
			return c.changeTask(cmd.Context(), "claim", taskRequest{ID: args[0], By: by})
		}}
	cmd.Flags().StringVar(&by, "by", "", "who claims it")
	return cmd
}

func (c *cli) handOverVerb() *cobra.Command {
	var to string
	cmd := &cobra.Command{Use: "hand-over ID", Short: "Give a task to somebody else, or back to a group", Args: between(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if to == "" {
				return exit.Usagef("--to is missing: a name, or a group")
			}
			return c.changeTask(cmd.Context(), "hand-over", taskRequest{ID: args[0], To: to})
		}}
	cmd.Flags().StringVar(&to, "to", "", "a name, or a group: then anybody of it may claim it")
	return cmd
}

func (c *cli) answerVerb() *cobra.Command {
	var by string
	cmd := &cobra.Command{Use: "answer ID FIELD=VALUE...", Short: "Answer a task; the values are read by its form", Args: between(1, -1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if by == "" {
				return exit.Usagef("--by is missing: who answers")
			}
			return c.taskAnswer(cmd.Context(), args[0], args[1:], by)
		}}
	cmd.Flags().StringVar(&by, "by", "", "who answers")
	return cmd
}

func (c *cli) taskList(ctx context.Context, group string, late bool) error {
	var list []process.OpenTask
	query := url.Values{"group": {group}, "late": {strconv.FormatBool(late)}}
	if done, err := c.fetch(ctx, http.MethodGet, "/tasks", query, nil, &list); err != nil || done {
		return err
	}
	if len(list) == 0 {
		c.Say("no open tasks")
		return nil
	}
	now := time.Now()
	rows := make([][]string, len(list))
	for i, k := range list {
		due := strings.TrimPrefix(dueOf(k.Due, now), ", ")
		rows[i] = []string{k.ID, k.Group, words.OrDash(k.Claimed), k.Process + " " + words.OneLine(k.Instance, 40), k.State, words.Age(k.Since, now), words.OrDash(due)}
	}
	c.Table([]string{"TASK", "GROUP", "CLAIMED", "OF", "STATE", "AGE", "DUE"}, rows)
	return nil
}

func (c *cli) taskShow(ctx context.Context, id string) error {
	var k process.OpenTask
	if done, err := c.fetch(ctx, http.MethodGet, "/task", url.Values{"id": {id}}, nil, &k); err != nil || done {
		return err
	}
	c.printTask(&k, time.Now())
	return nil
}

// changeTask claims a task or hands it over, and prints it afterwards.
func (c *cli) changeTask(ctx context.Context, verb string, q taskRequest) error {
	body, err := json.Marshal(q)
	if err != nil {
		return err
	}
	var k process.OpenTask
	if done, err := c.fetch(ctx, http.MethodPost, "/tasks/"+verb, nil, body, &k); err != nil || done {
		return err
	}
	c.Print("%s", taskTitle(&k, time.Now()))
	return nil
}

func (c *cli) taskAnswer(ctx context.Context, id string, fields []string, by string) error {
	answer := map[string]string{}
	for _, pair := range fields {
		name, value, ok := strings.Cut(pair, "=")
		if _, twice := answer[name]; !ok || twice {
			return exit.Usagef("%q is no field=value, or the field is given twice", pair)
		}
		answer[name] = value
	}
	body, err := json.Marshal(map[string]any{"id": id, "by": by, "answer": answer})
	if err != nil {
		return err
	}
	var a actAnswer
	if done, err := c.fetch(ctx, http.MethodPost, "/tasks/answer", nil, body, &a); err != nil || done {
		return err
	}
	c.Print("%s", titleOf(a.Instance, time.Now()))
	if !a.Done {
		c.Say("the answer is stored, and the process has not taken it yet: hub trace %s", a.Instance.ID)
	}
	return nil
}
