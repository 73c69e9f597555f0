package engine_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"slices"
	"testing"
	"time"

	"orderhub/hub"
	"orderhub/hub/engine"
	"orderhub/hub/store"
	"orderhub/hub/store/drivers"
)

// stillClock is virtual time that a test moves.
type stillClock struct{ now time.Time }

func (c *stillClock) Now() time.Time                     { return c.now }
func (*stillClock) Timer(time.Duration) (none hub.Timer) { return none } // nobody waits when Step carries

// stepped is a runtime that Step carries.
func stepped(t *testing.T, clock hub.Clock, stages ...*engine.Stage) *bench {
	t.Helper()
	s, err := drivers.Open(t.Context(), "memory:", store.Options{Clock: clock})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	b := &bench{t: t, store: s, Runtime: engine.NewRuntime(s, clock, slog.New(slog.NewTextHandler(io.Discard, nil)), nil)}
	for _, st := range stages {
		if err := b.AddStage(st); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Manual(t.Context()); err != nil {
		t.Fatal(err)
	}
	return b
}

// steps runs what is ready in the queue, and tells how many messages ran.
func (b *bench) steps(queue string) (n int) {
	b.t.Helper()
	for {
		ran, err := b.Step(b.t.Context(), queue)
		if err != nil {
			b.t.Fatal(err)
		}
		if !ran {
			return n
		}
		n++
	}
}

func TestStepKeepsOrderBehindARetry(t *testing.T) {
	clock, j, away := &stillClock{now: time.Unix(1_800_000_000, 0)}, &journal{}, true
	retry := &hub.Retry{Times: 3, Min: 4 * time.Second, Max: time.Minute}
	b := stepped(t, clock, &engine.Stage{Name: "work", Queue: "work",
		React: func(*hub.Error) hub.Reaction { return hub.Reaction{Retry: retry} },
		Run: func(_ context.Context, x *hub.Exchange) error {
			if x.Msg.ID == "a1" && away {
				return hub.Fail(hub.Unavailable, "away", "away")
			}
			j.add(x.Msg.ID)
			return nil
		}})
	for _, m := range [][2]string{{"a1", "a"}, {"a2", "a"}, {"b1", "b"}, {"n1", ""}, {"a3", "a"}} {
		b.put("work", m[0], m[1])
	}
	b.steps("work")
	if got := j.all(); !slices.Equal(got, []string{"b1", "n1"}) {
		t.Errorf("while a waits, there ran %q", got)
	}
	clock.now, away = clock.now.Add(4*time.Second-1), false
	if n := b.steps("work"); n != 0 {
		t.Errorf("%d ran before the retry was due", n)
	}
	clock.now = clock.now.Add(1) // the longest delay: no jitter
	b.steps("work")
	if got := j.all()[2:]; !slices.Equal(got, []string{"a1", "a2", "a3"}) {
		t.Errorf("then ran %q", got)
	}
}

func TestStepRunsOneMessage(t *testing.T) {
	j := &journal{}
	b := stepped(t, hub.RealClock{}, &engine.Stage{Name: "work", Queue: "work", Run: func(_ context.Context, x *hub.Exchange) error {
		j.add(x.Msg.ID)
		if x.Msg.ID == "bad" {
			return hub.Fail(hub.Invalid, "bad", "bad")
		}
		return nil
	}})
	for _, id := range []string{"1", "bad", "3"} {
		b.put("work", id, "k")
	}
	for n := 1; n <= 3; n++ {
		if ran, err := b.Step(t.Context(), "work"); !ran || err != nil || len(j.all()) != n {
			t.Fatalf("step %d: ran %v, %v, %q", n, ran, err, j.all())
		}
	}
	if ran, err := b.Step(t.Context(), "work"); ran || err != nil {
		t.Errorf("an empty queue: ran %v, %v", ran, err)
	}
	if dead := b.dead(); len(dead) != 1 || dead[0].Msg.ID != "bad" {
		t.Errorf("dead letters: %d", len(dead))
	}
	if _, err := b.Step(t.Context(), "other"); !errors.Is(err, hub.ErrNotFound) {
		t.Errorf("a queue without a reader: %v", err)
	}
}

func TestStepAnswersWhatIsAsked(t *testing.T) {
	for name, c := range map[string]struct {
		fail  *hub.Error
		reply string
		class hub.Class
	}{
		"a reply":            {reply: `"yes"`},
		"an error":           {fail: hub.Fail(hub.Rejected, "no", "no"), class: hub.Rejected},
		"no reply in time":   {fail: hub.Fail(hub.Unavailable, "away", "away"), class: hub.Timeout},
		"nothing to give it": {},
	} {
		t.Run(name, func(t *testing.T) {
			var got *hub.Message
			var asked error
			var b *bench
			asker := &engine.Stage{Name: "asker", Queue: "asker", Run: func(ctx context.Context, x *hub.Exchange) error {
				got, asked = b.Ask(ctx, "stock", &hub.Message{ID: "q", Time: x.Now()})
				return nil
			}}
			stock := &engine.Stage{Name: "stock", Queue: "stock", Replies: true, Run: func(_ context.Context, x *hub.Exchange) error {
				if c.reply != "" {
					x.Unit.Reply = &hub.Message{ID: "r", Body: hub.NewBody([]byte(c.reply))}
				}
				if c.fail != nil {
					return c.fail
				}
				return nil
			}}
			b = stepped(t, hub.RealClock{}, asker, stock)
			b.put("asker", "a", "")
			b.steps("asker")
			switch {
			case c.class != "":
				if asked == nil || hub.AsError(asked).Class != c.class {
					t.Errorf("asked: %v", asked)
				}
			case asked != nil || got == nil || string(got.Body.Bytes()) != c.reply:
				t.Errorf("got %v, %v", got, asked)
			}
		})
	}
}

// What lay in the store before counts: a direct message of its key goes behind it.
func TestManualLearnsWhatLies(t *testing.T) {
	j := &journal{}
	stage := &engine.Stage{Name: "in", Queue: "in#0", Direct: true, Inbox: true, Run: func(_ context.Context, x *hub.Exchange) error { j.add(x.Msg.ID); return nil }}
	s, err := drivers.Open(t.Context(), "memory:", store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Commit(t.Context(), &hub.Unit{Puts: []hub.Put{{Queue: "in#0", Msg: &hub.Message{ID: "1", Key: "k"}}}}); err != nil {
		t.Fatal(err)
	}
	b := &bench{t: t, store: s, Runtime: engine.NewRuntime(s, hub.RealClock{}, slog.New(slog.DiscardHandler), nil)}
	if err := errors.Join(b.AddStage(stage), b.Manual(t.Context())); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Inject(t.Context(), "in", &hub.Message{ID: "2", Key: "k"}); err != nil {
		t.Fatal(err)
	}
	b.steps("in#0")
	if got := j.all(); !slices.Equal(got, []string{"1", "2"}) {
		t.Errorf("ran %q", got)
	}
}
