package process_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"orderhub/hub"
	"orderhub/pipelines/patterntest"
)

// answer gives always the same.
func answer(json string) patterntest.Answer {
	return func(context.Context, *hub.Message) (*hub.Message, error) {
		return &hub.Message{Body: hub.NewBody([]byte(json))}, nil
	}
}

// refuse fails always.
func refuse(c hub.Class) patterntest.Answer {
	return func(context.Context, *hub.Message) (*hub.Message, error) {
		return nil, hub.Fail(c, string(c), "refused")
	}
}

// script gives the answers one after another, the last one for ever; the name of an error class fails the call.
func script(list ...string) patterntest.Answer {
	var mu sync.Mutex
	next := 0
	return func(ctx context.Context, m *hub.Message) (*hub.Message, error) {
		mu.Lock()
		a := list[min(next, len(list)-1)]
		next++
		mu.Unlock()
		if slices.Contains(hub.Classes, hub.Class(a)) {
			return refuse(hub.Class(a))(ctx, m)
		}
		return answer(a)(ctx, m)
	}
}

// echo answers with the request's body.
func echo(_ context.Context, m *hub.Message) (*hub.Message, error) {
	return &hub.Message{Body: m.Body}, nil
}

// gate is a far end that answers when it is let through, or when the hub stops waiting.
type gate struct {
	came chan struct{}
	open chan struct{}
	then patterntest.Answer
}

func newGate(then patterntest.Answer) *gate {
	return &gate{make(chan struct{}, 100), make(chan struct{}, 100), then}
}

func (g *gate) answer(ctx context.Context, m *hub.Message) (*hub.Message, error) {
	g.came <- struct{}{}
	select {
	case <-g.open:
		return g.then(ctx, m)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// await waits until a request stands before the gate.
func (g *gate) await(t testing.TB) {
	t.Helper()
	select {
	case <-g.came:
	case <-time.After(20 * time.Second):
		t.Fatal("nobody asks")
	}
}

func (g *gate) let() { g.open <- struct{}{} }

func bodies(s *site, op string) string { return strings.Join(patterntest.Bodies(s.Called(op)), " ") }
