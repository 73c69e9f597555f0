package postgres

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"orderhub/hub"
	"orderhub/hub/engine"
	"orderhub/hub/store"
	"orderhub/hub/store/storetest"
)

// pgFeed is a broker that gives each ID to some hub, again when it was not
// acknowledged, and now and then although it was.
type pgFeed struct {
	mu    sync.Mutex
	todo  []int
	acked map[int]bool
}

// offer adds the IDs from up to to.
func (f *pgFeed) offer(from, to int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := from; i < to; i++ {
		f.todo = append(f.todo, i)
	}
}

func (f *pgFeed) Run(ctx context.Context, h hub.Handler) error {
	var wg sync.WaitGroup
	for range 64 {
		wg.Go(func() {
			for ctx.Err() == nil {
				f.mu.Lock()
				if len(f.todo) == 0 {
					f.mu.Unlock()
					time.Sleep(10 * time.Millisecond)
					continue
				}
				i := f.todo[0]
				f.todo = f.todo[1:]
				f.mu.Unlock()
				m := &hub.Message{ID: fmt.Sprintf("id-%05d", i), Time: time.Now(), Body: hub.NewBody([]byte(`{}`))}
				err := h.Handle(ctx, m)
				f.mu.Lock()
				if err == nil {
					f.acked[i] = true
				}
				if err != nil || rand.IntN(20) == 0 { // the acknowledgement was lost
					f.todo = append(f.todo, i)
				}
				f.mu.Unlock()
			}
		})
	}
	wg.Wait()
	return nil
}

func (f *pgFeed) left() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.todo)
}

// pgHub is one hub: a store and a runtime whose first stage puts each message
// into one of some queues, whose stage has the effect.
type pgHub struct {
	t     *testing.T
	s     *Store
	proxy *pgProxy
	rt    *engine.Runtime
	stop  context.CancelFunc
	ended chan error
}

const pgQueues = 5

func startHub(t *testing.T, base, name string, f *pgFeed) *pgHub {
	t.Helper()
	return startRuntime(t, base, name, time.Second, func(rt *engine.Runtime) { addStages(t, rt, name, f) })
}

// startRuntime runs a hub. lease is how long its queues stay with it when it is silent.
func startRuntime(t *testing.T, base, name string, lease time.Duration, set func(rt *engine.Runtime)) *pgHub {
	t.Helper()
	h := &pgHub{t: t, ended: make(chan error, 1)}
	var url string
	h.proxy, url = throughProxy(t, base)
	var err error
	if h.s, err = Open(ctx, url, Options{Options: store.Options{Hub: name}, Lease: lease, Patience: 4 * time.Second}); err != nil {
		t.Fatal(err)
	}
	rt := engine.NewRuntime(h.s, hub.RealClock{}, silent, nil)
	h.rt = rt
	rt.Drain = 2 * time.Second
	set(rt)
	run, stop := context.WithCancel(context.Background())
	h.stop = stop
	go func() { h.ended <- rt.Run(run) }()
	select {
	case <-rt.Started():
	case err := <-h.ended:
		t.Fatalf("the runtime did not start: %v", err)
	}
	return h
}

func addStages(t *testing.T, rt *engine.Runtime, name string, f *pgFeed) {
	in := &engine.Stage{Name: "in", Queue: "in", Inbox: true, Run: func(_ context.Context, x *hub.Exchange) error {
		var i int
		fmt.Sscanf(x.Msg.ID, "id-%d", &i)
		x.Unit.Puts = append(x.Unit.Puts, hub.Put{Queue: fmt.Sprint("work-", i%pgQueues), Msg: x.Msg})
		return nil
	}}
	stages := []*engine.Stage{in}
	for i := range pgQueues {
		stages = append(stages, &engine.Stage{Name: fmt.Sprint("work-", i), Queue: fmt.Sprint("work-", i), Run: func(_ context.Context, x *hub.Exchange) error {
			if rand.IntN(200) == 0 {
				return hub.Fail(hub.Unavailable, "test", "away")
			}
			x.Unit.Adds = append(x.Unit.Adds, hub.Add{Kind: "effect", Key: x.Msg.ID, Delta: 1}, hub.Add{Kind: "by", Key: name, Delta: 1})
			return nil
		}, React: func(*hub.Error) hub.Reaction {
			return hub.Reaction{Retry: &hub.Retry{Times: 9, Min: 5 * time.Millisecond, Max: 20 * time.Millisecond}}
		}})
	}
	for _, st := range stages {
		if err := rt.AddStage(st); err != nil {
			t.Fatal(err)
		}
	}
	rt.AddSource("feed", f, in)
}

// end stops the hub: in order, or as a crash would, with its connections cut
// and its leases left to end by themselves.
func (h *pgHub) end(crash bool) {
	h.t.Helper()
	if crash {
		h.proxy.mode.Store(pgRefuse)
		h.proxy.cut()
	}
	h.stop()
	if err := <-h.ended; err != nil && !crash {
		h.t.Errorf("the runtime ended with %v", err)
	}
	if err := h.s.Close(); err != nil && !errors.Is(err, hub.ErrClosed) {
		h.t.Error(err)
	}
}

// Two hubs share one store while both are stopped, killed and started again:
// each of 4,000 messages has its effect once.
func TestPostgresRuntimes(t *testing.T) {
	const ids, rounds = 4_000, 8
	base := storetest.PostgresSchema(t)
	f := &pgFeed{acked: map[int]bool{}}
	names := []string{"a", "b"}
	hubs := []*pgHub{startHub(t, base, "a", f), startHub(t, base, "b", f)}
	watch := openPg(t, base, Options{})
	effects := func() map[string]int64 {
		n, err := watch.Counters(ctx, "effect", "")
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	begun, crashes := time.Now(), 0
	for i := range rounds {
		f.offer(ids*i/rounds, ids*(i+1)/rounds)
		time.Sleep(time.Duration(50+rand.IntN(200)) * time.Millisecond)
		k, crash := rand.IntN(2), i%2 == 0
		hubs[k].end(crash)
		if crash {
			crashes++
		}
		if rand.IntN(2) == 0 {
			names[k] += "'" // another name has to wait for the leases
		}
		hubs[k] = startHub(t, base, names[k], f)
	}
	storetest.Eventually(t, "all is done", 2*time.Minute, func() bool {
		st, err := watch.Queues(ctx)
		return f.left() == 0 && err == nil && len(st) == 0 && len(effects()) == ids
	})
	took := time.Since(begun)
	for _, h := range hubs {
		h.end(false)
	}
	twice := 0
	for _, n := range effects() {
		if n != 1 {
			twice++
		}
	}
	if len(effects()) != ids || twice > 0 || len(f.acked) != ids {
		t.Errorf("%d effects of %d ids, %d of them not once, %d acknowledged", len(effects()), ids, twice, len(f.acked))
	}
	by, _ := watch.Counters(ctx, "by", "")
	t.Logf("%d ids in %v with %d stops, of which %d were crashes; done by %v", ids, took.Round(100*time.Millisecond), rounds, crashes, by)
}
