package formula

import (
	"testing"

	"orderhub/hub/doc"
)

const predicate = `body.total > 100 and body.source == "web" and body.vip and any(body.items, .price > 50)`

// Target: at most 0.5 µs, no allocation.
func BenchmarkPredicate(b *testing.B) {
	fr := frameOf(b, order)
	f := must(b, predicate, openScope())
	if ok, err := f.Bool(fr); !ok || err != nil {
		b.Fatal(ok, err)
	}
	b.ReportAllocs()
	for b.Loop() {
		f.Bool(fr)
	}
}

// Target: at most 3 µs for 10 simple fields.
func BenchmarkTenFields(b *testing.B) {
	fr := frameOf(b, order)
	var fields []*Formula
	for _, src := range []string{`body.order_id`, `"web"`, `body.user.id`, `lower(body.user.mail)`, `body.pay?.type ?? "card"`, `body.pay?.token`,
		`body.extras ?? []`, `body.total`, `body.items[0].sku`, `body.items[0].price * body.items[0].quantity`} {
		fields = append(fields, must(b, src, openScope()))
	}
	var sink doc.Value
	b.ReportAllocs()
	for b.Loop() {
		for _, f := range fields {
			v, err := f.Eval(fr)
			if err != nil {
				b.Fatal(err)
			}
			sink = v
		}
	}
	_ = sink
}

func BenchmarkPath(b *testing.B) {
	fr := frameOf(b, order)
	f := must(b, `body.user.mail`, openScope())
	b.ReportAllocs()
	for b.Loop() {
		f.Eval(fr)
	}
}

func BenchmarkSum(b *testing.B) {
	fr := frameOf(b, order)
	f := must(b, `sum(body.items, .price * .quantity) == body.total`, openScope())
	b.ReportAllocs()
	for b.Loop() {
		f.Bool(fr)
	}
}

func BenchmarkCompile(b *testing.B) {
	s := openScope()
	b.ReportAllocs()
	for b.Loop() {
		must(b, predicate, s)
	}
}
