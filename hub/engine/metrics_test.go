package engine

import (
	"fmt"
	"sync"
	"testing"
)

// No count is lost when stages begin side by side.
func TestMetricsSideBySide(t *testing.T) {
	var m Metrics
	if m.Counts() != nil {
		t.Error("counts before the first message")
	}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for i := range 400 {
				m.done(fmt.Sprint("stage", i%40))
				m.failed("broken")
				m.Counts()["broken"].Failed.Load()
			}
		})
	}
	all.Wait()
	counts := m.Counts()
	for name, c := range counts {
		done, failed := c.Done.Load(), c.Failed.Load()
		if name == "broken" && (done != 0 || failed != 3200) || name != "broken" && (done != 80 || failed != 0) {
			t.Errorf("%s: %d done, %d failed", name, done, failed)
		}
	}
	if len(counts) != 41 {
		t.Errorf("%d stages", len(counts))
	}
}
