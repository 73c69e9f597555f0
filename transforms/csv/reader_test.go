package csv

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"orderhub/hub"
	"orderhub/hub/doc"
)

// open opens the format with its defaults where o has none.
func open(t testing.TB, o Options) *hub.Format {
	t.Helper()
	if faults := o.check(); len(faults) > 0 {
		t.Fatal(faults)
	}
	f, err := Format().Open(&o, nil)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// openAll is open for options without a fault, in tests that rapid makes.
func openAll(o Options) *hub.Format {
	f, _ := Format().Open(&o, nil)
	return f
}

// readAll reads a file as one text line for each row or refused record.
func readAll(next hub.RecordReader) []string {
	var got []string
	for range 10_000 {
		body, line, err := next()
		if err == io.EOF {
			return got
		}
		switch bad := err.(type) {
		case nil:
			got = append(got, fmt.Sprintf("%d %s", line, body.Bytes()))
		case *hub.RecordError:
			got = append(got, bad.Code+": "+bad.Error())
		case *doc.SyntaxError:
			got = append(got, bad.Code+": "+bad.Error())
		default:
			return append(got, "final: "+err.Error())
		}
	}
	return append(got, "no end")
}

const limit = 8 << 20 // of a record

func TestReader(t *testing.T) {
	for _, c := range []struct {
		name    string
		options Options
		in      string
		want    []string
	}{
		{"all values are strings, as they are", Options{}, "id,qty\n 007 , 1.50\n,\n", []string{`2 {"id":" 007 ","qty":" 1.50"}`, `3 {"id":"","qty":""}`}},
		{"BOM, trimmed names, no last line end", Options{}, "\uFEFF id ,\" qty \"\na,1", []string{`2 {"id":"a","qty":"1"}`}},
		{"quotes", Options{}, "a,b\n\"x, \"\"y\"\"\",\"\"\n", []string{`2 {"a":"x, \"y\"","b":""}`}},
		{"a quoted field keeps its lines, and lines are counted", Options{}, "a,b\n\"x\r\ny\rz\n\",1\nc,d\n",
			[]string{`2 {"a":"x\r\ny\rz\n","b":"1"}`, `6 {"a":"c","b":"d"}`}},
		{"LF, CR LF and CR mixed; blank lines are none", Options{}, "\r\na,b\r1,2\r\n\n\r3,4\n\r\n5,6\r", []string{
			`3 {"a":"1","b":"2"}`, `6 {"a":"3","b":"4"}`, `8 {"a":"5","b":"6"}`}},
		{"one empty quoted column is a record", Options{}, "a\n\"\"\n\nx\n", []string{`2 {"a":""}`, `4 {"a":"x"}`}},
		{"semicolon is found", Options{}, "a;b\n1,5;2\n", []string{`2 {"a":"1,5","b":"2"}`}},
		{"a comma in quotes does not hide the semicolon", Options{}, "\n\"a,x\";b\n1;2\n", []string{`3 {"a,x":"1","b":"2"}`}},
		{"comma wins", Options{}, "a;x,b\n1,2\n", []string{`2 {"a;x":"1","b":"2"}`}},
		{"tab", Options{Delimiter: "tab"}, "a\tb\n1\t2\n", []string{`2 {"a":"1","b":"2"}`}},
		{"given delimiter", Options{Delimiter: "|"}, "a|b;c,d\n1|2\n", []string{`2 {"a":"1","b;c,d":"2"}`}},
		{"no header row", Options{NoHeader: true, Header: []string{"a", "b"}}, "1,2\n3,4", []string{`1 {"a":"1","b":"2"}`, `2 {"a":"3","b":"4"}`}},
		{"expected columns in any order, more may be", Options{Header: []string{"b", "a"}}, "a,x,b\n1,2,3", []string{`2 {"a":"1","x":"2","b":"3"}`}},
		{"column count", Options{}, "a,b\n1\n1,2,ü\n\"\n\",2,3,4\n5,6\n", []string{
			`bad_csv: line 2 column 2: 1 column, expected 2: a, b`,
			`bad_csv: line 3 column 5: 3 columns, expected 2: a, b`,
			`bad_csv: line 5 column 5: 4 columns, expected 2: a, b`,
			`6 {"a":"5","b":"6"}`}},
		{"text after a quote: the next line goes on", Options{}, "a,b\n1,\"x\n2,\"y\"\n3,4\n", []string{
			"bad_csv: line 3 column 4: text after the closing quote: expected ',' or the end of the line",
			`3 {"a":"2","b":"y"}`, `4 {"a":"3","b":"4"}`}},
		{"a quote that is never closed: the next line goes on", Options{}, "a,b\n1,\"x\n2,y\n3,4\n", []string{
			"bad_csv: line 2 column 3: the quote that opens here is never closed",
			`3 {"a":"2","b":"y"}`, `4 {"a":"3","b":"4"}`}},
		{"NUL", Options{}, "a,b\n1,x\x00y\n3,4", []string{"bad_csv: line 2 column 4: a NUL byte", `3 {"a":"3","b":"4"}`}},
		{"invalid UTF-8", Options{}, "a,b\n1,ü\xFF\n3,4", []string{
			"bad_utf8: line 2 column 4: the byte 0xFF is not valid UTF-8 (charset: windows-1252 at the format reads older files)", `3 {"a":"3","b":"4"}`}},
		{"empty file", Options{}, "", []string{"csv_header: line 1 column 1: the file is empty, expected a header row"}},
		{"empty file, known header", Options{Header: []string{"a", "b"}}, "\n\n", []string{
			"csv_header: line 3 column 1: the file is empty, expected a header row: a, b"}},
		{"empty name", Options{}, "a,,c\n1,2,3\n", []string{"csv_header: line 1 column 3: column 2 has no name; found a, , c"}},
		{"duplicate name", Options{Header: []string{"a", "b"}}, "a,b, a\n1,2,3\n", []string{
			`csv_header: line 1 column 1: columns 1 and 3 are both named "a"; expected a, b; found a, b, a`}},
		{"missing name", Options{Header: []string{"id", "qty"}}, "1001,5\n1002,6\n", []string{
			`csv_header: line 1 column 1: no column id, qty; expected id, qty; found 1001, 5`}},
		{"UTF-16", Options{}, "\xFF\xFEa\x00,\x00b\x00\n\x00", []string{"csv_header: line 1 column 4: a NUL byte: the file is UTF-16, write charset: utf-16 at the format"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, readAll(open(t, c.options).Records(strings.NewReader(c.in), limit))); diff != "" {
				t.Error(diff)
			}
			slow := iotest.DataErrReader(iotest.OneByteReader(strings.NewReader(c.in)))
			if diff := cmp.Diff(c.want, readAll(open(t, c.options).Records(slow, limit))); diff != "" {
				t.Errorf("byte by byte: %s", diff)
			}
		})
	}
}

