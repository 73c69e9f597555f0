package engine_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"orderhub/hub"
	"orderhub/hub/engine"
	"orderhub/hub/mask"
	"orderhub/hub/store"
	"orderhub/hub/store/drivers"
)

// loud is a log that tests read.
type loud struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *loud) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *loud) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// TestFault_S2_RuntimeMasks: whatever a step, a reaction or a source fails with, nothing that is kept, logged or told has a secret
// of the configuration or a marked value of the message.
func TestFault_S2_RuntimeMasks(t *testing.T) {
	const secret, mail = "sk-live-77", "ada@example.org"
	masker := &mask.Masker{}
	masker.Hide(secret, "secret:billing")
	masker.Mark([]mask.Path{{Path: []string{"customer", "email"}}})
	words := secret + " of " + mail
	for name, fail := range map[string]func() error{
		"an error":      func() error { return hub.Fail(hub.Rejected, "no", "%s", words) },
		"a panic":       func() error { panic(words) },
		"a panic value": func() error { panic(errors.New(words)) },
		"a retry":       func() error { return hub.Fail(hub.Unavailable, "away", "%s", words) },
		"a chain":       func() error { return hub.During(errors.New(words), hub.Fail(hub.Rejected, "no", "%s", words)) },
		"a far end":     func() error { return hub.Fail(hub.Rejected, "http_400", "answered: %w", hub.Said(words)) },
	} {
		t.Run(name, func(t *testing.T) {
			log := &loud{}
			s, err := drivers.Open(t.Context(), "memory:", store.Options{})
			if err != nil {
				t.Fatal(err)
			}
			stage := &engine.Stage{Name: "p", Queue: "q", Run: func(_ context.Context, x *hub.Exchange) error {
				x.Note(hub.Event{What: "called", Detail: secret})
				return fail()
			}, React: func(*hub.Error) hub.Reaction { return hub.Reaction{Retry: quick} }}
			b := &bench{t: t, store: s, Runtime: engine.NewRuntime(s, hub.RealClock{}, slog.New(masker.LogHandler(slog.NewTextHandler(log, nil))), nil)}
			b.Masked(masker)
			if err := b.AddStage(stage); err != nil {
				t.Fatal(err)
			}
			b.start()
			m := &hub.Message{ID: "m", Time: time.Now(), Body: hub.NewBody([]byte(`{"customer":{"email":"` + mail + `"}}`))}
			if err := b.Commit(t.Context(), &hub.Unit{Puts: []hub.Put{{Queue: "q", Msg: m}}}); err != nil {
				t.Fatal(err)
			}
			b.eventually("a dead letter", func() bool { return len(b.dead()) == 1 })
			rows, err := s.History(t.Context(), "m")
			if err != nil {
				t.Fatal(err)
			}
			f := b.dead()[0].Error
			kept := fmt.Sprint(rows) + f.Message
			if f.First != nil {
				kept += f.First.Message
			}
			b.eventually("a line of the log", func() bool { return strings.Contains(log.String(), "dead letter") })
			for where, text := range map[string]string{"the store": kept, "the log": log.String()} {
				if strings.Contains(text, secret) || strings.Contains(text, mail) {
					t.Errorf("%s: %s", where, text)
				}
			}
			if !strings.Contains(f.Message, "[secret:billing] of [email]") {
				t.Errorf("the dead letter does not say what it is about: %s", f.Message)
			}
			if name == "a far end" && strings.Contains(log.String(), "of [email]") {
				t.Errorf("the log says what a partner said: %s", log.String())
			}
		})
	}
}

// panicking is a source that panics once.
type panicking struct{ runs int }

func (p *panicking) Run(ctx context.Context, _ hub.Handler) error {
	if p.runs++; p.runs == 1 {
		panic("sk-live-77")
	}
	<-ctx.Done()
	return nil
}

// TestFault_S2_PanicOfASource: a source that panics is one that failed: it is told, masked, and runs again.
func TestFault_S2_PanicOfASource(t *testing.T) {
	masker := &mask.Masker{}
	masker.Hide("sk-live-77", "secret:x")
	log := &loud{}
	s, err := drivers.Open(t.Context(), "memory:", store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	stage := &engine.Stage{Name: "p", Queue: "q", Run: hub.End}
	b := &bench{t: t, store: s, Runtime: engine.NewRuntime(s, hub.RealClock{}, slog.New(masker.LogHandler(slog.NewTextHandler(log, nil))), nil)}
	b.Masked(masker)
	if err := b.AddStage(stage); err != nil {
		t.Fatal(err)
	}
	src := &panicking{}
	b.AddSource("p", src, stage)
	b.start()
	b.eventually("it is told", func() bool { return strings.Contains(log.String(), "[secret:x]") })
	if strings.Contains(log.String(), "sk-live-77") {
		t.Error(log.String())
	}
}
