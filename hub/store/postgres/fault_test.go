package postgres

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"orderhub/hub"
	"orderhub/hub/hubtest"
	"orderhub/hub/store"
	"orderhub/hub/store/storetest"
)

// pgLoad commits units until stop: a message, a record, a counter each; and
// consumes the messages, with a counter again. It checks that each unit
// happened once, and all of it.
type pgLoad struct {
	t       *testing.T
	s       *Store
	stop    atomic.Bool
	put     atomic.Int64 // acknowledged
	done    atomic.Int64
	longest atomic.Int64 // a commit took, in nanoseconds
	wg      sync.WaitGroup
}

func startLoad(t *testing.T, s *Store, writers int) *pgLoad {
	l := &pgLoad{t: t, s: s}
	for w := range writers {
		l.wg.Go(func() {
			for i := 0; !l.stop.Load(); i++ {
				id := fmt.Sprint(w, "-", i)
				l.commit(&hub.Unit{Inbox: id, Puts: []hub.Put{{Queue: "q", Msg: storetest.Message(id, "1")}, {Queue: "log", Name: id, Msg: storetest.Message(id, "1")}},
					Writes: []hub.Write{{Kind: "k", Key: id, Value: []byte(id)}}, Adds: []hub.Add{{Kind: "c", Key: "put", Delta: 1}}}, &l.put)
			}
		})
	}
	l.wg.Go(func() {
		for !l.stop.Load() {
			batch, _, err := s.Claim(ctx, "q", 32, 0)
			if err != nil {
				t.Errorf("claim: %v", err)
				return
			}
			if len(batch) == 0 {
				time.Sleep(time.Millisecond)
			}
			var wg sync.WaitGroup
			for _, d := range batch {
				wg.Go(func() {
					l.commit(&hub.Unit{Input: d, Adds: []hub.Add{{Kind: "c", Key: "done", Delta: 1}}}, &l.done)
				})
			}
			wg.Wait()
		}
	})
	return l
}

func (l *pgLoad) commit(u *hub.Unit, n *atomic.Int64) {
	begun := time.Now()
	if err := l.s.Commit(context.Background(), u); err != nil {
		l.t.Errorf("commit: %v", err)
	} else {
		n.Add(1)
	}
	if took := int64(time.Since(begun)); took > l.longest.Load() {
		l.longest.Store(took)
	}
}

// verify ends the load and compares what is stored with what was acknowledged.
func (l *pgLoad) verify() {
	l.t.Helper()
	l.stop.Store(true)
	l.wg.Wait()
	put, done := l.put.Load(), l.done.Load()
	n, err := l.s.Counters(ctx, "c", "")
	if err != nil || n["put"] != put || n["done"] != done {
		l.t.Errorf("%d and %d were acknowledged, the counters say %v: %v", put, done, n, err)
	}
	st, err := l.s.Queues(ctx)
	if err != nil {
		l.t.Fatal(err)
	}
	depth := map[string]int64{}
	for _, q := range st {
		depth[q.Queue] = int64(q.Ready)
	}
	if depth["q"] != put-done || depth["log"] != put {
		l.t.Errorf("%d put, %d done, stored %v", put, done, depth)
	}
	l.t.Logf("%d put, %d done, longest commit %v", put, done, time.Duration(l.longest.Load()).Round(time.Millisecond))
}

// Connections that are ended under load, again and again, lose nothing and double nothing.
func TestPostgresTerminated(t *testing.T) {
	url := storetest.PostgresSchema(t)
	s := openPg(t, url, Options{})
	l := startLoad(t, s, 16)
	c := storetest.PostgresConn(t, url)
	defer c.Close(ctx)
	for range 8 {
		time.Sleep(time.Duration(20+rand.IntN(150)) * time.Millisecond)
		if _, err := c.Exec(ctx, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name=$1", s.config.RuntimeParams["application_name"]); err != nil {
			t.Fatal(err)
		}
		before := l.put.Load()
		storetest.Eventually(t, "it goes on", 20*time.Second, func() bool { return l.put.Load() > before })
	}
	l.verify()
}

// When the answer to a commit is lost, the store finds out what became of it:
// nothing is committed twice.
func TestPostgresAnswerLost(t *testing.T) {
	base := storetest.PostgresSchema(t)
	proxy, url := throughProxy(t, base)
	s := openPg(t, url, Options{Lease: time.Minute})
	l := startLoad(t, s, 16)
	for i := 0; i < 8 || s.settled.Load() == 0 && i < 60; i++ { // until an answer was lost of a commit that is there
		time.Sleep(time.Duration(20+rand.IntN(100)) * time.Millisecond)
		proxy.deaf.Store(true)
		time.Sleep(time.Duration(10+rand.IntN(60)) * time.Millisecond)
		proxy.cut()
		proxy.deaf.Store(false)
		before := l.put.Load()
		storetest.Eventually(t, "it goes on", 20*time.Second, func() bool { return l.put.Load() > before })
	}
	l.verify()
	if n := s.settled.Load(); n == 0 {
		t.Error("no commit was in doubt and found to be there: the test shows nothing")
	}
}

