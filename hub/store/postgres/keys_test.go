package postgres

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"orderhub/hub"
	"orderhub/hub/engine"
	"orderhub/hub/store/storetest"
)

// keyLines is a broker with a line of messages for each key. A line is read by
// one hub at a time, and moves to another now and then. What was not acknowledged comes again.
type keyLines struct {
	keys, each int
	mu         sync.Mutex
	next       map[int]int
	taken      map[int]bool
}

func (l *keyLines) take() (key, from int, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	first := rand.IntN(l.keys)
	for i := range l.keys {
		if k := (first + i) % l.keys; !l.taken[k] && l.next[k] < l.each {
			l.taken[k] = true
			return k, l.next[k], true
		}
	}
	return 0, 0, false
}

func (l *keyLines) put(key, next int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.taken[key], l.next[key] = false, next
}

func (l *keyLines) Run(ctx context.Context, h hub.Handler) error {
	var lines sync.WaitGroup
	for range l.keys {
		lines.Go(func() {
			for ctx.Err() == nil {
				if key, i, ok := l.take(); ok {
					l.put(key, l.read(ctx, h, key, i))
				}
				time.Sleep(time.Duration(rand.IntN(20)) * time.Millisecond)
			}
		})
	}
	lines.Wait()
	return nil
}

func (l *keyLines) read(ctx context.Context, h hub.Handler, key, i int) int {
	for range 1 + rand.IntN(8) {
		if i == l.each || ctx.Err() != nil {
			return i
		}
		m := &hub.Message{ID: fmt.Sprintf("k%d-%03d", key, i), Key: fmt.Sprint("k", key), Time: time.Now(), Body: hub.NewBody([]byte("{}"))}
		err := h.Handle(ctx, m)
		if err != nil || rand.IntN(20) == 0 { // or the acknowledgement was lost
			return i
		}
		i++
		time.Sleep(time.Duration(rand.IntN(4)) * time.Millisecond)
	}
	return i
}

// pgFar is the far end: it counts what arrives out of order.
type pgFar struct {
	mu                           sync.Mutex
	tries, arrived               map[string]int
	inversions, doubled, n, kept int
}

func (f *pgFar) try(what string, share int) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.tries[what]++; f.tries[what] == 1 && rand.IntN(100) < share {
		f.kept++
		return hub.Fail(hub.Unavailable, "test", "away")
	}
	return nil
}

func (f *pgFar) Send(_ context.Context, m *hub.Message) error {
	if err := f.try("send "+m.ID, 15); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	key, n, _ := strings.Cut(m.ID, "-")
	i, _ := strconv.Atoi(n)
	switch {
	case i < f.arrived[key]:
		f.doubled++
		return nil
	case i > f.arrived[key]:
		f.inversions++
	default:
		f.n++
	}
	f.arrived[key] = i + 1
	return nil
}

func (f *pgFar) Close() error { return nil }

// Order per key holds from the source to the target over hubs: lines move
// between them, retries are put by one and run by another, hubs stop, crash and start.
func TestPostgresOrderPerKey(t *testing.T) {
	const keys, each, rounds = 40, 60, 6
	base := storetest.PostgresSchema(t)
	l := &keyLines{keys: keys, each: each, next: map[int]int{}, taken: map[int]bool{}}
	far := &pgFar{tries: map[string]int{}, arrived: map[string]int{}}
	start := func(name string) *pgHub { // a machine that stands still for 2 s is not a hub that is lost
		return startRuntime(t, base, name, 4*time.Second, func(rt *engine.Runtime) {
			again := func(*hub.Error) hub.Reaction {
				return hub.Reaction{Retry: &hub.Retry{Times: 90, Min: 5 * time.Millisecond, Max: 100 * time.Millisecond}}
			}
			in := &engine.Stage{Name: "in", Queue: "in#0", Inbox: true, React: again, Run: func(_ context.Context, x *hub.Exchange) error {
				if err := far.try(x.Msg.ID, 10); err != nil {
					return err
				}
				x.Unit.Sends = append(x.Unit.Sends, hub.Send{Queue: "@far", Target: far, Msg: x.Msg})
				return nil
			}}
			out := &engine.Stage{Name: "@far", Queue: "@far", Direct: true, React: again, Run: func(ctx context.Context, x *hub.Exchange) error {
				time.Sleep(time.Duration(rand.IntN(5)) * time.Millisecond) // the way through the outbox is the longer one
				err := far.Send(ctx, x.Msg)
				return err
			}}
			for _, s := range []*engine.Stage{in, out} {
				if err := rt.AddStage(s); err != nil {
					t.Fatal(err)
				}
			}
			rt.AddSource("in", l, in)
		})
	}
	count := func() int {
		far.mu.Lock()
		defer far.mu.Unlock()
		return far.n + far.inversions
	}
	names := []string{"a", "b", "c"}
	hubs := []*pgHub{start("a"), start("b"), start("c")}
	begun := time.Now()
	for i := range rounds {
		for end := time.Now().Add(2 * time.Second); count() < keys*each*(i+1)/(rounds+2) && time.Now().Before(end); {
			time.Sleep(5 * time.Millisecond)
		}
		k := rand.IntN(3)
		hubs[k].end(i%2 == 0)
		if rand.IntN(2) == 0 {
			names[k] += "'"
		}
		hubs[k] = start(names[k])
	}
	for end := time.Now().Add(2 * time.Minute); count() < keys*each && time.Now().Before(end); {
		time.Sleep(5 * time.Millisecond)
	}
	took := time.Since(begun)
	for _, h := range hubs {
		h.end(false)
	}
	if n := count(); n != keys*each || far.inversions > 0 {
		t.Errorf("%d of %d arrived, %d inversions, %d twice", n, keys*each, far.inversions, far.doubled)
	}
	t.Logf("%d messages in %v, %d failures on the way, %d arrived twice", keys*each, took.Round(100*time.Millisecond), far.kept, far.doubled)
}
