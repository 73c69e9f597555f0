package main

import (
	"fmt"
	"net/http"

	"github.com/spf13/cobra"

	"orderhub/cmd/hub/internal/exit"
)

// reloadNow asks the daemon to reload, and waits for its answer. Problems are an answer, not an error.
func (a *admin) reloadNow(r *http.Request) (any, error) {
	answer := make(chan reloadAnswer, 1)
	closing := newProblem(http.StatusServiceUnavailable, "stopping", "stopping", "the hub is stopping")
	select {
	case a.reloads <- answer:
	case <-a.closing:
		return nil, closing
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
	return <-answer, nil
}

func (c *cli) reloadCommand() *cobra.Command {
	return &cobra.Command{
		Use: "reload", Short: "Load the configuration again; with problems the old one keeps running", Args: between(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			var a reloadAnswer
			done, err := c.fetch(cmd.Context(), http.MethodPost, "/reload", nil, nil, &a)
			if err != nil {
				return err
			}
			if !done {
				for _, w := range a.Warnings {
					c.Say("warning: %s", w)
				}
				fmt.Fprint(c.Talk, a.Problems)
				c.Print("%s", a.Summary)
			}
			if !a.OK {
				return exit.Told()
			}
			return nil
		},
	}
}
