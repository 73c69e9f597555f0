package xml

import (
	"bytes"
	"encoding/xml"
	"io"
	"testing"
)

// BenchmarkTokens is what encoding/xml takes for the same text without making anything of it: the least that readers built on it take.
func BenchmarkTokens(b *testing.B) {
	raw, _ := io.ReadAll(manyOrders(anOrder, 64<<10))
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	for b.Loop() {
		d := xml.NewDecoder(bytes.NewReader(raw))
		for {
			if _, err := d.Token(); err == io.EOF {
				break
			} else if err != nil {
				b.Fatal(err)
			}
		}
	}
}
