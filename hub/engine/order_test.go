package engine_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"orderhub/hub"
	"orderhub/hub/engine"
	"orderhub/hub/store"
	"orderhub/hub/store/drivers"
)

// keyedSource is a source with a line of messages for each key. What was not
// acknowledged when it ended comes again.
type keyedSource struct {
	each int

	mu   sync.Mutex
	next map[string]int
}

func (s *keyedSource) Run(ctx context.Context, h hub.Handler) error {
	var lines sync.WaitGroup
	for key, i := range s.positions() {
		lines.Go(func() {
			for ; i < s.each; i++ {
				m := &hub.Message{ID: fmt.Sprintf("%s-%03d", key, i), Key: key, Time: time.Now(), Body: hub.NewBody([]byte("{}"))}
				for h.Handle(ctx, m) != nil {
					if ctx.Err() != nil {
						return
					}
					time.Sleep(time.Millisecond)
				}
				if ctx.Err() != nil && rand.IntN(2) == 0 {
					return // the acknowledgement was lost
				}
				s.mu.Lock()
				s.next[key] = i + 1
				s.mu.Unlock()
				time.Sleep(time.Duration(rand.IntN(4)) * time.Millisecond) // so that the store runs empty now and then
			}
		})
	}
	lines.Wait()
	<-ctx.Done()
	return nil
}

func (s *keyedSource) positions() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := map[string]int{}
	for k, v := range s.next {
		out[k] = v
	}
	return out
}

// Order per key holds from the source to the target whatever way each message
// takes: directly, through a retry and the outbox behind it, held behind
// another one's retry, or found in the store by the next run.
func TestOrderPerKeyFromSourceToTarget(t *testing.T) {
	const keys, each, restarts = 40, 60, 5
	src := &keyedSource{each: each, next: map[string]int{}}
	for k := range keys {
		src.next[fmt.Sprint("k", k)] = 0
	}
	st, err := drivers.Open(t.Context(), "memory:", store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	var mu sync.Mutex
	tries, arrived, inversions, doubled := map[string]int{}, map[string]int{}, 0, 0
	try := func(what string, share int) error {
		mu.Lock()
		defer mu.Unlock()
		if tries[what]++; tries[what] == 1 && rand.IntN(100) < share {
			return hub.Fail(hub.Unavailable, "test", "away")
		}
		return nil
	}
	far := targetFunc(func(_ context.Context, m *hub.Message) error {
		time.Sleep(time.Duration(rand.IntN(300)) * time.Microsecond)
		if err := try("send "+m.ID, 25); err != nil {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		key, n, _ := strings.Cut(m.ID, "-")
		var i int
		i, _ = strconv.Atoi(n)
		switch {
		case i < arrived[key]:
			doubled++
		case i > arrived[key]:
			inversions++
			arrived[key] = i + 1
		default:
			arrived[key] = i + 1
		}
		return nil
	})
	run := func(until func() bool) {
		if err := st.Recover(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		rt := engine.NewRuntime(st, hub.RealClock{}, slog.New(slog.NewTextHandler(io.Discard, nil)), nil)
		again := func(*hub.Error) hub.Reaction {
			return hub.Reaction{Retry: &hub.Retry{Times: 50, Min: time.Millisecond, Max: 5 * time.Millisecond}}
		}
		in := &engine.Stage{Name: "in", Queue: "in#0", Inbox: true, React: again, Run: func(_ context.Context, x *hub.Exchange) error {
			time.Sleep(time.Duration(rand.IntN(200)) * time.Microsecond)
			if err := try(x.Msg.ID, 10); err != nil {
				return err
			}
			x.Unit.Sends = append(x.Unit.Sends, hub.Send{Queue: "@far", Target: far, Msg: x.Msg})
			return nil
		}}
		out := &engine.Stage{Name: "@far", Queue: "@far", Direct: true, React: again, Run: func(ctx context.Context, x *hub.Exchange) error {
			time.Sleep(time.Duration(rand.IntN(5)) * time.Millisecond) // the way through the outbox is the longer one
			return far(ctx, x.Msg)
		}}
		for _, s := range []*engine.Stage{in, out} {
			if err := rt.AddStage(s); err != nil {
				t.Fatal(err)
			}
		}
		rt.AddSource("in", src, in)
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan error, 1)
		go func() { ended <- rt.Run(ctx) }()
		for deadline := time.Now().Add(20 * time.Second); !until() && time.Now().Before(deadline); {
			time.Sleep(time.Millisecond)
		}
		cancel()
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
	}
	count := func() (n int) {
		mu.Lock()
		defer mu.Unlock()
		for _, v := range arrived {
			n += v
		}
		return n
	}
	for i := range restarts {
		run(func() bool { return count() > keys*each*(i+1)/(restarts+1) })
	}
	run(func() bool { return count() == keys*each })
	if n := count(); n != keys*each || inversions > 0 {
		t.Errorf("%d of %d arrived, %d inversions, %d twice", n, keys*each, inversions, doubled)
	}
}

type targetFunc func(ctx context.Context, m *hub.Message) error

func (f targetFunc) Send(ctx context.Context, m *hub.Message) error { return f(ctx, m) }
func (f targetFunc) Close() error                                   { return nil }
