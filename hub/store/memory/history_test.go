package memory

import (
	"fmt"
	"testing"
	"time"

	"orderhub/hub"
	"orderhub/hub/store"
)

// A flood that passes through leaves the newest history, not all of it.
func TestHistoryIsBounded(t *testing.T) {
	s := New(store.Options{Clock: hub.RealClock{}})
	defer s.Close()
	for i := range 3 * mostRows {
		u := &hub.Unit{Past: []*hub.Unit{{Root: fmt.Sprint("M", i), History: []hub.Event{{Time: time.Now(), What: "received"}}}}}
		if err := s.Commit(t.Context(), u); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(s.rowsOf); n < mostRows || n >= 2*mostRows || s.rowsOf[n-1].Root != fmt.Sprint("M", 3*mostRows-1) {
		t.Errorf("%d rows", n)
	}
}
