package pipelines

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"orderhub/hub"
	"orderhub/hub/engine"
)

// Inspection says how Plan.Inspect asks.
type Inspection struct {
	Clock hub.Clock
	Log   *slog.Logger
	Skip  func(adapter string) bool // it is not asked; nil: all are
	Limit time.Duration             // for each adapter; all are asked at once
	Probe bool                      // far ends are probed, too (hub.Adapter.Probe): are they well?
	Serve bool                      // servers are started, too, for a moment: are their addresses free?
}

// Inspected is what an adapter told.
type Inspected struct {
	Adapter  string
	Findings []string // as hub.Typed.Inspect gives them
	Err      error    // it can't be asked
	Peer     hub.Peer // what its far end showed of itself
	Address  string   // where its server answered
}

// Inspect opens the plan's adapters, sources, targets and callers, runs
// nothing, and asks the adapters that can tell (hub.Adapter.Inspect) what is at their
// far ends. What differs, and who can't be asked, becomes a problem at the
// adapter. The list has those that can tell something. The error: the plan can't be opened.
func (p *Plan) Inspect(ctx context.Context, in Inspection) (list []Inspected, err error) {
	rt := engine.NewRuntime(nil, in.Clock, in.Log, nil) // it takes the stages and is never run: it needs no store
	var m meetings
	o, err := p.open(rt, in.Clock, in.Log, m.of)
	if err != nil {
		return nil, err
	}
	ask, cancel := context.WithTimeout(ctx, in.Limit)
	defer cancel()
	answers := map[*Adapter]<-chan Inspected{}
	for _, a := range p.Adapters {
		opened := o.adapters[a]
		if opened == nil || in.Skip != nil && in.Skip(a.Name) || !in.can(opened) {
			continue
		}
		answer := make(chan Inspected, 1)
		answers[a] = answer
		go func() { answer <- in.ask(ask, opened) }()
	}
	for _, a := range p.Adapters {
		if answers[a] != nil {
			t := wait(ask, answers[a])
			t.Adapter, t.Peer = a.Name, m.peer(a.Name)
			a.report(&t)
			list = append(list, t)
		}
	}
	ended, stop := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer stop()
	return list, o.Close(ended)
}

// can tells that there is something to ask.
func (in *Inspection) can(a *hub.Adapter) bool {
	return a.Inspect != nil || in.Probe && a.Probe != nil || in.Serve && a.Start != nil
}

func (in *Inspection) ask(ctx context.Context, a *hub.Adapter) (t Inspected) {
	defer func() {
		if r := recover(); r != nil {
			t.Err = fmt.Errorf("panic: %v", r)
		}
	}()
	if a.Inspect != nil {
		t.Findings, t.Err = a.Inspect(ctx)
	}
	if t.Err == nil && in.Probe && a.Probe != nil {
		t.Err = a.Probe(ctx)
	}
	if t.Err == nil && in.Serve && a.Start != nil {
		t.Address, t.Err = a.Start(ctx)
	}
	return t
}

// wait gives what was told, and does not wait for an adapter that forgets ctx.
func wait(ctx context.Context, answer <-chan Inspected) Inspected {
	select {
	case t := <-answer:
		return t
	case <-ctx.Done():
	}
	select {
	case t := <-answer:
		return t
	case <-time.After(100 * time.Millisecond):
		return Inspected{Err: errors.New("no answer in time")}
	}
}

// report makes problems of what the adapter told.
func (a *Adapter) report(t *Inspected) {
	if t.Err != nil {
		a.node.Errorf("E291", "start it, or correct the adapter's settings", "%s can't be asked: %s", a.Name, strings.TrimPrefix(t.Err.Error(), a.Name+": "))
		return
	}
	for _, f := range t.Findings {
		if strings.HasPrefix(f, hub.Unasked) {
			a.node.Warnf("W290", "", "%s: %s", a.Name, f)
		} else {
			a.node.Errorf("E290", "", "%s: %s", a.Name, f)
		}
	}
}

// meetings are what far ends showed of themselves, by adapter.
type meetings struct {
	mu    sync.Mutex
	peers map[string]hub.Peer
}

// of is what is told of the adapter's far end.
func (m *meetings) of(adapter string) func(hub.Peer) {
	return func(p hub.Peer) {
		m.mu.Lock()
		defer m.mu.Unlock()
		if m.peers == nil {
			m.peers = map[string]hub.Peer{}
		}
		known := m.peers[adapter]
		if !p.Dated {
			p.Ahead, p.Dated = known.Ahead, known.Dated
		}
		p.Ends = cmp.Or(p.Ends, known.Ends)
		m.peers[adapter] = p
	}
}

func (m *meetings) peer(adapter string) hub.Peer {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.peers[adapter]
}
