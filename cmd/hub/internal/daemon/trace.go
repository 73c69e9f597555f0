package daemon

import (
	"cmp"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"orderhub/cmd/hub/internal/api"
	"orderhub/cmd/hub/internal/bodies"
	"orderhub/cmd/hub/internal/peers"
	"orderhub/hub"
	"orderhub/hub/store"
	"orderhub/pipelines/process"
)

// trace asks this hub, and those under `peers:`. With ?full=true it shows the bodies before and after the steps in this hub.
func (a *admin) trace(r *http.Request) (*api.Trace, error) {
	id := cmp.Or(r.FormValue("id"), api.Last)
	t, err := a.everywhere(r.Context(), id)
	if err == nil && r.FormValue("full") == "true" {
		err = bodies.Add(r.Context(), a.storage, t, a.body)
	}
	if err == nil && slices.ContainsFunc(t.Refused, func(f hub.Refusal) bool { return f.Begins != "" }) {
		c := actOf(r.Context())
		c.Act, c.On = api.View, id
	}
	return t, err
}

// everywhere is the trace of an ID over this hub and those under `peers:`.
func (d *Daemon) everywhere(ctx context.Context, id string) (*api.Trace, error) {
	plan := d.current.Load().Plan
	if len(plan.Peers) == 0 {
		return d.Trace(ctx, id)
	}
	hubs := []peers.Hub{{Name: plan.Name, Ask: func(ctx context.Context, ids []string) (*api.Trace, error) { return d.Trace(ctx, ids...) }}}
	for _, name := range slices.Sorted(maps.Keys(plan.Peers)) {
		hubs = append(hubs, peers.Of(name, plan.Peers[name]))
	}
	return peers.Trace(ctx, id, hubs)
}

// peerTrace answers another hub, which has the token of `ops:`. It gives no bytes of messages.
func (d *Daemon) peerTrace(w http.ResponseWriter, r *http.Request) {
	given, bearer := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	token := d.current.Load().Plan.Ops.Token.Reveal()
	ids := r.URL.Query()["id"]
	r.URL.RawQuery = "" // nobody asks for what is personal here
	has, want := sha256.Sum256([]byte(given)), sha256.Sum256([]byte(token))
	var t *api.Trace
	var err error
	switch {
	case !bearer || token == "" || subtle.ConstantTimeCompare(has[:], want[:]) != 1:
		w.Header().Set("WWW-Authenticate", "Bearer")
		err = api.Problemf(http.StatusUnauthorized, "unauthorized", "unauthorized", "the token is not the one under hub.ops.token of this hub")
	case len(ids) == 0 || slices.Contains(ids, api.Last):
		err = api.BadQueryf("say which message, order or trace: ?id=")
	default:
		t, err = d.Trace(r.Context(), ids...)
	}
	if err != nil {
		d.fail(w, r, err)
		return
	}
	for i := range t.Refused {
		t.Refused[i].Begins = ""
	}
	d.tell(w, r, http.StatusOK, "application/json", t)
}

// Trace is the trace of message IDs, correlations and trace IDs that belong together, or of api.Last.
func (d *Daemon) Trace(ctx context.Context, ids ...string) (*api.Trace, error) {
	g := d.current.Load()
	return traceIn(ctx, d.upToDate(), ids, g.Processes(), g.Reads())
}

// TraceFile is a trace in a store that no hub uses.
func TraceFile(ctx context.Context, st store.Reader, id string) (*api.Trace, error) {
	return traceIn(ctx, st, []string{id}, nil, nil)
}

// tracing is a trace that is being made.
type tracing struct {
	*api.Trace
	st                  store.Reader
	ids                 []string        // that it is asked for
	roots, correlations map[string]bool // of the messages that belong to it
}