// While PostgreSQL is away, calls wait for a bounded time, then fail as
// unavailable; later ones fail at once. The store is not broken, and heals.
func TestPostgresAway(t *testing.T) {
	base := storetest.PostgresSchema(t)
	proxy, url := throughProxy(t, base)
	s := openPg(t, url, Options{Patience: time.Second})
	storetest.Put(t, s, "q", storetest.Message("m1", "1"))
	d := claimsSoon(t, s, "q", "m1")
	proxy.mode.Store(pgRefuse)
	proxy.cut()
	unavailable := func(what string, err error) {
		t.Helper()
		if e := hub.AsError(err); err == nil || e.Class != hub.Unavailable || e.Reason != hub.NotConnected {
			t.Errorf("%s: %v, want unavailable", what, err)
		}
	}
	var wg sync.WaitGroup
	begun, stood := time.Now(), hubtest.Standstill(t)
	for i := range 300 { // more than a batch
		wg.Go(func() {
			unavailable("commit", s.Commit(ctx, &hub.Unit{Puts: []hub.Put{{Queue: "q", Msg: storetest.Message(fmt.Sprint("lost", i), "1")}}}))
		})
	}
	wg.Wait()
	if took := time.Since(begun); took < time.Second || took > 8*time.Second+stood() {
		t.Errorf("commits failed after %v", took)
	}
	begun, stood = time.Now(), hubtest.Standstill(t)
	unavailable("finish", s.Commit(ctx, &hub.Unit{Input: d}))
	_, err := s.Get(ctx, "k", "x")
	unavailable("get", err)
	_, _, err = s.Claim(ctx, "q2", 1, 0)
	unavailable("claim", err)
	if took := time.Since(begun); took > time.Second+stood() {
		t.Errorf("once it is known to be away, calls still wait: %v", took)
	}
	select {
	case <-s.Done():
		t.Fatalf("the store gave up: %v", s.Err())
	default:
	}
	proxy.mode.Store(pgPass)
	if err := s.Commit(ctx, &hub.Unit{Input: d, Puts: []hub.Put{{Queue: "q", Msg: storetest.Message("m2", "1")}}}); err != nil {
		storetest.Eventually(t, "a commit works again", 20*time.Second, func() bool {
			return s.Commit(ctx, &hub.Unit{Input: d, Puts: []hub.Put{{Queue: "q", Msg: storetest.Message("m2", "1")}}}) == nil
		})
	}
	if list, err := s.Browse(ctx, store.BrowseQuery{Queue: "q"}); err != nil || len(list) != 1 || list[0].Msg.ID != "m2" {
		t.Fatalf("stored %v: %v", list, err)
	}
}

// Closing ends in bounded time when PostgreSQL is away.
func TestPostgresCloseAway(t *testing.T) {
	t.Parallel()
	proxy, url := throughProxy(t, storetest.PostgresSchema(t))
	s := openPg(t, url, Options{Patience: time.Second})
	storetest.Put(t, s, "q", storetest.Message("m1", "1"))
	claimsSoon(t, s, "q", "m1")
	proxy.mode.Store(pgStall)
	ended := make(chan error, 1)
	go func() {
		ended <- s.Commit(ctx, &hub.Unit{Puts: []hub.Put{{Queue: "q", Msg: storetest.Message("m2", "1")}}})
	}()
	time.Sleep(20 * time.Millisecond)
	begun := time.Now()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if took := time.Since(begun); took > 15*time.Second {
		t.Errorf("Close took %v", took)
	}
	if err := <-ended; hub.AsError(err).Class != hub.Unavailable {
		t.Errorf("the commit ended with %v", err)
	}
}

// Tables that are gone are no outage: the store fails for good.
func TestPostgresBroken(t *testing.T) {
	url := storetest.PostgresSchema(t)
	s := openPg(t, url, Options{Options: store.Options{Log: silent}})
	storetest.Put(t, s, "q", storetest.Message("m1", "1"))
	storetest.PostgresExec(t, url, "DROP TABLE messages")
	if err := s.Commit(ctx, &hub.Unit{Puts: []hub.Put{{Queue: "q", Msg: storetest.Message("m2", "1")}}}); err == nil || hub.AsError(err).Class == hub.Unavailable {
		t.Fatalf("commit without a table: %v", err)
	}
	<-s.Done()
	if err := s.Commit(ctx, &hub.Unit{}); err == nil || !errors.Is(err, s.Err()) {
		t.Fatalf("after it: %v", err)
	}
	if _, _, err := s.Claim(ctx, "q", 1, 0); err == nil {
		t.Fatal("claim works")
	}
}
