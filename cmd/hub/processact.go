package main

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"time"

	"orderhub/hub"
	"orderhub/pipelines/process"
)

// effectTime is how long a call waits for the effect of what it committed.
const effectTime = time.Second

// actRequest is what somebody asks of an instance.
type actRequest struct {
	Instance string          `json:"instance"` // PROCESS/ID, or ID alone where that is clear
	Event    string          `json:"event,omitempty"`
	With     json.RawMessage `json:"with,omitempty"`
	Why      string          `json:"why,omitempty"`
}

// actAnswer is the instance after what was asked. It is durable in any case.
type actAnswer struct {
	Instance *process.View `json:"instance"`
	Done     bool          `json:"done"`              // the process has taken it; false: not within a second
	Message  string        `json:"message"`           // the ID of the message that asks for it
	Kept     bool          `json:"kept,omitempty"`    // of an event: no state takes it yet
	Dropped  int           `json:"dropped,omitempty"` // of a retry: dead letters that it replaces
	Left     int           `json:"left,omitempty"`    // of a retry: other dead letters of the instance
	Moved    bool          `json:"moved,omitempty"`   // of a move: it is on another version now
}

// asked is what a verb decided to do.
type asked struct {
	put   hub.Put
	note  string                                        // for the history; "": the process tells it itself
	after func(ctx context.Context, a *actAnswer) error // when the process has taken it; may be nil
}

// act commits what decide makes of a request for an instance that is there, and waits for its effect.
func (a *admin) act(decide func(r *http.Request, g *generation, v *process.View, q *actRequest) (*asked, error)) handler {
	return func(r *http.Request) (any, error) {
		var q actRequest
		if err := readJSON(r, &q); err != nil {
			return nil, err
		}
		g := a.current.Load()
		v, err := a.find(r.Context(), process.Of(g.plan), q.Instance)
		if err != nil {
			return nil, err
		}
		if !v.Closed.IsZero() {
			return nil, conflict("no_process", "%s %s ended in %s at %s", v.Process, v.ID, v.State, v.Closed.Local().Format(time.DateTime))
		}
		d, err := decide(r, g, v, &q)
		if err != nil {
			return nil, err
		}
		u := &hub.Unit{Puts: []hub.Put{d.put}}
		if d.note != "" {
			u.Root, u.Correlation = v.Process+":"+v.ID, v.ID
			u.History = []hub.Event{{Time: a.clock.Now(), Message: d.put.Msg.ID, Where: v.Process, What: "signalled", Detail: d.note}}
		}
		if err := g.rt.Commit(r.Context(), u); err != nil {
			return nil, err
		}
		out := actAnswer{Message: d.put.Msg.ID}
		if out.Done, err = a.effect(r.Context(), d.put); err != nil {
			return nil, err
		}
		if out.Instance, err = process.Find(r.Context(), a.storage, process.Of(g.plan), v.Process, v.ID); err != nil {
			return nil, err
		}
		if out.Done && d.after != nil {
			err = d.after(r.Context(), &out)
		}
		return out, err
	}
}

// effect waits until the process has taken the message. What it refuses is
// told here, and leaves no dead letter: somebody waits for the answer.
func (a *admin) effect(ctx context.Context, p hub.Put) (done bool, err error) {
	for end := time.Now().Add(effectTime); ; {
		left, err := a.storage.Browse(ctx, hub.BrowseQuery{Queue: p.Queue, ID: p.Msg.ID, Limit: 1})
		if err != nil || len(left) == 0 {
			return err == nil, err
		}
		if d := left[0]; d.State == hub.Dead {
			if _, err := a.storage.Settle(ctx, []int64{d.Seq}, false); err != nil {
				return false, err
			}
			return false, conflict(d.Error.Reason, "%s", d.Error.Text())
		}
		if time.Now().After(end) {
			return false, nil
		}
		select {
		case <-ctx.Done():
			return false, ctx.Err()
		case <-time.After(5 * time.Millisecond):
		}
	}
}

func conflict(code, format string, args ...any) error {
	return newProblem(http.StatusConflict, code, "not possible", format, args...)
}

// readJSON reads a request's body; a field that nobody knows is a fault.
func readJSON(r *http.Request, v any) error {
	dec := json.NewDecoder(io.LimitReader(r.Body, 1<<20))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return newProblem(http.StatusBadRequest, "bad_request", "bad request", "the body: %v", err)
	}
	return nil
}
