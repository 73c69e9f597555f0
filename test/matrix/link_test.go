package matrix

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"
)

// link is a TCP connection's way between the hub and a far end, which a fault can spoil.
type link struct {
	addr  string // what the near side dials
	proxy *toxiproxy.Proxy
}

// newLink makes a link from addr to the address of a far end.
func newLink(t testing.TB, addr, far string) *link {
	t.Helper()
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
	l := &link{addr: addr, proxy: toxiproxy.NewProxy(server, addr, addr, far)}
	if err := l.proxy.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.proxy.Stop)
	return l
}

// fault is a way to break a link.
type fault struct {
	name  string
	toxic string        // in both directions, with these attributes; "": the link is down
	hold  time.Duration // for how long
}

// faults are all of them. hold is how long each lasts, down the time that the link is down.
func faults(hold, down time.Duration) []fault {
	return []fault{
		{"latency", `"latency", "attributes": {"latency": 500, "jitter": 300}`, hold},
		{"timeout", `"timeout", "attributes": {"timeout": 1000}`, hold}, // nothing passes, then the connection ends
		{"reset_peer", `"reset_peer", "attributes": {"timeout": 0}`, hold},
		{"slicer", `"slicer", "attributes": {"average_size": 64, "size_variation": 32, "delay": 500}`, hold},
		{"bandwidth", `"bandwidth", "attributes": {"rate": 16}`, hold},
		{"limit_data", `"limit_data", "attributes": {"bytes": 9001}`, hold}, // each connection ends within a frame
		{"down", "", down},
	}
}

// suffer is a fault for its time.
func (l *link) suffer(t testing.TB, f fault) {
	t.Helper()
	if f.toxic == "" {
		l.proxy.Stop()
		time.Sleep(f.hold)
		if err := l.proxy.Start(); err != nil {
			t.Fatalf("%s can't be up again: %v", l.addr, err)
		}
		return
	}
	for _, stream := range []string{"upstream", "downstream"} {
		json := fmt.Sprintf(`{"name": %q, "stream": %q, "type": %s}`, stream, stream, f.toxic)
		if _, err := l.proxy.Toxics.AddToxicJson(strings.NewReader(json)); err != nil {
			t.Fatalf("%s: %v", f.name, err)
		}
	}
	time.Sleep(f.hold)
	l.proxy.Toxics.ResetToxics(t.Context())
}
