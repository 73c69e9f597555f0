package daemon

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"orderhub/cmd/hub/internal/access"
	"orderhub/cmd/hub/internal/api"
	"orderhub/cmd/hub/internal/config"
	"orderhub/hub"
	"orderhub/hub/doc"
	"orderhub/hub/units"
	"orderhub/pipelines/alert"
	"orderhub/transforms/formula"
	"orderhub/transforms/shape"
)

// admin answers the calls of package api.
type admin struct {
	*Daemon
	calls api.OpenAPI // that it answers
}

func (a *admin) routes() http.Handler {
	mux := a.watched(http.NewServeMux())
	a.calls.Version = a.Version.Version
	handle(a, mux, api.GetOpenAPI, func(*http.Request) (*api.OpenAPI, error) { return &a.calls, nil })
	handle(a, mux, api.GetVersion, func(*http.Request) (*api.Version, error) { return &a.Version, nil })
	handle(a, mux, api.GetStatus, a.status)
	handle(a, mux, api.GetAdapters, a.adapters)
	handle(a, mux, api.GetAlerts, func(r *http.Request) ([]alert.Entry, error) { return a.alerts(r.Context()) })
	handle(a, mux, api.PostSilence, a.silence)
	handle(a, mux, api.GetGraph, a.graph)
	handle(a, mux, api.GetTrace, a.trace)
	handle(a, mux, api.GetDead, a.dead)
	handle(a, mux, api.GetDeadGroups, a.deadGroups)
	handle(a, mux, api.PostReplay, a.replay)
	handle(a, mux, api.PostDrop, a.drop)
	handle(a, mux, api.GetRefused, a.refusals)
	handle(a, mux, api.GetRefusedCounts, a.refusedCounts)
	handle(a, mux, api.PostMessage, a.send)
	handle(a, mux, api.PostPause, func(r *http.Request) (*api.PauseState, error) { return a.switchPause(r, true) })
	handle(a, mux, api.PostResume, func(r *http.Request) (*api.PauseState, error) { return a.switchPause(r, false) })
	handle(a, mux, api.GetChannels, a.channels)
	handle(a, mux, api.GetMessages, a.messages)
	handle(a, mux, api.PostTransfer, a.moveMessages)
	handle(a, mux, api.PostPurge, a.purge)
	handle(a, mux, api.GetFound, a.search)
	handle(a, mux, api.GetTables, a.tables)
	handle(a, mux, api.GetRows, a.rows)
	handle(a, mux, api.GetInstances, a.instances)
	handle(a, mux, api.GetInstance, a.instance)
	handle(a, mux, api.PostSignal, a.act(true, a.signal))
	handle(a, mux, api.PostRetry, a.act(false, a.retry))
	handle(a, mux, api.PostCancel, a.act(false, a.cancel))
	handle(a, mux, api.PostMove, a.act(false, a.move))
	handle(a, mux, api.PostChange, a.act(false, a.setData))
	handle(a, mux, api.PostCall, a.callByHand)
	handle(a, mux, api.GetTasks, a.tasks)
	handle(a, mux, api.GetTask, a.task)
	handle(a, mux, api.PostClaim, a.changing(a.claim))
	handle(a, mux, api.PostHandOver, a.changing(a.handOver))
	handle(a, mux, api.PostTaskAnswer, a.answerTask)
	handle(a, mux, api.GetReport, a.report)
	handle(a, mux, api.PostDiff, a.diff)
	handle(a, mux, api.GetContents, a.verify)
	handle(a, mux, api.PostBackup, a.backUp)
	handle(a, mux, api.PostForget, a.forget)
	handle(a, mux, api.GetDoctor, a.examine)
	handle(a, mux, api.GetConfigs, func(r *http.Request) ([]api.ConfigRun, error) { return config.History(r.Context(), a.storage) })
	handle(a, mux, api.GetConfigChange, a.configChange)
	handle(a, mux, api.PostRollback, a.rollback)
	handle(a, mux, api.PostTry, a.try)
	handle(a, mux, api.GetConfig, a.config)
	handle(a, mux, api.PostReload, a.reloadNow)
	handle(a, mux, api.GetAudit, a.auditLog)
	handle(a, mux, api.GetTokens, func(r *http.Request) ([]*api.Token, error) { return access.Tokens(r.Context(), a.storage) })
	handle(a, mux, api.PostToken, a.addToken)
	handle(a, mux, api.PostRevoke, a.revokeToken)
	mux.HandleFunc(api.GetTap.Method+" "+api.GetTap.Path, a.tap)
	api.Add(&a.calls, &api.GetTap)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		a.fail(w, r, api.Problemf(http.StatusNotFound, "no_route", "no such call", "%s %s is no call of this hub", r.Method, r.URL.Path))
	})
	return mux
}

// handler gives the answer of a call.
type handler[A any] = func(r *http.Request) (A, error)

// handle answers a call with what h gives, as JSON, or with a problem.
func handle[A any](a *admin, mux *http.ServeMux, call api.Call[A], h handler[A]) {
	api.Add(&a.calls, &call)
	mux.HandleFunc(call.Method+" "+call.Path, func(w http.ResponseWriter, r *http.Request) {
		answer, err := recorded(a, r, call, h)
		if err != nil {
			a.fail(w, r, err)
			return
		}
		a.tell(w, r, http.StatusOK, "application/json", answer)
	})
}

