package main

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"orderhub/hub"
	"orderhub/pipelines/process"
)

// States of a traced message.
const (
	stateDone    = "done"
	stateMoving  = "on its way"
	stateDead    = "dead letter"
	stateKept    = "kept"    // of a stored message: nobody reads its queue
	stateRefused = "refused" // it never was a message
)

// traceView is all that is known of a message or an order, over all pipelines.
type traceView struct {
	ID           string          `json:"id"`
	State        string          `json:"state"` // of what is in the store; when nothing is on its way, of the instance
	Roots        []string        `json:"roots"` // the messages from outside that belong together
	Correlations []string        `json:"correlations,omitempty"`
	Events       []traceEvent    `json:"events"`
	Stored       []storedMessage `json:"stored,omitempty"`    // what is still, or dead, in the store, but for timers of the instances
	Refused      []hub.Refusal   `json:"refused,omitempty"`   // of the ID, or of one of the correlations
	Instances    []*process.View `json:"instances,omitempty"` // of processes, with one of the correlations
}

type traceEvent struct {
	Time    time.Time     `json:"time"`
	Took    time.Duration `json:"took_ns,omitempty"`
	Message string        `json:"message"`
	Where   string        `json:"where"`
	Line    string        `json:"line,omitempty"`
	What    string        `json:"what"`
	Detail  string        `json:"detail,omitempty"`
}

func (a *admin) trace(r *http.Request) (any, error) {
	id := r.FormValue("id")
	if id == "" {
		id = "last"
	}
	return a.traceOf(r.Context(), id)
}

// reader is what a trace needs of a store.
type reader interface {
	History(ctx context.Context, id string) ([]hub.HistoryRow, error)
	Browse(ctx context.Context, q hub.BrowseQuery) ([]*hub.Delivery, error)
	Queues(ctx context.Context) ([]hub.QueueStats, error)
	hub.RefusalReader
	process.Reader
}

func (a *admin) traceOf(ctx context.Context, id string) (*traceView, error) {
	return a.current.Load().traceIn(ctx, a.upToDate(), id)
}

func (a *admin) storedOf(ctx context.Context, roots, correlations map[string]bool) ([]*hub.Delivery, error) {
	return storedOf(ctx, a.storage, roots, correlations)
}

// reads are the queues that the plan's stages read.
func (g *generation) reads() map[string]bool {
	queues := map[string]bool{}
	for _, s := range g.plan.Stages() {
		queues[s.Queue] = true
	}
	return queues
}

// traceIn makes a trace of what this generation runs.
func (g *generation) traceIn(ctx context.Context, st reader, id string) (*traceView, error) {
	return traceIn(ctx, st, id, process.Of(g.plan), g.reads())
}

// traceIn makes the trace of a message ID, a correlation, or "last". reads are
// the queues that somebody reads: what lies in others is kept; nil: not known.
func traceIn(ctx context.Context, st reader, id string, ps *process.Processes, reads map[string]bool) (*traceView, error) {
	rows, err := st.History(ctx, id)
	if root := before(id, "/"); err == nil && len(rows) == 0 && root != id {
		rows, err = st.History(ctx, root) // the ID of a child
	}
	if err != nil {
		return nil, err
	}
	if id == "last" {
		if newer, err := refusedAfter(ctx, st, rows); err != nil {
			return nil, err
		} else if newer != "" {
			return traceIn(ctx, st, newer, ps, reads)
		}
	}
	v := &traceView{ID: id, State: stateDone, Roots: []string{}, Events: []traceEvent{}}
	roots, correlations := map[string]bool{}, map[string]bool{}
	if id != "last" {
		roots[before(id, "/")], correlations[id] = true, true
	}
	for _, row := range rows {
		if row.Root != "" && !slices.Contains(v.Roots, row.Root) {
			v.Roots = append(v.Roots, row.Root)
			roots[row.Root] = true
		}
		if c := row.Correlation; c != "" && !slices.Contains(v.Correlations, c) {
			v.Correlations = append(v.Correlations, c)
			correlations[c] = true
		}
		for _, e := range inOrder(row) {
			v.Events = append(v.Events, traceEvent{e.Time, e.Took, e.Message, e.Where, e.Line, e.What, e.Detail})
		}
	}
	slices.SortStableFunc(v.Events, func(x, y traceEvent) int { return x.Time.Compare(y.Time) })
	if err := v.findInstances(ctx, st, ps, correlations); err != nil {
		return nil, err
	}
	left, err := storedOf(ctx, st, roots, correlations)
	if err != nil {
		return nil, err
	}
	v.settle(left, reads)
	if err := v.findRefusals(ctx, st); err != nil {
		return nil, err
	}
	switch {
	case len(v.Events)+len(v.Stored)+len(v.Instances) > 0:
	case len(v.Refused) > 0:
		v.State = stateRefused
	default:
		if id == "last" {
			return nil, notFound("nothing came in yet")
		}
		return nil, notFound("nothing is known of %s: give a message ID, an order ID, or last", id)
	}
	return v, nil
}

// settle adds what lies in the store, and finds the state.
func (v *traceView) settle(left []*hub.Delivery, reads map[string]bool) {
	for _, d := range left {
		m := stored(d)
		switch {
		case d.State == hub.Dead:
			if v.State == stateDone {
				v.State = stateDead
			}
		case v.sleeps(d):
			continue
		case reads != nil && !reads[d.Queue]:
			m.State = stateKept
		default:
			v.State = stateMoving
		}
		v.Stored = append(v.Stored, m)
	}
	if v.State == stateDone {
		v.State = v.instanceState()
	}
}

const (
	browsePage = 500
	scanLimit  = 5000 // messages in the store up to which all are looked at
)

// storedOf are the stored messages of the roots and correlations. Children are
// found by looking at all messages, so only while those are few.
func storedOf(ctx context.Context, st reader, roots, correlations map[string]bool) ([]*hub.Delivery, error) {
	qs, err := st.Queues(ctx)
	if err != nil {
		return nil, err
	}
	total := 0
	for _, q := range qs {
		total += q.Ready + q.Waiting + q.Held + q.Dead
	}
	var queries []hub.BrowseQuery
	if total <= scanLimit {
		queries = append(queries, hub.BrowseQuery{})
	} else {
		for r := range roots {
			queries = append(queries, hub.BrowseQuery{ID: r})
		}
		for c := range correlations {
			queries = append(queries, hub.BrowseQuery{Correlation: c})
		}
	}
	found := map[int64]*hub.Delivery{}
	for _, q := range queries {
		for q.Limit = browsePage; ; {
			page, err := st.Browse(ctx, q)
			if err != nil {
				return nil, err
			}
			for _, d := range page {
				q.After = d.Seq
				if d.Msg != nil && (roots[d.Msg.Root()] || correlations[d.Msg.Correlation] && d.Msg.Correlation != "") {
					found[d.Seq] = d
				}
			}
			if len(page) < browsePage {
				break
			}
		}
	}
	out := make([]*hub.Delivery, 0, len(found))
	for _, d := range found {
		out = append(out, d)
	}
	slices.SortFunc(out, func(x, y *hub.Delivery) int { return cmp.Compare(x.Seq, y.Seq) })
	return out, nil
}

// base is the file:line of an event without its folder.
func base(line string) string { return line[strings.LastIndexByte(line, '/')+1:] }
