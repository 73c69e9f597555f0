// Package hubtest holds the suites that every implementation of a contract of
// package hub must pass. A failing case prints the duty that it checks.
package hubtest

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"orderhub/hub"
	"orderhub/hub/store"
)

// storeCase is one duty of a store.Store.
type storeCase struct {
	name, why string
	run       func(t *storeTest)
}

// Store checks the duties of a store.Store. open gives a fresh, empty store on
// the wall clock, whose queues take at least 20,000 messages; the suite closes it.
func Store(t *testing.T, open func(t *testing.T) store.Store) {
	for _, part := range [][]storeCase{commitCases, recordCases, claimCases, pickCases, waitingCases, awaitCases, deadCases, historyCases, findCases, refusalCases, loadCases} {
		for _, c := range part {
			t.Run(c.name, func(t *testing.T) {
				c.run(newStoreTest(t, open(t), c.why))
			})
		}
	}
}

// storeTest is a case that runs.
type storeTest struct {
	contractT
	s store.Store
}

// newStoreTest closes s with the case.
func newStoreTest(t *testing.T, s store.Store, why string) *storeTest {
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("contract: Close ends a healthy store without an error: %v", err)
		}
	})
	return &storeTest{contractT{t, why}, s}
}

// must stops the case when the contract does not hold.
func (t *storeTest) must(holds bool, format string, args ...any) {
	t.Helper()
	if !holds {
		t.fail(format, args...)
	}
}

func (t *storeTest) is(err, want error) {
	t.Helper()
	t.must(errors.Is(err, want), "error %v, want %v", err, want)
}

func (t *storeTest) commit(u *hub.Unit) {
	t.Helper()
	t.ok(t.tryCommit(u))
}

func (t *storeTest) tryCommit(u *hub.Unit) error { return t.s.Commit(context.Background(), u) }

func (t *storeTest) put(queue string, ids ...string) {
	t.Helper()
	for _, id := range ids {
		t.commit(&hub.Unit{Puts: []hub.Put{{Queue: queue, Msg: message(id)}}})
	}
}

// claim takes messages and gives their IDs too.
func (t *storeTest) claim(queue string, n int) ([]*hub.Delivery, []string) {
	t.Helper()
	batch, _, err := t.s.Claim(context.Background(), queue, n, time.Minute)
	t.ok(err)
	return batch, ids(batch)
}

func (t *storeTest) one(queue string) *hub.Delivery {
	t.Helper()
	batch, got := t.claim(queue, 1)
	t.must(len(batch) == 1, "claimed %v, want one message", got)
	return batch[0]
}

// holds checks what can be claimed now, and keeps it claimed.
func (t *storeTest) holds(queue string, want ...string) []*hub.Delivery {
	t.Helper()
	batch, got := t.claim(queue, len(want)+10)
	t.must(fmt.Sprint(got) == fmt.Sprint(want), "claimed %v, want %v", got, want)
	return batch
}

func (t *storeTest) browse(q store.BrowseQuery) []*hub.Delivery {
	t.Helper()
	out, err := t.s.Browse(context.Background(), q)
	t.ok(err)
	return out
}

func (t *storeTest) finish(d *hub.Delivery, f hub.Finish) {
	t.Helper()
	t.commit(&hub.Unit{Input: d, Finish: f})
}

func (t *storeTest) get(kind, key string) (hub.Record, error) {
	return t.s.Get(context.Background(), kind, key)
}

func (t *storeTest) record(kind, key string) hub.Record {
	t.Helper()
	r, err := t.get(kind, key)
	t.ok(err)
	return r
}

func message(id string) *hub.Message {
	return &hub.Message{ID: id, Time: time.Now().UTC().Round(0), Body: hub.NewBody([]byte(`{"id":"` + id + `"}`))}
}

func keyed(id, key string) *hub.Message {
	m := message(id)
	m.Key = key
	return m
}

func ids(batch []*hub.Delivery) (out []string) {
	for _, d := range batch {
		out = append(out, d.Msg.ID)
	}
	return out
}

func failure(cause string, at time.Time) *hub.Failure {
	return &hub.Failure{Class: hub.Rejected, Reason: "no", Where: "p/s", Message: cause, Cause: cause, Time: at.UTC().Round(0)}
}