// fail answers with the problem that tells of err.
func (d *Daemon) fail(w http.ResponseWriter, r *http.Request, err error) {
	p := api.ProblemOf(err)
	d.tell(w, r, p.Status, "application/problem+json", p)
}

// documents are the fields of answers that documents of messages stand under.
var documents = []string{"body", "headers", "data", "show", "before", "after"}

// tell writes v as JSON, as people may see it: secrets are masked, and what schemas
// mark in documents; with ?personal=true what is personal is shown.
func (d *Daemon) tell(w http.ResponseWriter, r *http.Request, status int, kind string, v any) {
	w.Header().Set("Content-Type", kind)
	w.WriteHeader(status)
	raw, err := json.Marshal(v)
	if err != nil {
		raw, _ = json.Marshal(api.ProblemOf(err)) // texts always can
	}
	var b bytes.Buffer
	json.Indent(&b, d.Registry.Mask.Shown(raw, r.URL.Query().Get("personal") == "true", documents...), "", "  ") // of our own JSON
	b.WriteByte('\n')
	w.Write(b.Bytes()) // the client may be gone
}

// addToken makes a token, for pipelines that there are.
func (a *admin) addToken(r *http.Request) (*api.Token, error) {
	var q api.TokenRequest
	if err := readJSON(r, &q); err != nil {
		return nil, err
	}
	for _, name := range q.Pipelines {
		if _, err := a.current.Load().pipeline(name); err != nil {
			return nil, err
		}
	}
	act := actOf(r.Context())
	act.On = q.Name
	t, write, err := access.NewToken(r.Context(), a.storage, &q, act.Who, a.clock.Now().UTC())
	if err != nil {
		return nil, err
	}
	return t, a.commit(r.Context(), &hub.Unit{Writes: []hub.Write{write}})
}

func (a *admin) revokeToken(r *http.Request) (*api.Revoked, error) {
	out, writes, err := access.Revoke(r.Context(), a.storage, r.PathValue("name"))
	if err != nil {
		return nil, err
	}
	actOf(r.Context()).Count = len(writes)
	return out, a.commit(r.Context(), &hub.Unit{Writes: writes})
}

// readJSON reads a request's body; a field that nobody knows is a fault.
func readJSON(r *http.Request, v any) error {
	dec := json.NewDecoder(io.LimitReader(r.Body, 1<<20))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return api.BadRequestf("the body: %v", err)
	}
	actOf(r.Context()).asked = v
	return nil
}

// number is a number of the query; otherwise stands for one that is not there.
func number(query url.Values, name string, otherwise int64) (int64, error) {
	text := query.Get(name)
	if text == "" {
		return otherwise, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, api.BadQueryf("%s is no number: %q", name, text)
	}
	return n, nil
}

// limit is ?limit=, at least 1 and at most most.
func limit(query url.Values, otherwise, most int64) (int, error) {
	n, err := number(query, "limit", otherwise)
	return int(min(max(n, 1), most)), err
}

// body is a body as a part of an answer: a document as it is, anything else as a
// text, without what stands behind the names of marked fields.
func (a *admin) body(b hub.Body) json.RawMessage {
	raw := b.Bytes()
	if len(raw) == 0 {
		return nil
	}
	if _, err := doc.Parse(raw); err == nil {
		return raw
	}
	text, _ := json.Marshal(a.Registry.Mask.Named(string(raw))) // of a text: never fails
	return text
}

// question is a condition that somebody asks of messages, or of the rows of a table.
type question struct {
	formula *formula.Formula // nil: every one is meant
	clock   hub.Clock
	api.Asked
}

// ask compiles the condition of a parameter; "" is met by all. It has the names of a message, and those of the variables.
func (a *admin) ask(name, source string, vars ...string) (*question, error) {
	q := &question{clock: a.clock}
	if source == "" {
		return q, nil
	}
	scope := formula.NewScope()
	for _, name := range vars {
		scope = scope.WithVar(name, shape.AnyType)
	}
	f, errs := formula.CompileBool(source, scope)
	if f == nil {
		e := errs[0]
		return nil, api.BadQueryf("%s: %s, at character %d of %s. %s", name, e.Message, e.Offset+1, source, e.Help)
	}
	q.formula = f
	return q, nil
}

// meets tells whether m meets the condition. One of which that can't be told, such as a body that can't be read, does not, and is counted under name.
func (q *question) meets(name string, m *hub.Message, vars hub.Vars) bool {
	if q.formula == nil {
		return true
	}
	if m == nil {
		return false
	}
	x := hub.NewExchange(m, &hub.StageEnv{Clock: q.clock})
	x.Vars = vars
	met, err := q.formula.Bool(formula.NewFrame(x))
	if err != nil {
		q.Unclear++
		q.Why = cmp.Or(q.Why, fmt.Sprintf("%s: %v", name, err))
	}
	return met && err == nil
}

// before is the time that text means, such as 2d, which is two days ago; zero for "".
func (a *admin) before(name, text string) (time.Time, error) {
	return moment(a.clock.Now(), name, text)
}

func moment(now time.Time, name, text string) (time.Time, error) {
	at, err := units.ParseMoment(now, text)
	if err != nil {
		return at, api.BadQueryf("%s: %v", name, err)
	}
	return at, nil
}

// durationOf is the time span that text says.
func durationOf(name, text string) (time.Duration, error) {
	d, err := units.ParseDuration(text)
	if err != nil || d < 0 {
		return 0, api.BadQueryf("%s is no time span: %q; write 90m, 12h or 2d", name, text)
	}
	return d, nil
}
