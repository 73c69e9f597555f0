package mapping

import (
	"os"
	"testing"
)

// The web order of the side-by-side benchmarks, and its translation. Target: at most 6 µs, few allocations.
func BenchmarkOrder(b *testing.B) {
	in, err := os.ReadFile("testdata/order/in.json")
	if err != nil {
		b.Fatal(err)
	}
	src, err := os.ReadFile("testdata/order/map.json")
	if err != nil {
		b.Fatal(err)
	}
	m := mustCompile(b, string(src), nil)
	fr := frame(b, string(in))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := m.Apply(fr); err != nil {
			b.Fatal(err)
		}
	}
}
