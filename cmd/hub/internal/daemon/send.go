package daemon

import (
	"context"
	"io"
	"net/http"
	"strings"
	"time"

	"orderhub/cmd/hub/internal/api"
	"orderhub/hub"
)

const maxSent = 64 << 20 // bytes of a body

// send hands the request's body to a pipeline as if it came from its source.
// Headers of the message are the query parameters header.NAME, param.NAME and key.
func (a *admin) send(r *http.Request) (*api.Sent, error) {
	g := a.current.Load()
	p, err := g.pipeline(r.PathValue("name"))
	if err != nil {
		return nil, err
	}
	if p.From.Section != "" {
		return nil, api.Problemf(http.StatusConflict, "not_sendable", "not for sending",
			"%s is a process: send to a pipeline that starts it, or hub process signal ID EVENT", p.Name)
	}
	if len(p.Stages) == 0 {
		return nil, api.Problemf(http.StatusConflict, "not_sendable", "not for sending",
			"pipeline %s is run by calls: send to the one that calls it", p.Name)
	}
	if g.paused()[p.Name] {
		return nil, api.Problemf(http.StatusConflict, "paused", "paused", "pipeline %s is paused: hub resume %s", p.Name, p.Name)
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxSent+1))
	if err != nil {
		return nil, err
	}
	if len(body) > maxSent {
		return nil, api.Problemf(http.StatusRequestEntityTooLarge, "too_large", "too large", "the body is larger than %d bytes", maxSent)
	}
	m := a.message(r, body)
	actOf(r.Context()).On += " " + m.ID
	reply, err := g.rt.Inject(r.Context(), p.Stages[0].Name, m)
	if err != nil {
		e := api.ProblemOf(err)
		e.Trace = m.ID
		return nil, e
	}
	answer := &api.Sent{ID: m.ID}
	if reply != nil {
		answer.Reply = &api.SentReply{Headers: reply.Headers, Body: a.body(reply.Body)}
	}
	if wait, err := time.ParseDuration(r.FormValue("wait")); err == nil && wait > 0 {
		quiet := a.await(r.Context(), m.ID, wait)
		answer.Quiet = &quiet
		if answer.Trace, err = a.Trace(r.Context(), m.ID); err != nil {
			return nil, err
		}
	}
	return answer, nil
}

func (a *admin) message(r *http.Request, body []byte) *hub.Message {
	now := a.clock.Now()
	m := &hub.Message{ID: hub.NewID(now), Time: now, Key: r.URL.Query().Get("key"), Headers: hub.Headers{hub.HeaderContentType: "application/json"}}
	if len(body) > 0 {
		m.Body = hub.NewBody(body)
	}
	for name, values := range r.URL.Query() {
		name = strings.ToLower(name)
		if h, ok := strings.CutPrefix(name, "header."); ok {
			m.Headers = m.Headers.With(h, values[0])
		} else if strings.HasPrefix(name, "param.") {
			m.Headers = m.Headers.With(name, values[0])
		}
	}
	return m
}

// await waits until nothing that descends from the root is on its way any more.
func (a *admin) await(ctx context.Context, root string, limit time.Duration) bool {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	quiet, err := a.Until(ctx, 10*time.Millisecond, func() (bool, error) {
		left, err := storedOf(ctx, a.storage, map[string]bool{root: true}, nil)
		reads := a.current.Load().Reads()
		for _, d := range left {
			if d.State != hub.Dead && reads[d.Queue] {
				return false, err
			}
		}
		return err == nil, err
	})
	return quiet && err == nil
}

// switchPause pauses a pipeline or lets it go on.
func (a *admin) switchPause(r *http.Request, on bool) (*api.PauseState, error) {
	p := api.Pause{Reason: actOf(r.Context()).Why}
	g := a.current.Load()
	found, err := g.pipeline(r.PathValue("name"))
	if err != nil {
		return nil, err
	}
	if len(found.Stages) == 0 {
		return nil, api.Problemf(http.StatusConflict, "not_pausable", "not for pausing", "pipeline %s runs inside its callers: pause those", found.Name)
	}
	p.Pipeline, p.Since = found.Name, a.clock.Now()
	if err := a.setPaused(r.Context(), g, p, on); err != nil {
		return nil, err
	}
	a.Log.Info("pipeline", "name", found.Name, "paused", on, "reason", p.Reason)
	return &api.PauseState{Pause: p, Paused: on}, nil
}
