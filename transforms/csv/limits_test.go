package csv

import (
	"bytes"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestLimits(t *testing.T) {
	fits, over := long(MaxField-2), long(MaxField+1)
	slip := strings.Repeat("9,slipped in\n", 100_000) // 1.3 MB of lines that look like rows
	names := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, ",c%d", i)
		}
		return b.String()[1:]
	}
	for _, c := range []struct {
		name, in string
		want     []string
	}{
		{"a field that fits", "a,b\n1,\"" + fits + "\"\n", []string{`2 {"a":"1","b":"` + fits + `"}`}},
		{"a long field", "a,b\n1," + over + "\n2,3\n", []string{
			"csv_field_too_long: line 2 column 3: a field is longer than 1048576 bytes", `3 {"a":"2","b":"3"}`}},
		{"a long quoted field is dropped to its end: no line inside becomes a row", "a,b\n1,\"" + slip + "\"\"" + slip + "\"\r\n2,3\n", []string{
			"csv_field_too_long: line 2 column 3: a field is longer than 1048576 bytes", `200003 {"a":"2","b":"3"}`}},
		{"a long quoted field without end", "a,b\n1,\"" + slip, []string{
			"csv_field_too_long: line 2 column 3: a field is longer than 1048576 bytes, and its quote is never closed: all lines to the end, line 100001, are part of it"}},
		{"a long line after a fault", "a,b\nx\"" + over + over + "\n2,3\n", []string{
			"bad_csv: line 2 column 2: a quote inside a field without quotes", `3 {"a":"2","b":"3"}`}},
		{"a long record", "a,b\n" + strings.Repeat(fits+",", 10) + "\n2,3\n", []string{
			"too_large: line 2 column 1: the record is larger than 8388608 bytes", `3 {"a":"2","b":"3"}`}},
		{"a million columns", "a,b\n" + strings.Repeat(",", 999_999) + "\n2,3\n", []string{
			"bad_csv: line 2 column 3: 1000000 columns, expected 2: a, b", `3 {"a":"2","b":"3"}`}},
		{"1,000 columns", names(1000) + "\n" + strings.Repeat(",", 998) + "\n", []string{
			"bad_csv: line 2 column 999: 999 columns, expected 1000: c0, c1, c2, c3, c4, c5, c6, c7, c8, c9, c10, c11, … (1000)"}},
		{"1,001 columns", names(1001) + "\n", []string{
			"csv_header: line 1 column 1: 1001 columns, at most 1000 may be; found c0, c1, c2, c3, c4, c5, c6, c7, c8, c9, c10, c11, … (1001)"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, readAll(open(t, Options{}).Records(strings.NewReader(c.in), limit))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// endless gives the chunk again and again, up to a size.
type endless struct {
	chunk []byte
	left  int
	at    int
}

func (e *endless) Read(p []byte) (int, error) {
	if e.left == 0 {
		return 0, io.EOF
	}
	n := copy(p[:min(len(p), e.left)], e.chunk[e.at:])
	e.at = (e.at + n) % len(e.chunk)
	e.left -= n
	return n, nil
}

// Memory does not grow with the file: 200 MB of rows, and one field of 200 MB.
func TestConstantMemory(t *testing.T) {
	size := memoryTest
	if testing.Short() {
		size = 20 << 20
	}
	rows := []byte("W-000001,\"Customer, \"\"One\"\"\",customer@example.com,SKU-00017,3,129.90," + long(300) + "\r\n")
	size -= size % len(rows)
	header := "order,name,mail,sku,qty,price,note\n"
	for name, c := range map[string]struct {
		start string
		chunk []byte
		rows  int
	}{
		"rows":                       {header, rows, size / len(rows)},
		"one field":                  {header + "x,", []byte(long(4096)), 0},
		"one quoted field":           {header + "x,\"", []byte(long(4095) + "\n"), 0},
		"one line after a bad quote": {header + "x\"", []byte(long(4096)), 0},
		"one record of columns":      {header, []byte(long(4095) + ","), 0},
	} {
		t.Run(name, func(t *testing.T) {
			next := open(t, Options{}).Records(io.MultiReader(strings.NewReader(c.start), &endless{chunk: c.chunk, left: size}), limit)
			got, peak := 0, uint64(0)
			for n := 0; ; n++ {
				_, _, err := next()
				if err == io.EOF {
					break
				}
				if err == nil {
					got++
				}
				if n%100_000 == 0 {
					peak = max(peak, live())
				}
			}
			if peak = max(peak, live()); got != c.rows || peak > 40<<20 {
				t.Errorf("%d rows, want %d; %d MiB live", got, c.rows, peak>>20)
			}
			runtime.KeepAlive(next)
		})
	}
}

func live() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func BenchmarkRecords(b *testing.B) {
	row := []byte("W-000001,\"Customer, One\",customer@example.com,SKU-00017,3,129.90\n")
	file := append([]byte("order,name,mail,sku,qty,price\n"), bytes.Repeat(row, 10_000)...)
	b.SetBytes(int64(len(row)))
	b.ReportAllocs()
	f := open(b, Options{})
	next := f.Records(bytes.NewReader(file), limit)
	for b.Loop() {
		if _, _, err := next(); err == io.EOF {
			next = f.Records(bytes.NewReader(file), limit)
		}
	}
}
