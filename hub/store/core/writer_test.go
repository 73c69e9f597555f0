package core

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"testing"

	"orderhub/hub"
	"orderhub/hub/store"
)

// tried is a writer without a database: it notes the batches that it is given.
type tried struct {
	*Writer[*Queue]
	mu      sync.Mutex
	batches [][]string
	fail    func(names []string) error
	began   chan struct{} // has a signal when a try has begun
	gate    chan struct{} // a try waits until it is closed
}

func newTried(t *testing.T, fail func(names []string) error) *tried {
	o := store.Options{}.WithDefaults()
	w := &tried{fail: fail, began: make(chan struct{}, 9), gate: make(chan struct{})}
	w.Writer = NewWriter("test", &o, func(jobs []*Job[*Queue]) ([]*Job[*Queue], error) {
		w.began <- struct{}{}
		<-w.gate
		var names []string
		for _, j := range jobs {
			j.Err = nil
			names = append(names, j.Unit.Root)
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		w.batches = append(w.batches, names)
		return jobs, w.fail(names)
	})
	go w.Write()
	t.Cleanup(func() {
		select {
		case <-w.Stopping():
		default:
			w.End()
		}
	})
	return w
}

// submit commits the first job, and the others while the writer is busy with that. It gives what each ended with.
func (w *tried) submit(jobs ...*Job[*Queue]) []error {
	errs := make([]error, len(jobs))
	var wg sync.WaitGroup
	for i, j := range jobs {
		wg.Go(func() { errs[i] = w.Submit(context.Background(), j) })
		if i == 0 {
			<-w.began
			continue
		}
		for len(w.jobs) < i { // in the order of the arguments
			runtime.Gosched()
		}
	}
	close(w.gate)
	wg.Wait()
	return errs
}

func job(root string, names ...string) *Job[*Queue] {
	j := &Job[*Queue]{Unit: &hub.Unit{Root: root}}
	for _, n := range names {
		j.Names = append(j.Names, Name{Key: n})
	}
	return j
}

// A batch that can't be written is taken apart: only the culprit fails.
func TestWriterFailsTheCulprit(t *testing.T) {
	bad := errors.New("bad")
	w := newTried(t, func(names []string) error {
		if slices.Contains(names, "b") {
			return bad
		}
		return nil
	})
	errs := w.submit(job("a"), job("b"), job("c"))
	if got := fmt.Sprint(errs); got != "[<nil> bad <nil>]" {
		t.Error(got)
	}
}

// What concerns all fails all at once, and a store that failed writes nothing more.
func TestWriterFailsAll(t *testing.T) {
	w := newTried(t, func([]string) error { return ForAll{hub.ErrNoSpace} })
	for _, err := range w.submit(job("a"), job("b"), job("c")) {
		if !errors.Is(err, hub.ErrNoSpace) {
			t.Error(err)
		}
	}
	n := len(w.batches)
	w.Fail(errors.New("broken"))
	if err := w.Submit(context.Background(), job("d")); err == nil || !errors.Is(err, w.Err()) || len(w.batches) != n {
		t.Errorf("after it failed: %v, batches %v", err, w.batches)
	}
	<-w.Done()
}

// Jobs of one name are in batches of their own, in their order, and one that runs alone has company from nobody.
func TestWriterKeepsApart(t *testing.T) {
	alone := &Job[*Queue]{Unit: &hub.Unit{Root: "alone"}, Alone: func() error { return nil }}
	jobs := []*Job[*Queue]{job("a", "x"), job("b", "x", "y"), job("c", "z"), job("d", "y"), alone, job("e")}
	var got []string
	var later []*Job[*Queue]
	for jobs != nil {
		now, then := apart(jobs, later)
		text := ""
		for _, j := range now {
			text += j.Unit.Root + " "
		}
		got = append(got, text)
		jobs, later = slices.Clone(then), nil
	}
	if want := []string{"a c ", "b ", "d ", "alone ", "e "}; !slices.Equal(got, want) {
		t.Errorf("batches %q, want %q", got, want)
	}
}

// What is queued when the store closes is written; what comes later is refused.
func TestWriterEnds(t *testing.T) {
	w := newTried(t, func([]string) error { return nil })
	for _, err := range w.submit(job("a"), job("b"), job("c")) {
		if err != nil {
			t.Error(err)
		}
	}
	w.End()
	if err := w.Submit(context.Background(), job("d")); !errors.Is(err, hub.ErrClosed) {
		t.Errorf("after the end: %v", err)
	}
	<-w.Drained()
	if err := w.Usable(); !errors.Is(err, hub.ErrClosed) {
		t.Error(err)
	}
}
