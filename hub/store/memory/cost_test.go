package memory_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"orderhub/hub"
	"orderhub/hub/store"
	"orderhub/hub/store/memory"
)

// TestCommitCostsTheSame: what a unit costs does not grow with the records that lie there. 20 is far above what a
// machine under load does to it, and far below the 500 of a commit that looks at all of them.
func TestCommitCostsTheSame(t *testing.T) {
	few, many := memory.New(store.Options{Clock: hub.RealClock{}}), memory.New(store.Options{Clock: hub.RealClock{}})
	write := func(s *memory.Store, from, n int) time.Duration {
		begun := time.Now()
		for i := range n {
			if err := s.Commit(context.Background(), &hub.Unit{Writes: []hub.Write{{Kind: "k", Key: fmt.Sprint(from + i), Value: []byte("1")}}}); err != nil {
				t.Fatal(err)
			}
		}
		return time.Since(begun)
	}
	u := &hub.Unit{}
	for i := range 200_000 {
		u.Writes = append(u.Writes, hub.Write{Kind: "k", Key: fmt.Sprint(i), Value: []byte("1")})
	}
	if err := many.Commit(context.Background(), u); err != nil {
		t.Fatal(err)
	}
	least := 1e9
	for round := range 5 {
		least = min(least, float64(write(many, 1_000_000+round*200, 200))/float64(write(few, round*200, 200)))
	}
	if least > 20 {
		t.Errorf("a commit beside 200,000 records costs %.0f times as much as beside a few", least)
	}
}
