package daemon

import (
	"cmp"
	"context"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"orderhub/cmd/hub/internal/api"
	"orderhub/cmd/hub/internal/bodies"
	"orderhub/cmd/hub/internal/config"
	"orderhub/cmd/hub/internal/eval"
	"orderhub/hub"
	"orderhub/hub/store"
	"orderhub/pipelines"
	"orderhub/pipelines/process"
	"orderhub/pipelines/scenario"
	"orderhub/transforms/formula"
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

// try tries a formula, steps or a pipeline on a body, or on a message of the store, with the configuration in the file: on a copy, which reaches nobody.
func (a *admin) try(r *http.Request) (*api.Tried, error) {
	var q api.TryRequest
	if err := readJSON(r, &q); err != nil {
		return nil, err
	}
	m, err := a.triedMessage(r, &q)
	if err != nil {
		return nil, err
	}
	switch {
	case q.Formula != "" && q.Steps+q.Pipeline == "":
		var body []byte
		if m.Body.Len() > 0 {
			body = m.Body.Bytes()
		}
		v, faults, err := eval.Formula(q.Formula, body, formula.NewScope(), a.Registry.Funcs)
		if err != nil {
			return nil, api.BadRequestf("the body: %v", err)
		}
		if v == nil {
			return &api.Tried{Faults: faults}, nil
		}
		return &api.Tried{Result: api.Result{Body: v.Value.JSON(), Type: v.Type}}, nil
	case q.Formula == "" && (q.Steps == "") != (q.Pipeline == ""):
		return a.tryPipeline(r, &q, m)
	}
	return nil, api.BadRequestf("give one of formula, steps and pipeline")
}

// triedMessage is what is tried: the body, or a message of the store as it is.
func (a *admin) triedMessage(r *http.Request, q *api.TryRequest) (*hub.Message, error) {
	if q.Seq == 0 {
		return a.message(r, []byte(q.Body)), nil
	}
	page, err := a.storage.Browse(r.Context(), store.BrowseQuery{After: q.Seq - 1, Limit: 1})
	if err != nil {
		return nil, err
	}
	if len(page) == 0 || page[0].Seq != q.Seq || page[0].Msg == nil {
		return nil, api.NotFoundf("no message %d lies in the store any more", q.Seq)
	}
	actOf(r.Context()).Act = api.View
	m := a.message(r, page[0].Msg.Body.Bytes())
	m.Headers, m.Key = page[0].Msg.Headers, page[0].Msg.Key
	return m, nil
}

// stepsName is the pipeline that tried steps stand in, and where their faults are told.
const stepsName = "steps"

func (a *admin) tryPipeline(r *http.Request, q *api.TryRequest, m *hub.Message) (*api.Tried, error) {
	g, reg, name := a.current.Load(), a.Fresh(), q.Pipeline
	lab, sets := scenario.NewLab(reg), g.Sets
	if name == "" {
		name = stepsName
		sets = append(slices.Clone(sets), "channels.steps={type: direct}", "pipelines.steps={from: steps, steps: []}")
	}
	loader := config.Offline(g.Path, reg, sets)
	if q.Steps != "" {
		loader.Graft("pipelines.steps.steps", stepsName, []byte(q.Steps))
	}
	plan, problems := pipelines.Load(g.Path, reg, loader)
	in := &scenario.Trying{Put: hub.Put{Msg: m}}
	if root, ok := loader.Again().ReadFile(g.Path); ok && q.Answers != "" && problems.Errors() == 0 {
		if n, ok := loader.Parse("answers", []byte(q.Answers)); ok {
			in.Answers = scenario.ReadAnswers(n, root, reg.Asked)
		}
	}
	if problems.Errors() > 0 {
		return &api.Tried{Problems: config.ProblemText(problems)}, nil
	}
	p := plan.Pipeline(name)
	if p == nil || len(p.Stages) == 0 || p.From.Section != "" {
		_, err := g.pipeline(name)
		return nil, cmp.Or(err, error(api.Conflictf("not_sendable", "%s takes no messages from outside: name the pipeline that calls or starts it", name)))
	}
	for _, s := range plan.Stages() { // the whole course is told, whatever is kept of those that run
		s.Bodies, s.Failing = time.Hour, false
	}
	out := &api.Tried{}
	in.Stage, in.Look = p.Stages[0].Name, func(ctx context.Context, st store.Store) (err error) {
		if out.Trace, err = traceIn(ctx, st, []string{m.ID}, process.Of(plan), nil); err == nil {
			err = bodies.Add(ctx, st, out.Trace, a.body)
		}
		return err
	}
	res, err := lab.Try(r.Context(), plan, a.storage, a.clock.Now(), in)
	if err != nil {
		out.Refused = api.ProblemOf(err)
		return out, nil
	}
	out.Asks, out.Effects = res.Asks, res.Effects
	if res.Reply != nil {
		out.Reply = &api.SentReply{Headers: res.Reply.Headers, Body: a.body(res.Reply.Body)}
	}
	return out, nil
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
