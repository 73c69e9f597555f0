package engine_test

import (
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
	"orderhub/hub/store"
)

// refusedIn are the refusals of a bench, newest first, and the counts by source and reason.
func (b *bench) refusedIn(q store.RefusalQuery) (list []hub.Refusal, counts map[string]int64) {
	b.t.Helper()
	b.WriteNotes()
	list, err := b.store.Refusals(b.t.Context(), q)
	if err != nil {
		b.t.Fatal(err)
	}
	all, err := store.CountRefused(b.t.Context(), b.store)
	if err != nil {
		b.t.Fatal(err)
	}
	counts = map[string]int64{}
	for _, c := range all {
		counts[c.Source+" "+c.Reason] = c.Count
	}
	return list, counts
}

// entry is what a source gets.
func (b *bench) entry(s *engine.Stage) hub.Handler {
	var got hub.Handler
	started := make(chan struct{})
	b.AddSource("src", runFunc(func(ctx context.Context, h hub.Handler) error {
		got = h
		close(started)
		<-ctx.Done()
		return nil
	}), s)
	b.start()
	<-started
	return got
}

type runFunc func(ctx context.Context, h hub.Handler) error

func (f runFunc) Run(ctx context.Context, h hub.Handler) error { return f(ctx, h) }

// TestFault_V1_AnsweredWithAnError: what a source that waits is told is kept with its reason, its place and the beginning of what came.
func TestFault_V1_AnsweredWithAnError(t *testing.T) {
	s := &engine.Stage{Name: "orders", Queue: "q", From: "web POST /orders", Answers: true, Run: func(_ context.Context, x *hub.Exchange) error {
		x.Msg = x.Msg.WithCorrelation("O-1")
		e := hub.Fail(hub.Invalid, "schema", "the total is missing")
		e.Fields = []hub.FieldError{{Pointer: "/total", Detail: "is missing"}}
		return hub.At(e, "orders/validate", "f.yaml:3")
	}}
	b := newBench(t, s)
	m := &hub.Message{ID: "T1", Headers: hub.Headers{"content-type": "application/json", "authorization": "Bearer x"}, Body: hub.NewBody([]byte("{\"id\": \"O-1\x1b[2J\"}"))}
	if _, err := b.entry(s).(hub.Caller).Call(t.Context(), m); hub.AsError(err).Reason != "schema" {
		t.Fatal(err)
	}
	list, counts := b.refusedIn(store.RefusalQuery{ID: "T1"})
	if len(list) != 1 || counts["web POST /orders schema"] != 1 || b.Refused() != 1 {
		t.Fatalf("%+v %v", list, counts)
	}
	r := list[0]
	r.Time, r.Seq = time.Time{}, 0
	want := hub.Refusal{ID: "T1", Source: "web POST /orders", Class: hub.Invalid, Reason: "schema", Text: "the total is missing",
		Fields: []hub.FieldError{{Pointer: "/total", Detail: "is missing"}}, Where: "orders/validate", Line: "f.yaml:3", Correlation: "O-1",
		ContentType: "application/json", Size: 17, Begins: `{"id": "O-1\u001b[2J"}`}
	if fmt.Sprintf("%+v", r) != fmt.Sprintf("%+v", want) {
		t.Errorf("%+v, want %+v", r, want)
	}
}

