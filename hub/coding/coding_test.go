package coding

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/klauspost/compress/zstd"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"
	"orderhub/hub"
	"orderhub/hub/doc"
)

var plain = &hub.Format{Name: "text", Type: "text/plain; charset=utf-8",
	Decode: func(raw []byte) (doc.Value, error) { return doc.StringValue(string(raw)), nil },
	Encode: func(v doc.Value) ([]byte, error) { return []byte(v.Str()), nil },
	Records: func(r io.Reader, _ int) hub.RecordReader {
		return func() (hub.Body, int, error) {
			raw, err := io.ReadAll(r)
			if err == nil && len(raw) == 0 {
				err = io.EOF
			}
			return hub.DocumentBody(doc.StringValue(string(raw))), 1, err
		}
	}}

// Whatever is written in a character set and a compression is read back, as a body and as a stream.
func TestRoundTrip(t *testing.T) {
	for _, charset := range []string{"", "utf-8", "UTF-16", "utf-16le", "windows-1252", "iso-8859-15", "ISO-8859-1", "latin1"} {
		for _, compress := range append(Names(), "") {
			f, err := Wrap(plain, charset, compress)
			if err != nil {
				t.Fatal(charset, compress, err)
			}
			want := doc.StringValue(strings.Repeat("Zoë € größer\n", 1000))
			raw, err := f.Encode(want)
			if err != nil {
				t.Fatal(charset, compress, err)
			}
			if got, err := f.Decode(raw); err != nil || !doc.Equal(got, want) {
				t.Errorf("%s %s: %.60s %v", charset, compress, got, err)
			}
			body, _, err := f.Records(bytes.NewReader(raw), 1<<20)()
			if got, _ := body.Doc(); err != nil || !doc.Equal(got, want) {
				t.Errorf("%s %s: as a stream %.60s %v", charset, compress, got, err)
			}
			if f.Coding != compress || !strings.HasPrefix(f.Type, "text/plain") {
				t.Errorf("%s %s: type %s, coding %s", charset, compress, f.Type, f.Coding)
			}
			if compress != "" && len(raw) > 1000 {
				t.Errorf("%s %s: %d bytes", charset, compress, len(raw))
			}
		}
	}
}

func TestForeign(t *testing.T) {
	latin, _ := charmap.Windows1252.NewEncoder().String("Zoë €")
	utf16, _ := unicode.UTF16(unicode.LittleEndian, unicode.ExpectBOM).NewEncoder().String("Zoë €")
	for _, c := range []struct{ charset, in string }{{"iso-8859-1", latin}, {"utf-16", utf16}} {
		f, err := Wrap(plain, c.charset, "")
		if err != nil {
			t.Fatal(err)
		}
		if v, err := f.Decode([]byte(c.in)); err != nil || v.Str() != "Zoë €" {
			t.Errorf("%s: %q %v", c.charset, v.Str(), err)
		}
	}
}

func TestFaults(t *testing.T) {
	if _, err := Wrap(plain, "klingon", ""); err == nil || !strings.Contains(err.Error(), "write its IANA name") {
		t.Error(err)
	}
	if _, err := Wrap(plain, "", "rar"); err == nil || !strings.Contains(err.Error(), "write one of gzip, deflate, zstd") {
		t.Error(err)
	}
	for _, name := range Names() {
		f, err := Wrap(plain, "", name)
		if err != nil {
			t.Fatal(err)
		}
		_, err = f.Decode([]byte("no such thing"))
		if e, ok := errors.AsType[*doc.SyntaxError](err); !ok || e.Code != "bad_"+name {
			t.Errorf("%s: %v", name, err)
		}
		bomb, err := squeeze(name, make([]byte, MaxExpanded+1))
		if err != nil {
			t.Fatal(err)
		}
		_, err = f.Decode(bomb)
		if e, ok := errors.AsType[*doc.SyntaxError](err); !ok || e.Code != CodeTooLarge {
			t.Errorf("%s: %v", name, err)
		}
	}
	f, err := Wrap(plain, "iso-8859-15", "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Encode(doc.StringValue("Zoë 漢 字")); err == nil || hub.AsError(err).Reason != "no_charset" || !strings.Contains(err.Error(), "the character 漢 (U+6F22)") {
		t.Error(err)
	}
}

