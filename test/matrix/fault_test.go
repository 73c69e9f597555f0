package matrix

import (
	"testing"
	"time"

	"github.com/Shopify/toxiproxy/v2/toxics"
)

// fault is a way to break a link.
type fault struct {
	name  string
	toxic toxics.Toxic  // in both directions; nil: the link is down
	hold  time.Duration // for how long
}

// faults are all of them. hold is how long each lasts, down the time that the link is down.
func faults(hold, down time.Duration) []fault {
	return []fault{
		{"latency", &toxics.LatencyToxic{Latency: 500, Jitter: 300}, hold},
		{"timeout", &toxics.TimeoutToxic{Timeout: 1000}, hold}, // nothing passes, then the connection ends
		{"reset_peer", &toxics.ResetToxic{}, hold},
		{"slicer", &toxics.SlicerToxic{AverageSize: 64, SizeVariation: 32, Delay: 500}, hold},
		{"bandwidth", &toxics.BandwidthToxic{Rate: 16}, hold},
		{"limit_data", &toxics.LimitDataToxic{Bytes: 9001}, hold}, // each connection ends within a frame
		{"down", nil, down},
	}
}

// suffer is a fault for its time.
func (l *link) suffer(t testing.TB, f fault) {
	t.Helper()
	if f.toxic == nil {
		l.down()
		time.Sleep(f.hold)
		l.up(t)
		return
	}
	l.infect(f.toxic)
	time.Sleep(f.hold)
	l.infect(&toxics.NoopToxic{})
}
