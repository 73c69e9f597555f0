// Package storetest has what the tests of the stores share: short ways to write messages, a benchmark, and PostgreSQL
// databases of a test's own.
package storetest

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"orderhub/hub"
	"orderhub/hub/store"
)

// Message is a message with the key "k", a header and a body.
func Message(id, body string) *hub.Message {
	return &hub.Message{ID: id, Key: "k", Headers: hub.Headers{"a": "b"}, Body: hub.NewBody([]byte(body))}
}

// Keyed is a message with a key.
func Keyed(id, key string) *hub.Message {
	m := Message(id, "1")
	m.Key = key
	return m
}

// Put commits a unit that puts the message into the queue.
func Put(t testing.TB, s store.Store, queue string, m *hub.Message) {
	t.Helper()
	if err := s.Commit(context.Background(), &hub.Unit{Puts: []hub.Put{{Queue: queue, Msg: m}}}); err != nil {
		t.Fatal(err)
	}
}

// Eventually waits for a condition.
func Eventually(t testing.TB, what string, within time.Duration, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(within); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within %v: %s", within, what)
		}
	}
}

// StrictLog fails the test when the store logs an error.
func StrictLog(t testing.TB) *slog.Logger { return slog.New(strictLog{slog.DiscardHandler, t}) }

type strictLog struct {
	slog.Handler
	t testing.TB
}

func (l strictLog) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelError }

func (l strictLog) Handle(_ context.Context, r slog.Record) error {
	r.Attrs(func(a slog.Attr) bool { r.Message += " " + a.String(); return true })
	l.t.Error("logged: " + r.Message)
	return nil
}
