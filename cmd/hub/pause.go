package main

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"

	"github.com/spf13/cobra"
)

func (a *admin) pause(r *http.Request) (any, error) {
	p := pauseRecord{}
	raw, err := io.ReadAll(io.LimitReader(r.Body, 64<<10))
	if err != nil {
		return nil, err
	}
	if len(raw) > 0 {
		if err := json.Unmarshal(raw, &p); err != nil {
			return nil, newProblem(http.StatusBadRequest, "bad_request", "bad request", "the body: %v", err)
		}
	}
	return a.switchPause(r, p, true)
}

func (a *admin) resume(r *http.Request) (any, error) { return a.switchPause(r, pauseRecord{}, false) }

func (a *admin) switchPause(r *http.Request, p pauseRecord, on bool) (any, error) {
	g := a.current.Load()
	found, err := g.pipeline(r.PathValue("name"))
	if err != nil {
		return nil, err
	}
	if len(found.Stages) == 0 {
		return nil, newProblem(http.StatusConflict, "not_pausable", "not for pausing", "pipeline %s runs inside its callers: pause those", found.Name)
	}
	p.Pipeline, p.Since = found.Name, a.clock.Now()
	if err := a.setPaused(r.Context(), g, p, on); err != nil {
		return nil, err
	}
	a.log.Info("pipeline", "name", found.Name, "paused", on, "reason", p.Reason)
	return pauseAnswer{p, on}, nil
}

// pauseAnswer is the state after the call.
type pauseAnswer struct {
	pauseRecord
	Paused bool `json:"paused"`
}

func (c *cli) pauseCommand() *cobra.Command {
	var reason string
	cmd := &cobra.Command{
		Use: "pause PIPELINE", Short: "Stop a pipeline; what comes waits, nothing is dropped, also over a restart",
		Args: between(1, 1), ValidArgsFunction: completePipelines,
		RunE: func(cmd *cobra.Command, args []string) error { return c.switchPause(cmd, args[0], "pause", reason) },
	}
	cmd.Flags().StringVar(&reason, "reason", "", "why, shown by hub status")
	return cmd
}

func (c *cli) resumeCommand() *cobra.Command {
	return &cobra.Command{
		Use: "resume PIPELINE", Short: "Let a paused pipeline go on", Args: between(1, 1), ValidArgsFunction: completePipelines,
		RunE: func(cmd *cobra.Command, args []string) error { return c.switchPause(cmd, args[0], "resume", "") },
	}
}

func (c *cli) switchPause(cmd *cobra.Command, name, verb, reason string) error {
	body, err := json.Marshal(map[string]string{"reason": reason})
	if err != nil {
		return err
	}
	var a pauseAnswer
	if done, err := c.fetch(cmd.Context(), http.MethodPost, "/pipelines/"+url.PathEscape(name)+"/"+verb, nil, body, &a); err != nil || done {
		return err
	}
	if a.Paused {
		c.Print("%s is paused: hub resume %s", a.Pipeline, a.Pipeline)
	} else {
		c.Print("%s runs", a.Pipeline)
	}
	return nil
}
