package pipelines

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
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
}

// Inspect opens the plan's adapters, sources, targets and callers, runs
// nothing, and asks the adapters that can tell (hub.Adapter.Inspect) what is at their
// far ends. What differs, and who can't be asked, becomes a problem at the
// adapter. asked counts those that answered. The error: the plan can't be opened.
func (p *Plan) Inspect(ctx context.Context, in Inspection) (asked int, err error) {
	rt := engine.NewRuntime(nil, in.Clock, in.Log, nil) // it takes the stages and is never run: it needs no store
	o, err := p.Open(rt, in.Clock, in.Log)
	if err != nil {
		return 0, err
	}
	ask, cancel := context.WithTimeout(ctx, in.Limit)
	defer cancel()
	answers := map[*Adapter]<-chan told{}
	for _, a := range p.Adapters {
		if opened := o.adapters[a]; opened != nil && opened.Inspect != nil && (in.Skip == nil || !in.Skip(a.Name)) {
			answer := make(chan told, 1)
			answers[a] = answer
			go func() { answer <- inspect(ask, opened.Inspect) }()
		}
	}
	for _, a := range p.Adapters {
		if answers[a] == nil {
			continue
		}
		if t := wait(ask, answers[a]); t.err != nil {
			a.node.Errorf("E291", "start it, or correct the adapter's settings", "%s can't be asked: %s", a.Name, strings.TrimPrefix(t.err.Error(), a.Name+": "))
		} else {
			asked++
			for _, f := range t.findings {
				if strings.HasPrefix(f, hub.Unasked) {
					a.node.Warnf("W290", "", "%s: %s", a.Name, f)
				} else {
					a.node.Errorf("E290", "", "%s: %s", a.Name, f)
				}
			}
		}
	}
	ended, stop := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer stop()
	return asked, o.Close(ended)
}

// told is what an adapter said of its far end.
type told struct {
	findings []string
	err      error
}

func inspect(ctx context.Context, ask func(context.Context) ([]string, error)) (t told) {
	defer func() {
		if r := recover(); r != nil {
			t.err = fmt.Errorf("panic: %v", r)
		}
	}()
	t.findings, t.err = ask(ctx)
	return t
}

// wait gives what was told, and does not wait for an adapter that forgets ctx.
func wait(ctx context.Context, answer <-chan told) told {
	select {
	case t := <-answer:
		return t
	case <-ctx.Done():
	}
	select {
	case t := <-answer:
		return t
	case <-time.After(100 * time.Millisecond):
		return told{err: errors.New("no answer in time")}
	}
}