// traceIn makes the trace of message IDs, correlations and trace IDs, or of api.Last. reads are
// the queues that somebody reads: what lies in others is kept; nil: not known.
func traceIn(ctx context.Context, st store.Reader, ids []string, ps *process.Processes, reads map[string]bool) (*api.Trace, error) {
	rows, err := historyOf(ctx, st, ids)
	if err != nil {
		return nil, err
	}
	if ids[0] == api.Last {
		if newer, err := refusedAfter(ctx, st, rows); err != nil {
			return nil, err
		} else if newer != "" {
			return traceIn(ctx, st, []string{newer}, ps, reads)
		}
	}
	v := &tracing{&api.Trace{ID: ids[0], State: api.Done, Roots: []string{}, Events: []api.TraceEvent{}}, st, ids, map[string]bool{}, map[string]bool{}}
	v.addHistory(rows)
	if err := v.findInstances(ctx, ps); err != nil {
		return nil, err
	}
	left, err := storedOf(ctx, st, v.roots, v.correlations)
	if err != nil {
		return nil, err
	}
	v.settle(left, reads)
	if err := v.findRefusals(ctx); err != nil {
		return nil, err
	}
	return v.Trace, v.known()
}

// historyOf are the rows of all that is known of the IDs, each once, oldest first.
func historyOf(ctx context.Context, st store.Reader, ids []string) (out []store.HistoryRow, err error) {
	for _, id := range ids {
		rows, err := st.History(ctx, id)
		if root := rootOf(id); err == nil && len(rows) == 0 && root != id {
			rows, err = st.History(ctx, root) // the ID of a child
		}
		if err != nil {
			return nil, err
		}
		out = append(out, rows...)
	}
	if len(ids) > 1 {
		slices.SortFunc(out, func(x, y store.HistoryRow) int { return cmp.Compare(x.Seq, y.Seq) })
		out = slices.CompactFunc(out, func(x, y store.HistoryRow) bool { return x.Seq == y.Seq })
	}
	return out, nil
}

// rootOf is the ID of the message from outside that a child descends from.
func rootOf(id string) string { return (&hub.Message{ID: id}).Root() }

// addHistory adds what happened.
func (v *tracing) addHistory(rows []store.HistoryRow) {
	for _, id := range v.ids {
		if id != api.Last {
			v.roots[rootOf(id)], v.correlations[id] = true, true
		}
	}
	for _, row := range rows {
		if row.Root != "" && !slices.Contains(v.Roots, row.Root) {
			v.Roots = append(v.Roots, row.Root)
			v.roots[row.Root] = true
		}
		if c := row.Correlation; c != "" && !slices.Contains(v.Correlations, c) {
			v.Correlations = append(v.Correlations, c)
			v.correlations[c] = true
		}
		for _, e := range inOrder(row) {
			shown := api.EventOf(&e, &row.Span)
			if v.Events = append(v.Events, shown); shown.Trace != "" && !slices.Contains(v.Traces, shown.Trace) {
				v.Traces = append(v.Traces, shown.Trace)
			}
		}
	}
	slices.SortStableFunc(v.Events, func(x, y api.TraceEvent) int { return x.Time.Compare(y.Time) })
}

// inOrder are the events of a row with times in their order. A process notes
// what led to a call when it has the answer: that happened no later than the call.
func inOrder(row store.HistoryRow) []hub.Event {
	out := slices.Clone(row.Events)
	of := strings.HasSuffix(row.Root, ":"+row.Correlation) // of an instance
	var first time.Time                                    // of what comes behind
	for i := len(out) - 1; i >= 0; i-- {
		e := &out[i]
		if of && e.Message == row.Root && !first.IsZero() && e.Time.After(first) {
			e.Time = first
		}
		if first.IsZero() || e.Time.Before(first) {
			first = e.Time
		}
	}
	return out
}

// findInstances adds the instances of processes that have one of the correlations.
func (v *tracing) findInstances(ctx context.Context, ps *process.Processes) error {
	names := ps.Names()
	if ps == nil { // a store that no hub uses: those that have instances
		all, err := process.Populations(ctx, v.st, nil, "")
		if err != nil {
			return err
		}
		for _, p := range all {
			if !slices.Contains(names, p.Process) {
				names = append(names, p.Process)
			}
		}
	}
	for _, name := range names {
		for _, id := range slices.Sorted(maps.Keys(v.correlations)) {
			i, err := process.Find(ctx, v.st, ps, name, id)
			if errors.Is(err, hub.ErrNotFound) {
				continue
			}
			if err != nil {
				return err
			}
			i.Data = nil // who looks at data asks for the instance, and that is recorded
			v.Instances = append(v.Instances, i)
		}
	}
	return nil
}