func TestReaderStreamError(t *testing.T) {
	broken := errors.New("broken pipe")
	for in, want := range map[string][]string{
		"a,b\n1,2\n3,":    {`2 {"a":"1","b":"2"}`, "final: csv: after line 2: broken pipe"},
		"a,b\n1,2\n3,\"x": {`2 {"a":"1","b":"2"}`, "final: csv: after line 2: broken pipe"},
		"a,b\n1,2\n":      {`2 {"a":"1","b":"2"}`, "final: csv: after line 2: broken pipe"},
		"a,":              {"final: csv: after line 0: broken pipe"},
		"":                {"final: csv: after line 0: broken pipe"},
	} {
		got := readAll(open(t, Options{}).Records(io.MultiReader(strings.NewReader(in), iotest.ErrReader(broken)), limit))
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q: %s", in, diff)
		}
	}
}

// A dead letter needs the bytes of the record.
func TestRowErrorKeepsTheRecord(t *testing.T) {
	for in, want := range map[string]string{
		"a,b\n1,2,3\r\nx":              "1,2,3\r\n",
		"a,b\n\"1\n2\",2,3\nx":         "\"1\n2\",2,3\n",
		"a,b\n1,\"x\n2,\"y\"\n":        "1,\"x\n",
		"a,b\n1,x\"\r\n2,\"y\"\n":      "1,x\"\r\n",
		"a,b\n1\x00,2\n2,\"y\"\n":      "1\x00,2\n",
		"a,b\n1," + long(2<<20) + "\n": ("1," + long(2<<20))[:maxRaw],
	} {
		_, _, err := open(t, Options{}).Records(strings.NewReader(in), limit)()
		e, ok := errors.AsType[*hub.RecordError](err)
		if !ok || string(e.Raw) != want {
			t.Errorf("%.40q: got %v with %.40q, want %.40q", in, err, e.Raw, want)
		}
	}
}

