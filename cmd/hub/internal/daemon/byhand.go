package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"orderhub/cmd/hub/internal/api"
	"orderhub/cmd/hub/internal/bodies"
	"orderhub/cmd/hub/internal/words"
	"orderhub/hub"
	"orderhub/hub/doc"
	"orderhub/hub/escape"
	"orderhub/pipelines/process"
)

// setData changes values of an instance's data. A text takes the kind of what it replaces.
func (a *admin) setData(r *http.Request, g *generation, v *process.View, q *api.ActRequest) (*asked, error) {
	set := map[string]string{}
	if err := json.Unmarshal(q.With, &set); err != nil || len(set) == 0 {
		return nil, api.BadRequestf(`with is needed: {"customer.email": "ann@example.com"}`)
	}
	vars, err := doc.Parse(v.Data)
	if err != nil {
		return nil, err
	}
	data := vars.Get(g.Processes().DataName(v.Process))
	var values hub.Vars
	for path, text := range set {
		values = append(values, hub.Var{Name: path, Value: valueOf(text, doc.Lookup(data, pathOf(path)))})
	}
	if q.DryRun {
		return a.wouldSet(r, g, v, data, values.Document())
	}
	return &asked{put: process.Change(v.Process, v.ID, hub.NewID(a.clock.Now()), values.Document(), a.clock.Now())}, nil
}

// wouldSet tells what a change would be: that is a look at data.
func (a *admin) wouldSet(r *http.Request, g *generation, v *process.View, data, with doc.Value) (*asked, error) {
	actOf(r.Context()).Act = api.View
	after, err := g.Processes().Edited(v, data, with)
	if err != nil {
		return nil, err
	}
	v.Data = nil
	return &asked{would: &api.Acted{Instance: v, Change: bodies.Between(data, after)}}, nil
}

const (
	handKind  = "call by hand"       // of the records of calls, by their keys
	handKept  = 366 * 24 * time.Hour // for so long the same call is known again
	handLimit = 30 * time.Second
)

// callByHand asks an operation for an instance, once. That it is asked is stored before, and its answer behind it: a call that was
// answered is not made again, and one of which no answer is known is made again under the same Idempotency-Key.
func (a *admin) callByHand(r *http.Request) (*api.Called, error) {
	var q api.CallRequest
	if err := readJSON(r, &q); err != nil {
		return nil, err
	}
	a.byHand.Lock() // who asks the same at the same time waits for the answer
	defer a.byHand.Unlock()
	g, c := a.current.Load(), actOf(r.Context())
	v, err := a.find(r.Context(), g.Processes(), q.Instance)
	if err != nil {
		return nil, err
	}
	call := &api.Called{Instance: v.Process + "/" + v.ID, Operation: q.Operation, By: c.Who, Time: a.clock.Now().UTC()}
	call.Key = hub.HashID(escape.JoinKey("by hand", v.Process, v.ID, q.Operation, sameBody(q.Body)))
	c.On = call.Instance + " " + q.Operation
	rec, err := a.storage.Get(r.Context(), handKind, call.Key)
	switch {
	case errors.Is(err, hub.ErrNotFound):
		c.Outcome = "asked"
		if err := a.keepCall(r.Context(), v, call, 0, ""); err != nil {
			return nil, err
		}
	case err != nil:
		return nil, err
	default:
		if err := json.Unmarshal(rec.Value, call); err != nil {
			return nil, err
		}
		if call.Done {
			c.Count, c.Outcome, call.Before = 0, "done before", true
			return call, nil
		}
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), handLimit) // whoever asked may go: what was asked is kept
	defer cancel()
	m := &hub.Message{ID: call.Key, Correlation: v.ID, Time: call.Time, Headers: hub.Headers{hub.HeaderIdempotency: call.Key}}
	if q.Body != "" {
		m.Body = hub.NewBody([]byte(q.Body))
	}
	reply, err := g.opened.CallByHand(ctx, q.Operation, m)
	if err != nil {
		return nil, errors.Join(err, a.noteCall(ctx, v, call, "failed: "+hub.AsError(err).Error()))
	}
	call.Done, call.Status, call.Body = true, reply.Headers.Get(hub.HeaderStatus), a.body(reply.Body)
	c.Outcome = "answered " + call.Status
	answer := a.Registry.Mask.Shown([]byte(words.JSON(map[string]any{"body": call.Body})), false, documents...)
	return call, a.keepCall(ctx, v, call, hub.AnyVersion, c.Outcome+" "+bounded(string(answer)))
}

// sameBody is one text for all that say the same: the digest of a document, however it is written.
func sameBody(text string) string {
	if v, err := doc.Parse([]byte(text)); err == nil {
		return doc.Digest(v)
	}
	return text
}

// keepCall stores the call as it stands, with its record in the audit log, and its line in the history of the instance.
func (a *admin) keepCall(ctx context.Context, v *process.View, call *api.Called, version int64, told string) error {
	value, err := json.Marshal(call)
	if err != nil {
		return err
	}
	u := a.callUnit(v, call, told)
	u.Writes = []hub.Write{{Kind: handKind, Key: call.Key, Value: value, IfVersion: version, Expires: call.Time.Add(handKept)}}
	return a.commit(ctx, u)
}

// noteCall tells in the history that the call failed. Asked again it is made again.
func (a *admin) noteCall(ctx context.Context, v *process.View, call *api.Called, told string) error {
	return a.storage.Commit(ctx, a.callUnit(v, call, a.Registry.Mask.Text(told)))
}

func (a *admin) callUnit(v *process.View, call *api.Called, told string) *hub.Unit {
	if told == "" {
		told = "asked"
	}
	return &hub.Unit{Root: v.Process + ":" + v.ID, Correlation: v.ID, History: []hub.Event{{Time: a.clock.Now(), Message: call.Key, Where: v.Process,
		What: "called", Detail: call.Operation + " by hand, by " + call.By + ": " + told}}}
}
