package files

import (
	"context"
	"sync/atomic"
	"testing"

	"orderhub/hub"
)

// TestStopBehindTheLastRecord: Run's end finds the reader of a file anywhere, also between the last record and the end. A file whose
// records are all settled goes to done all the same, and is not read again.
func TestStopBehindTheLastRecord(t *testing.T) {
	for range 100 {
		in := newInbox(t, func(c *settings) { c.Empty = emptyDeliver })
		in.drop("a", "")
		in.drop("b.csv", "id\n1\n")
		var n atomic.Int64
		ctx, cancel := context.WithCancel(t.Context())
		src := in.open("")
		if err := src.Run(ctx, hub.HandlerFunc(func(context.Context, *hub.Message) error {
			if n.Add(1) == 2 {
				cancel()
			}
			return nil
		})); err != nil {
			t.Fatal(err)
		}
		cancel()
		if !in.has("done/a") || !in.has("done/b.csv") {
			t.Fatal("a file that was handled to its end is not in done")
		}
	}
}
