package hubtest

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"orderhub/hub"
	"orderhub/hub/doc"
)

// FormatCase is a format under test.
type FormatCase struct {
	Kind hub.FormatKind
	Open *hub.Format // with the options that are tested
	// Random is a document that the format can say: what is written of it is read back alike.
	Random func(r *rand.Rand) doc.Value
	// Broken are bodies that are no such document, each with its error's text.
	Broken map[string]string
	// Unsaid are documents in JSON that the format can't say, each with a part of the error.
	Unsaid map[string]string
	// Hostile are pieces of which a sender could make a body that is dear to read.
	Hostile []string
}

// Format checks what every format must do (see hub.Format).
func Format(t *testing.T, c FormatCase) {
	t.Run("declares itself", c.declares)
	t.Run("10,000 documents survive", c.survive)
	t.Run("one record after another", c.appends)
	t.Run("faults have a place", c.faults)
	t.Run("side by side", c.sideBySide)
	t.Run("hostile input is bounded", func(t *testing.T) {
		raw, err := c.Open.Encode(c.Random(rand.New(rand.NewPCG(3, 5))))
		if err != nil {
			t.Fatal(err)
		}
		Bounds(t, c.Open, slices.Concat(hostile, c.Hostile, []string{string(raw)})...)
	})
}

// hostile is what no decoder likes, over and over.
var hostile = []string{"a", "\x00", "\xff", "\"", "\\", "\n", "\r", "[", "{\"a\":", "<a>", "&", "=", "a=&", "a[b]=&", ",", "1", "1e9,", "é", "--", "\u2028", " ", "\"\",\n", "'"}

// Bounds checks what 64 KiB that somebody made up may cost: less than a second, and 64 MiB. They are each of the pieces, over and over.
func Bounds(t *testing.T, f *hub.Format, pieces ...string) {
	const size, most = 64 << 10, 64 << 20
	for _, piece := range pieces {
		raw := []byte(strings.Repeat(piece, max(1, size/max(1, len(piece)))))
		best := time.Hour
		for range 3 { // a busy machine is no fault of the decoder
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			began := time.Now()
			Hostile(t, f, raw)
			best = min(best, time.Since(began))
			runtime.ReadMemStats(&after)
			if used := after.TotalAlloc - before.TotalAlloc; used > most {
				t.Errorf("%.40q: %d bytes took %d MiB", piece, len(raw), used>>20)
			}
			if best < time.Second {
				break
			}
		}
		if best >= time.Second {
			t.Errorf("%.40q: %d bytes took %s", piece, len(raw), best)
		}
	}
}

func (c FormatCase) declares(t *testing.T) {
	FormatReadme(t, c.Kind)
	if c.Open.Type == "" || c.Open.Decode == nil || c.Open.Encode == nil {
		t.Error("it has no content type, or does not read and write")
	}
}

// FormatReadme checks how a format declares itself: its name and types, the tags of its options, and its README.md. Run it in the format's folder.
func FormatReadme(t *testing.T, k hub.FormatKind) {
	if k.Name == "" || len(k.Types) == 0 {
		t.Errorf("name %q, types %v: both are needed", k.Name, k.Types)
	}
	tables := formatTables("config", reflect.ValueOf(k.Config()).Elem())
	for _, table := range tables {
		for _, f := range componentFields(table.value, "") {
			f.check(t, table.title)
		}
	}
	readmeIs(t, k.Name, []string{"Name", "Description", "Configuration", "Rules", "Examples", "Refusals"}, tables)
}

// formatTables are the tables of the options in v, and of those in the lists and maps of it; one for each type.
func formatTables(marker string, v reflect.Value) []componentConfig {
	if v.NumField() == 0 {
		return nil
	}
	tables := []componentConfig{{marker, marker, v}}
	for _, f := range componentFields(v, "") {
		elem := f.value.Type()
		for elem.Kind() == reflect.Map || elem.Kind() == reflect.Slice {
			elem = elem.Elem()
		}
		known := slices.ContainsFunc(tables, func(c componentConfig) bool { return c.value.Type() == elem })
		if elem.Kind() == reflect.Struct && elem != f.value.Type() && !known {
			tables = append(tables, componentConfig{f.path, f.path, reflect.New(elem).Elem()})
		}
	}
	return tables
}

// appends: records that are written one after another are what is written of them at once.
func (c FormatCase) appends(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 13))
	for range 100 {
		v := c.Random(r)
		if c.Open.Append == nil || v.Kind() != doc.Array || v.Len() == 0 {
			continue
		}
		want, err := c.Open.Encode(v)
		if err != nil {
			t.Fatal(err)
		}
		got, err := appended(c.Open, v)
		if err != nil && hub.AsError(err).Class == hub.Invalid { // it needs more options for that
			return
		}
		if err != nil || !bytes.Equal(got, want) {
			t.Fatalf("%s is %q one by one, %v; at once %q", v, got, err, want)
		}
	}
}

func appended(f *hub.Format, list doc.Value) (out []byte, err error) {
	for i, e := range list.Elems() {
		raw, err := f.Append(hub.DocumentBody(e).In(f), i == 0)
		if err != nil {
			return nil, err
		}
		out = append(out, raw...)
	}
	return out, nil
}