// TestFault_V1_ExpiredRequest: a request that came too late is dropped, and seen.
func TestFault_V1_ExpiredRequest(t *testing.T) {
	s := &engine.Stage{Name: "stock", Queue: "q", Replies: true, Run: hub.End}
	b := newBench(t, s)
	m := &hub.Message{ID: "R1", Expires: time.Now().Add(-time.Minute), Headers: hub.Headers{hub.HeaderReplyTo: "somewhere"}}
	if _, err := b.entry(s).(hub.Caller).Call(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	if list, _ := b.refusedIn(store.RefusalQuery{ID: "R1"}); len(list) != 1 || list[0].Reason != "expired" {
		t.Errorf("%+v", list)
	}
}

// TestFault_V1_Flood: of 50,000 refusals in a moment each is counted, few are kept, and the one of another kind among them is there.
func TestFault_V1_Flood(t *testing.T) {
	const n = 50_000
	b := newBench(t, &engine.Stage{Name: "p", Queue: "q", Run: hub.End})
	b.start()
	to := b.Refuser("web")
	body := []byte(strings.Repeat("x", 64<<10))
	began := time.Now()
	var senders sync.WaitGroup
	for range 8 {
		senders.Go(func() {
			for range n / 8 {
				to.Refused(hub.Refusal{Class: hub.Rejected, Reason: "signature_invalid", Head: body})
			}
		})
	}
	to.Refused(hub.Refusal{ID: "other", Reason: "schema"})
	senders.Wait()
	took := time.Since(began)
	list, counts := b.refusedIn(store.RefusalQuery{Limit: store.MaxRefusals})
	if counts["web signature_invalid"] != n || counts["web schema"] != 1 || b.Refused() != n+1 {
		t.Errorf("counted %v", counts)
	}
	if most := 100*(int(took/time.Second)+2) + 1; len(list) > most || len(list) < 101 {
		t.Errorf("%d kept in %v", len(list), took)
	}
	if r := list[0]; len(r.Begins) != 1<<10 {
		t.Errorf("%d bytes of the input are kept", len(r.Begins))
	}
	if list, _ := b.refusedIn(store.RefusalQuery{ID: "other"}); len(list) != 1 {
		t.Errorf("the other one is gone")
	}
	t.Logf("%d refusals noted in %v, %d kept", n, took, len(list))
}

// TestFault_V1_ManyKinds: reasons that somebody makes up fill no counters.
func TestFault_V1_ManyKinds(t *testing.T) {
	b := newBench(t, &engine.Stage{Name: "p", Queue: "q", Run: hub.End})
	b.start()
	for i := range 3000 {
		b.Refuser("web").Refused(hub.Refusal{Reason: fmt.Sprint("reason", i)})
	}
	_, counts := b.refusedIn(store.RefusalQuery{})
	sum := int64(0)
	for _, c := range counts {
		sum += c
	}
	if len(counts) > 1001 || sum != 3000 || counts["web other"] == 0 {
		t.Errorf("%d kinds, %d counted, other %d", len(counts), sum, counts["web other"])
	}
}

// awayStore takes no refusals while it is away.
type awayStore struct {
	store.Store
	mu   sync.Mutex
	away bool
}

func (s *awayStore) Commit(ctx context.Context, u *hub.Unit) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.away && len(u.Refused) > 0 {
		return hub.Fail(hub.Unavailable, "disk", "not now")
	}
	return s.Store.Commit(ctx, u)
}

func (s *awayStore) set(away bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.away = away
}

// TestFault_V1_StoreAway: what can't be written is not lost, memory stays bounded, and a source that waits for it is told.
func TestFault_V1_StoreAway(t *testing.T) {
	b := newBench(t)
	s := &awayStore{Store: b.store, away: true}
	b.Runtime = engine.NewRuntime(s, hub.RealClock{}, slog.New(slog.DiscardHandler), nil)
	b.start()
	to := b.Refuser("rabbit")
	for i := range 5000 {
		to.Refused(hub.Refusal{ID: fmt.Sprint(i), Reason: fmt.Sprint("r", i%500)})
	}
	if err := to.Kept(t.Context()); hub.AsError(err).Class != hub.Unavailable {
		t.Fatalf("kept though the store is away: %v", err)
	}
	s.set(false)
	if err := to.Kept(t.Context()); err != nil {
		t.Fatal(err)
	}
	list, counts := b.refusedIn(store.RefusalQuery{Limit: store.MaxRefusals})
	sum := int64(0)
	for _, c := range counts {
		sum += c
	}
	if sum != 5000 || len(list) == 0 || len(list) > 2000 {
		t.Errorf("%d counted, %d kept", sum, len(list))
	}
}

// TestFault_V1_WrittenAtTheEnd: what was refused just before the hub stops is in the store.
func TestFault_V1_WrittenAtTheEnd(t *testing.T) {
	b := newBench(t, &engine.Stage{Name: "p", Queue: "q", Run: hub.End})
	b.start()
	b.Refuser("web").Refused(hub.RefusalOf(&hub.Message{ID: "late"}, errors.New("x")))
	b.stop()
	if list, err := b.store.Refusals(t.Context(), store.RefusalQuery{ID: "late"}); err != nil || len(list) != 1 {
		t.Errorf("%+v %v", list, err)
	}
}

// TestFault_V1_StoredRequest: a request that lies in the store and is answered with an error is among what was refused, but no input is.
func TestFault_V1_StoredRequest(t *testing.T) {
	b := newBench(t, &engine.Stage{Name: "stock", Queue: "stock", From: "stock", Replies: true, Run: func(context.Context, *hub.Exchange) error {
		return hub.Fail(hub.Rejected, "sold_out", "nothing is left")
	}})
	b.start()
	if _, err := b.Ask(t.Context(), "stock", &hub.Message{ID: "q", Correlation: "O-1", Time: time.Now()}); hub.AsError(err).Reason != "sold_out" {
		t.Fatal(err)
	}
	list, counts := b.refusedIn(store.RefusalQuery{Correlation: "O-1"})
	if len(list) != 1 || list[0].ID != "q" || counts["stock sold_out"] != 1 || b.Refused() != 0 {
		t.Errorf("%+v %v, %d inputs", list, counts, b.Refused())
	}
}