func long(n int) string { return strings.Repeat("x", n) }

// What is written with quotes where they are needed is read as it was.
func TestQuotes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		names := rapid.SliceOfNDistinct(rapid.StringMatching(`[^\x00\s\p{C}]([ -~ü;,"=]{0,5}[^\x00\s\p{C}])?`), 1, 30, rapid.ID).Draw(t, "names")
		for _, name := range names {
			if strings.TrimSpace(name) != name {
				t.Skip("names are trimmed")
			}
		}
		delim := rapid.SampledFrom([]string{",", ";", "tab", "|"}).Draw(t, "delimiter")
		text := rapid.OneOf(rapid.StringMatching(`[ -~\r\n\t"",;ü€]{0,8}`), rapid.SampledFrom([]string{"", "\r", "\n", "\"", "\"\"", "\uFEFF", " x "}))
		file := line(names, delim)
		var want [][]byte
		for range rapid.IntRange(1, 5).Draw(t, "rows") {
			fields, cells := make([]doc.Field, len(names)), make([]string, len(names))
			for i, name := range names {
				cells[i] = text.Draw(t, "cell")
				fields[i] = doc.Field{Name: name, Value: doc.StringValue(cells[i])}
			}
			want = append(want, doc.ObjectOf(fields).JSON())
			file += line(cells, delim)
		}
		next := openAll(Options{Delimiter: delim, Header: names}).Records(strings.NewReader(file), limit)
		for _, row := range want {
			got, _, err := next()
			if err != nil || !bytes.Equal(got.Bytes(), row) {
				t.Fatalf("got %s (%v), want %s", got.Bytes(), err, row)
			}
		}
	})
}

// line is a record with its end. An empty cell has quotes, so that a single one is no blank line.
func line(cells []string, delim string) string {
	delim = strings.ReplaceAll(delim, "tab", "\t")
	written := make([]string, len(cells))
	for i, text := range cells {
		if written[i] = text; text == "" || strings.ContainsAny(text, delim+"\"\r\n") {
			written[i] = `"` + strings.ReplaceAll(text, `"`, `""`) + `"`
		}
	}
	return strings.Join(written, delim) + "\r\n"
}

// Whatever the bytes, the Reader ends, and gives each line of the file to one record at most.
func TestReaderNeverStops(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := strings.Join(rapid.SliceOf(rapid.SampledFrom([]string{"a", "\"", "\"\"", ",", ";", "\n", "\r", "\r\n", "\x00", "\xFF", "ü", "b,c\n"})).Draw(t, "file"), "")
		next := openAll(Options{}).Records(strings.NewReader("h,i\n"+text), limit)
		last := 1
		for range len(text) + 2 {
			_, line, err := next()
			if e, ok := err.(*hub.RecordError); ok {
				if e.Line < line || e.Col < 1 || len(e.Raw) == 0 {
					t.Fatalf("%q: %+v on line %d", text, e, line)
				}
				err = nil
			}
			if err != nil {
				return
			}
			if line <= last {
				t.Fatalf("%q: line %d after line %d", text, line, last)
			}
			last = line
		}
		t.Fatalf("%q: no end", text)
	})
}