func (c FormatCase) survive(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 11))
	for i := range 10_000 {
		v := c.Random(r)
		raw, err := c.Open.Encode(v)
		if err != nil {
			t.Fatalf("%d: %s can't be written: %v", i, v, err)
		}
		kept := bytes.Clone(raw)
		got, err := c.Open.Decode(raw)
		if err != nil || !doc.Equal(got, v) {
			t.Fatalf("%d: %s became %q, read as %s, %v", i, v, raw, got, err)
		}
		if !bytes.Equal(raw, kept) {
			t.Fatalf("%d: reading changed the bytes", i)
		}
		if again, err := c.Open.Encode(got); err != nil || !bytes.Equal(again, raw) {
			t.Fatalf("%d: %q is written as %q, %v", i, raw, again, err)
		}
	}
}

func (c FormatCase) faults(t *testing.T) {
	for in, want := range c.Broken {
		_, err := c.Open.Decode([]byte(in))
		e, ok := errors.AsType[*doc.SyntaxError](err)
		if !ok || err.Error() != want || e.Code == "" || e.Line < 1 || e.Col < 1 {
			t.Errorf("%.80q: %v, want %s", in, err, want)
		}
	}
	for in, want := range c.Unsaid {
		v, err := doc.Parse([]byte(in))
		if err != nil {
			t.Fatal(err)
		}
		if _, err = c.Open.Encode(v); err == nil || hub.AsError(err).Class != hub.Invalid || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", in, err, want)
		}
	}
}

func (c FormatCase) sideBySide(t *testing.T) {
	var all sync.WaitGroup
	for i := range 4 {
		all.Go(func() {
			r := rand.New(rand.NewPCG(uint64(i), 1))
			for range 100 {
				v := c.Random(r)
				raw, _ := c.Open.Encode(v)
				if got, err := c.Open.Decode(raw); err != nil || !doc.Equal(got, v) {
					t.Errorf("%s: %v", v, err)
				}
			}
		})
	}
	all.Wait()
}

// Hostile holds a decoder to its bounds with bytes that somebody made up: no
// panic, an answer in time, and records that come to an end.
func Hostile(t *testing.T, f *hub.Format, raw []byte) {
	began := time.Now()
	if v, err := f.Decode(raw); err == nil && v.Kind() == doc.Missing {
		t.Errorf("%.80q is read as nothing, without an error", raw)
	}
	if f.Records != nil && !ends(f.Records(bytes.NewReader(raw), 1<<20), len(raw)+2) {
		t.Errorf("%.80q: the records have no end", raw)
	}
	if took := time.Since(began); took > 30*time.Second {
		t.Errorf("%d bytes took %s", len(raw), took)
	}
}

// ends tells that a stream ends after at most so many records.
func ends(next hub.RecordReader, most int) bool {
	for range most {
		_, _, err := next()
		if _, one := errors.AsType[*hub.RecordError](err); err != nil && !one {
			return true
		}
	}
	return false
}

// RecordCase is a stream of many records.
type RecordCase struct {
	Open         *hub.Format
	Head         string
	Record, Tail string
	Broken       string // a record that is refused
	Want         string // its error
}

// Records checks that memory does not grow with a stream (of 80 MB, 10 MB in short mode), that a broken record is
// refused with its place, and that its neighbours go on.
func Records(t *testing.T, c RecordCase) {
	size := 80 << 20
	if testing.Short() {
		size = 10 << 20
	}
	n := size / len(c.Record)
	n -= n % 1000
	in := c.stream(n)
	defer in.Close()
	var refused []string
	got, peak, line := 0, uint64(0), 0
	for next := c.Open.Records(in, 1<<20); ; {
		body, at, err := next()
		if err == io.EOF {
			break
		}
		if bad, ok := errors.AsType[*hub.RecordError](err); ok && len(bad.Raw) > 0 {
			refused = append(refused, bad.Error())
			continue
		}
		if err == nil {
			_, err = body.Doc()
		}
		if err != nil || at < line {
			t.Fatalf("line %d behind %d: %v", at, line, err)
		}
		if got++; got%(n/4) == 0 {
			peak = max(peak, liveHeap())
		}
		line = at
	}
	if got != n || !slices.Equal(refused, []string{c.Want}) {
		t.Errorf("%d records, want %d; refused %q, want %q", got, n, refused, c.Want)
	}
	if peak > 40<<20 {
		t.Errorf("%d MiB live", peak>>20)
	}
}

// stream has n records, and behind the first thousand the broken one.
func (c RecordCase) stream(n int) *io.PipeReader {
	block := strings.Repeat(c.Record, 1000)
	in, out := io.Pipe()
	go func() {
		io.WriteString(out, c.Head)
		for i := range n / 1000 {
			if i == 1 {
				io.WriteString(out, c.Broken)
			}
			if _, err := io.WriteString(out, block); err != nil {
				return
			}
		}
		io.WriteString(out, c.Tail)
		out.Close()
	}()
	return in
}

func liveHeap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