// TestMeaningless: a byte that has no meaning in a character set is no text: a whole body is refused with its place, and to
// the records of a stream it is a byte that is not UTF-8, wherever the reads of the stream end.
func TestMeaningless(t *testing.T) {
	var refused error
	lines := *plain
	lines.Records = func(r io.Reader, _ int) hub.RecordReader {
		return func() (hub.Body, int, error) {
			raw, err := io.ReadAll(r)
			if at := doc.NotUTF8(raw); at >= 0 && err == nil {
				err = &hub.RecordError{SyntaxError: *doc.Refuse(raw, at, doc.CodeBadUTF8, "not UTF-8"), Raw: raw}
			}
			refused = err
			return hub.Body{}, 1, err
		}
	}
	const want = "line 2 column 9001: a byte that has no meaning in the character set windows-1253"
	before := "\n" + strings.Repeat("\xe1\xe2\xe3", 3000)
	f, err := Wrap(&lines, "windows-1253", "")
	if err != nil {
		t.Fatal(err)
	}
	for _, raw := range []string{before + "\xaa", before + "\xaa\xe1\xaa\xaa" + before} {
		if _, err := f.Decode([]byte(raw)); err == nil || err.Error() != want || err.(*doc.SyntaxError).Code != codeBadCharset {
			t.Errorf("whole: %v", err)
		}
		for _, r := range []io.Reader{strings.NewReader(raw), iotest.OneByteReader(strings.NewReader(raw)), iotest.DataErrReader(strings.NewReader(raw))} {
			if f.Records(r, 1<<20)(); refused == nil || refused.Error() != want || refused.(*hub.RecordError).Code != codeBadCharset {
				t.Errorf("as a stream: %v", refused)
			}
		}
	}
	for _, raw := range []string{"", before, "\xff"} {
		if _, _, err := f.Records(strings.NewReader(raw), 1<<20)(); (err != nil) != (raw == "\xff") {
			t.Errorf("%.20q: %v", raw, err)
		}
	}
}