// settle adds what lies in the store, and finds the state.
func (v *tracing) settle(left []*hub.Delivery, reads map[string]bool) {
	for _, d := range left {
		m := api.StoredOf(d)
		switch {
		case d.State == hub.Dead:
			if v.State == api.Done {
				v.State = api.Dead
			}
		case v.sleeps(d):
			continue
		case reads != nil && !reads[d.Queue]:
			m.State = api.Kept
		default:
			v.State = api.Moving
		}
		v.Stored = append(v.Stored, m)
	}
	if v.State == api.Done {
		v.State = v.instanceState()
	}
}

// sleeps tells that the message is a timer of one of the instances, or keeps
// an event for it: the instance tells of those itself, and nothing is under way.
func (v *tracing) sleeps(d *hub.Delivery) bool {
	return d.State == hub.Waiting && d.Error == nil && process.Sleeps(d.Msg) &&
		slices.ContainsFunc(v.Instances, func(i *process.View) bool { return i.ID == d.Msg.Correlation })
}

// instanceState is where the instances stand; done when there are none, or none has started.
func (v *tracing) instanceState() string {
	var states []string
	for _, i := range v.Instances {
		if i.State != "" && !slices.Contains(states, i.State) {
			states = append(states, i.State)
		}
	}
	if len(states) == 0 {
		return api.Done
	}
	return strings.Join(states, ", ")
}

const tracedRefusals = 20 // of one ID or correlation

// findRefusals adds what was refused of the ID, or of one of the correlations.
func (v *tracing) findRefusals(ctx context.Context) error {
	var queries []store.RefusalQuery
	for _, id := range v.ids {
		queries = append(queries, store.RefusalQuery{ID: id}, store.RefusalQuery{Correlation: id})
	}
	for _, c := range v.Correlations[:min(len(v.Correlations), 8)] {
		if !slices.Contains(v.ids, c) {
			queries = append(queries, store.RefusalQuery{Correlation: c})
		}
	}
	seen := map[int64]bool{}
	for _, q := range queries {
		q.Limit = tracedRefusals
		list, err := v.st.Refusals(ctx, q)
		if err != nil {
			return err
		}
		for _, r := range list {
			if !seen[r.Seq] {
				seen[r.Seq] = true
				v.Refused = append(v.Refused, r)
			}
		}
	}
	return nil
}

// refusedAfter is the ID of the newest refusal, if it came after the message of rows; else "".
func refusedAfter(ctx context.Context, st store.Reader, rows []store.HistoryRow) (string, error) {
	newest, err := st.Refusals(ctx, store.RefusalQuery{Limit: 1})
	if err != nil || len(newest) == 0 {
		return "", err
	}
	if len(rows) > 0 && len(rows[0].Events) > 0 && !newest[0].Time.After(rows[0].Events[0].Time) {
		return "", nil
	}
	return newest[0].ID, nil
}

// known is the problem of a trace of nothing. A trace of refusals alone has a state of its own.
func (v *tracing) known() error {
	switch {
	case len(v.Events)+len(v.Stored)+len(v.Instances) > 0:
		return nil
	case len(v.Refused) > 0:
		v.State = api.Refused
		return nil
	case v.ID == api.Last:
		return api.NotFoundf("nothing came in yet")
	}
	return api.NotFoundf("nothing is known of %s: give a message ID, an order ID, a trace ID, or last", v.ID)
}

// storedOf are the stored messages of the roots and correlations, with their children.
func storedOf(ctx context.Context, st store.Reader, roots, correlations map[string]bool) ([]*hub.Delivery, error) {
	var queries []store.BrowseQuery
	for r := range roots {
		queries = append(queries, store.BrowseQuery{Root: r})
	}
	for c := range correlations {
		queries = append(queries, store.BrowseQuery{Correlation: c})
	}
	found := map[int64]*hub.Delivery{}
	for _, q := range queries {
		if err := browse(ctx, st, q, func(d *hub.Delivery) { found[d.Seq] = d }); err != nil {
			return nil, err
		}
	}
	return slices.SortedFunc(maps.Values(found), func(x, y *hub.Delivery) int { return cmp.Compare(x.Seq, y.Seq) }), nil
}
