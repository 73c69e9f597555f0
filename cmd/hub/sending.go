package main

import (
	"context"
	"io"
	"net/http"
	"strings"
	"time"

	"orderhub/cmd/hub/internal/words"
	"orderhub/hub"
	"orderhub/pipelines"
)

const maxSent = 64 << 20 // bytes of a body

// sendAnswer is what became of a message that was sent by hand.
type sendAnswer struct {
	ID    string     `json:"id"`
	Reply *sentReply `json:"reply,omitempty"`
	Trace *traceView `json:"trace,omitempty"` // with wait
	Quiet *bool      `json:"quiet,omitempty"` // with wait: nothing of it is on its way any more
}

type sentReply struct {
	Headers hub.Headers `json:"headers,omitempty"`
	Body    any         `json:"body,omitempty"`
}

// send hands the request's body to a pipeline as if it came from its source.
// Headers of the message are the query parameters header.NAME, param.NAME and key.
func (a *admin) send(r *http.Request) (any, error) {
	g := a.current.Load()
	p, err := g.pipeline(r.PathValue("name"))
	if err != nil {
		return nil, err
	}
	if p.From.Section != "" {
		return nil, newProblem(http.StatusConflict, "not_sendable", "not for sending", "%s is a process: send to a pipeline that starts it, or hub process signal ID EVENT", p.Name)
	}
	if len(p.Stages) == 0 {
		return nil, newProblem(http.StatusConflict, "not_sendable", "not for sending", "pipeline %s is run by calls: send to the one that calls it", p.Name)
	}
	if g.paused()[p.Name] {
		return nil, newProblem(http.StatusConflict, "paused", "paused", "pipeline %s is paused: hub resume %s", p.Name, p.Name)
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxSent+1))
	if err != nil {
		return nil, err
	}
	if len(body) > maxSent {
		return nil, newProblem(http.StatusRequestEntityTooLarge, "too_large", "too large", "the body is larger than %d bytes", maxSent)
	}
	m := a.message(r, body)
	reply, err := g.rt.Inject(r.Context(), p.Stages[0].Name, m)
	if err != nil {
		e := problemOf(err)
		e.Trace = m.ID
		return nil, e
	}
	answer := sendAnswer{ID: m.ID}
	if reply != nil {
		answer.Reply = &sentReply{Headers: reply.Headers}
		if raw := a.body(reply.Body); raw != nil {
			answer.Reply.Body = raw
		}
	}
	if wait, err := time.ParseDuration(r.FormValue("wait")); err == nil && wait > 0 {
		quiet := a.await(r.Context(), m.ID, wait)
		answer.Quiet = &quiet
		if answer.Trace, err = a.traceOf(r.Context(), m.ID); err != nil {
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

// pipeline finds a pipeline of the plan; the problem names the nearest one.
func (g *generation) pipeline(name string) (*pipelines.Pipeline, error) {
	if p := g.plan.Pipeline(name); p != nil {
		return p, nil
	}
	return nil, notFound("no pipeline %q%s", name, words.Meant(name, pipelineNames(g.plan), ""))
}

func pipelineNames(p *pipelines.Plan) []string {
	out := make([]string, len(p.Pipelines))
	for i, l := range p.Pipelines {
		out[i] = l.Name
	}
	return out
}

// await waits until nothing that descends from the root is on its way any more.
func (a *admin) await(ctx context.Context, root string, limit time.Duration) bool {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for {
		left, err := a.storedOf(ctx, map[string]bool{root: true}, nil)
		if err != nil {
			return false
		}
		moving, reads := 0, a.current.Load().reads()
		for _, d := range left {
			if d.State != hub.Dead && reads[d.Queue] {
				moving++
			}
		}
		if moving == 0 {
			return true
		}
		select {
		case <-ctx.Done():
			return false
		case <-time.After(10 * time.Millisecond):
		}
	}
}
