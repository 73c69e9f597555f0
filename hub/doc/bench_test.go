package doc_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"orderhub/hub/doc"
)

// webOrder is order number i of the load generator of the comparisons.
func webOrder(i int) []byte {
	b := fmt.Appendf(nil, `{"orderRef":"W-%09d","placedAt":"2026-11-20T10:%02d:%02dZ","channel":"web-store","customer":{"id":"C-%06d","name":"Customer Number %d","email":"customer%d@example.com","phone":"+49 30 %07d","loyalty":"%s"},"currency":"EUR","cart":[`,
		i, i/60%60, i%60, i%100000, i%100000, i%100000, i%10000000, []string{"none", "silver", "gold"}[i%3])
	for l := range 1 + i%5 {
		if l > 0 {
			b = append(b, ',')
		}
		price := 500 + (i*7+l*13)%1500
		b = fmt.Appendf(b, `{"sku":"SKU-%05d","kind":"%s","title":"Article number %d of the catalogue","qty":%d,"unitPrice":%d.%02d}`,
			(i+l*31)%50000, []string{"widget", "gadget"}[(i+l)%2], (i+l*31)%50000, 1+(i+l)%3, price/100, price%100)
	}
	return fmt.Appendf(b, `],"shipTo":{"name":"Customer Number %d","street":"Long Street Name %d","zip":"%05d","city":"Berlin","country":"DE"},"payment":{"method":"card","token":"tok_%012d"},"note":"please ring twice, leave the parcel with the neighbour if nobody opens"}`,
		i%100000, i%300, i%99999, i)
}

func BenchmarkParseOrder(b *testing.B) {
	for _, i := range []int{120_001, 120_002, 120_004} { // 2, 3 and 5 lines
		src := webOrder(i)
		b.Run(fmt.Sprintf("%dbytes", len(src)), func(b *testing.B) {
			b.SetBytes(int64(len(src)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := doc.Parse(src); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkStdlibParseOrder(b *testing.B) {
	src := webOrder(120_002)
	b.ReportAllocs()
	for b.Loop() {
		var v any
		if err := json.Unmarshal(src, &v); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkMapOrder(b *testing.B) {
	v := parse(b, string(webOrder(120_002)))
	var out doc.Builder
	b.ReportAllocs()
	for b.Loop() {
		total := doc.Decimal{}
		out.BeginObject()
		out.Key("ref")
		out.Value(v.Get("orderRef"))
		out.Key("customer")
		out.Value(v.Get("customer"))
		out.Key("lines")
		out.BeginArray()
		for _, line := range v.Get("cart").Elems() {
			amount := line.Get("qty").Num().Mul(line.Get("unitPrice").Num())
			total = total.Add(amount)
			out.BeginObject()
			out.Key("sku")
			out.Value(line.Get("sku"))
			out.Key("amount")
			out.Num(amount)
			out.EndObject()
		}
		out.EndArray()
		out.Key("total")
		out.Num(total)
		out.EndObject()
		out.Done()
	}
}

func BenchmarkGetNum(b *testing.B) {
	v := parse(b, string(webOrder(120_002)))
	limit := doc.Int(5)
	b.ReportAllocs()
	for b.Loop() {
		if v.Get("cart").At(0).Get("unitPrice").Num().Cmp(limit) < 0 {
			b.Fatal("cheap")
		}
	}
}

func BenchmarkDivThirds(b *testing.B) {
	x, y := doc.Int(100), doc.Int(3)
	b.ReportAllocs()
	for b.Loop() {
		_, _ = x.Div(y)
	}
}
