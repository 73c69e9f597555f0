package files

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"orderhub/hub"
)

// BenchmarkOnce is the hot path of the engine benchmark: 200,000 records of 900 bytes, a handler that does nothing.
func BenchmarkOnce(b *testing.B) {
	const records = 200_000
	dir := b.TempDir()
	line := []byte(`{"x":"` + strings.Repeat("x", 891) + "\"}\n")
	if err := os.WriteFile(filepath.Join(dir, "orders.ndjson"), bytes.Repeat(line, records), 0o644); err != nil {
		b.Fatal(err)
	}
	cfg := defaultConfig()
	cfg.Dir, cfg.Once = dir, true
	a, err := Component().Open(cfg, &hub.Env{Name: "in"})
	if err != nil {
		b.Fatal(err)
	}
	src, err := a.Source("", nil)
	if err != nil {
		b.Fatal(err)
	}
	hub.Describe(src, hub.Description{Format: formats["ndjson"]})
	b.ReportAllocs()
	cpu := cpuTime()
	for b.Loop() {
		var n atomic.Int64
		if err := src.Run(context.Background(), hub.HandlerFunc(func(context.Context, *hub.Message) error { n.Add(1); return nil })); err != nil {
			b.Fatal(err)
		}
		if n.Load() != records {
			b.Fatal(fmt.Errorf("%d records", n.Load()))
		}
	}
	total := float64(b.N) * records
	b.ReportMetric(total/b.Elapsed().Seconds(), "records/s")
	b.ReportMetric(float64((cpuTime()-cpu).Nanoseconds())/total, "cpu-ns/record")
	b.ReportMetric(0, "ns/op")
}

// cpuTime is what this process has used of all cores.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
