package sql

import (
	"fmt"
	"sync/atomic"
	"testing"

	"orderhub/hub"
)

// BenchmarkSend inserts rows exactly once, from one sender and from many at the same time.
func BenchmarkSend(b *testing.B) {
	for _, senders := range []int{1, 16, 64} {
		b.Run(fmt.Sprintf("senders=%d", senders), func(b *testing.B) {
			d := newDB(b, "create table orders (id bigint primary key, customer text, total numeric(12,2), details jsonb)")
			target := d.open(nil).target("insert orders")
			var next atomic.Int64
			b.SetParallelism(senders) // with -cpu 1
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					i := next.Add(1)
					m := message(fmt.Sprintf("m%d", i), fmt.Sprintf(`{"id": %d, "customer": "c%d", "total": 12.50, "details": {"items": [{"sku": "A-1", "qty": 2}]}}`, i, i%100))
					if err := target.Send(b.Context(), m); err != nil {
						b.Error(err)
						return
					}
				}
			})
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "msg/s")
		})
	}
}

// BenchmarkCall asks for a row by its key.
func BenchmarkCall(b *testing.B) {
	d := newDB(b, "create table orders (id bigint primary key, customer text, total numeric(12,2))", "insert into orders select i, 'c', 12.50 from generate_series(1, 1000) i")
	a := d.open(ops(map[string]Op{"order": {Query: "select id, customer, total from orders where id = :id", One: required}}))
	c, err := a.OpenCaller("order")
	noError(b, err)
	var next atomic.Int64
	b.SetParallelism(8)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := c.Call(b.Context(), &hub.Message{ID: "m", Body: hub.NewBody(fmt.Appendf(nil, `{"id": %d}`, next.Add(1)%1000+1))}); err != nil {
				b.Error(err)
				return
			}
		}
	})
}