// TestCache: each coding is made once; UTF-8 and a format's own character set need none, and what is not known is not kept.
func TestCache(t *testing.T) {
	var c Cache
	own := *plain
	own.Charset = "utf-16"
	zipped, err := Wrap(plain, "", "gzip")
	if err != nil {
		t.Fatal(err)
	}
	in := func(f *hub.Format, contentType string) *hub.Format {
		t.Helper()
		out, err := c.In(f, contentType, f.Coding)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	for _, f := range []*hub.Format{plain, &own, zipped} {
		for _, contentType := range []string{"", "text/plain", "text/plain; charset=UTF-8", "a; b; c"} {
			if in(f, contentType) != f {
				t.Errorf("%s in %q is another format", f.Type, contentType)
			}
		}
	}
	const greek = "text/plain; charset=Windows-1253"
	if in(&own, greek) != &own || in(plain, greek) == plain || in(plain, greek) != in(plain, strings.ToLower(greek)) || in(zipped, greek) == in(plain, greek) {
		t.Error("a format in another character set")
	}
	if f := in(zipped, greek); f.Coding != "gzip" || f.Bare != plain || f.Type != "text/plain; charset=windows-1253" {
		t.Errorf("%+v", f)
	}
	for range 2 {
		if f, err := c.In(plain, "text/plain; charset=klingon", "gzip"); err == nil {
			t.Error(f)
		}
	}
	kept := 0
	c.made.Range(func(key, _ any) bool { kept++; return true })
	if kept != 4 { // UTF-8 of two formats as well
		t.Errorf("%d formats are kept", kept)
	}
}

func FuzzExpand(f *testing.F) {
	for _, name := range Names() {
		raw, _ := squeeze(name, []byte("a text, a text, a text"))
		f.Add(name, raw)
	}
	f.Fuzz(func(t *testing.T, name string, raw []byte) {
		if name == "gzip" || name == "deflate" || name == "zstd" {
			Expand(name, raw, 1<<20)
		}
	})
}

// TestWindow: a zstd frame may say that it needs 8 MiB, and more only where as much may come out.
func TestWindow(t *testing.T) {
	var out bytes.Buffer
	w, err := zstd.NewWriter(&out, zstd.WithWindowSize(8<<20), zstd.WithSingleSegment(false))
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(w, "a small ")
	w.Flush() // so that the frame does not tell its size
	io.WriteString(w, "order")
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	got, err := Expand("zstd", out.Bytes(), 1<<20)
	if err != nil || string(got) != "a small order" {
		t.Errorf("%q %v", got, err)
	}
	out.Reset()
	if w, err = zstd.NewWriter(&out, zstd.WithWindowSize(32<<20), zstd.WithSingleSegment(false)); err != nil {
		t.Fatal(err)
	}
	io.WriteString(w, "a bomb of ")
	w.Flush()
	io.WriteString(w, "memory")
	w.Close()
	if got, err := Expand("zstd", out.Bytes(), 1<<20); err == nil {
		t.Errorf("it took 32 MiB of memory for %q", got)
	}
	if got, err := Expand("zstd", out.Bytes(), MaxExpanded); err != nil {
		t.Errorf("%q %v", got, err)
	}
}

// TestNames: names of the web and of IANA mean the same wherever they stand.
func TestNames(t *testing.T) {
	for name, want := range map[string]string{"windows-1252": "\u20ac", "latin1": "\u20ac", "cp1252": "\u20ac", "x-cp1252": "\u20ac", "iso-8859-1": "\u20ac", "cp850": "\u00c7", "IBM850": "\u00c7", "koi8-r": "\u2500"} {
		set, err := Charset(name)
		if err != nil {
			t.Error(err)
			continue
		}
		if got, _ := set.NewDecoder().String("\x80"); got != want {
			t.Errorf("%s: 80 is %q, not %q", name, got, want)
		}
	}
	for _, name := range []string{"klingon", "replacement", "iso-2022-kr"} {
		if set, err := Charset(name); err == nil {
			t.Errorf("%s: %v", name, set)
		}
	}
}

// TestAppend: records that are written one by one behind a coding are read as one stream.
func TestAppend(t *testing.T) {
	lines := &hub.Format{Name: "lines", Type: "text/plain",
		Decode: func(raw []byte) (doc.Value, error) { return doc.StringValue(string(raw)), nil },
		Encode: func(v doc.Value) ([]byte, error) { return []byte(v.Str() + "\n"), nil },
		Append: func(b hub.Body, _ bool) ([]byte, error) { return b.Encode() }}
	for _, c := range []struct{ charset, compress string }{{"utf-16", ""}, {"utf-16le", ""}, {"windows-1252", ""}, {"", "gzip"}, {"", "zstd"}, {"utf-16", "gzip"}} {
		f, err := Wrap(lines, c.charset, c.compress)
		if err != nil {
			t.Fatal(err)
		}
		var raw []byte
		for i, text := range []string{"é", "b", "ü"} {
			line, err := f.Append(hub.DocumentBody(doc.StringValue(text)).In(f), i == 0)
			if err != nil {
				t.Fatal(err)
			}
			raw = append(raw, line...)
		}
		if v, err := f.Decode(raw); err != nil || v.Str() != "é\nb\nü\n" {
			t.Errorf("%+v: %q, %v", c, v.Str(), err)
		}
	}
	if f, err := Wrap(lines, "", "deflate"); err != nil || f.Append != nil {
		t.Errorf("deflate: %v, records can be added: %t", err, f.Append != nil)
	}
}
