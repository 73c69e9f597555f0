package csv

import (
	"bytes"
	"strings"
	"testing"

	"orderhub/hub/doc"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func parse(t *testing.T, text string) doc.Value {
	t.Helper()
	v, err := doc.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestWriter(t *testing.T) {
	for _, c := range []struct {
		name    string
		options WriterOptions
		docs    []string
		want    string
		err     string
	}{
		{"numbers keep their digits", WriterOptions{}, []string{`{"id":"007","price":1.50,"ok":true,"none":null}`, `{"id":"a,\"b\"\n"}`},
			"id,price,ok,none\r\n007,1.50,true,\r\n\"a,\"\"b\"\"\n\",,,\r\n", ""},
		{"given columns", WriterOptions{Columns: []string{"b", "a"}, Delimiter: ";"}, []string{`{"a":"1,5","b":"x;","c":9}`}, "b;a\r\n\"x;\";1,5\r\n", ""},
		{"nested values are JSON", WriterOptions{NoHeader: true}, []string{`{"a":[1,{"b":2.0}]}`}, "\"[1,{\"\"b\"\":2.0}]\"\r\n", ""},
		{"an empty cell alone is no blank line", WriterOptions{NoHeader: true}, []string{`{"a":""}`}, "\"\"\r\n", ""},
		{"formulas as they are", WriterOptions{NoHeader: true}, []string{`{"a":"=1+1","b":"-5"}`}, "=1+1,-5\r\n", ""},
		{"for a spreadsheet", WriterOptions{NoHeader: true, ForSpreadsheet: true},
			[]string{`{"a":"=1+1","b":"+1","c":"-1","d":"@x","e":"\tx","f":"\u0000x","g":-5,"h":"a=1","i":"＝1","j":"\r\n=1"}`},
			"'=1+1,'+1,'-1,'@x,'\tx,'\x00x,-5,a=1,'＝1,\"'\r\n=1\"\r\n", ""},
		{"the header too", WriterOptions{ForSpreadsheet: true}, []string{`{"=a":1}`}, "'=a\r\n1\r\n", ""},
		{"unknown field", WriterOptions{}, []string{`{"a":1}`, `{"a":1,"b":2}`}, "a\r\n1\r\n", `csv: the field "b" is no column; the columns are a`},
		{"no object", WriterOptions{}, []string{`[1]`}, "", "csv: a row is an object, this is array"},
		{"no fields", WriterOptions{}, []string{`{}`}, "", "csv: the first document cannot name the columns: it has no fields"},
		{"NUL", WriterOptions{}, []string{`{"a":"x\u0000"}`}, "", `csv: column "a": a NUL byte cannot be written as CSV`},
		{"bad columns", WriterOptions{Columns: []string{"a", "a"}}, []string{`{"a":1}`}, "", `columns: columns 1 and 2 are both named "a"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out bytes.Buffer
			w := NewWriter(&out, c.options)
			got := ""
			for _, d := range c.docs {
				if err := w.Write(parse(t, d)); err != nil {
					got = err.Error()
				}
			}
			w.Flush()
			if diff := cmp.Diff(c.want, out.String()); diff != "" || got != c.err {
				t.Errorf("error %q, want %q%s", got, c.err, diff)
			}
		})
	}
}

// What the Writer writes, the Reader reads.
func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		names := rapid.SliceOfNDistinct(rapid.StringMatching(`[^\x00\s\p{C}]([ -~ü;,"=]{0,5}[^\x00\s\p{C}])?`), 1, 30, rapid.ID).Draw(t, "names")
		for _, name := range names {
			if strings.TrimSpace(name) != name {
				t.Skip("names are trimmed")
			}
		}
		delim := rapid.SampledFrom([]string{",", ";", "tab", "|"}).Draw(t, "delimiter")
		text := rapid.OneOf(rapid.StringMatching(`[ -~\r\n\t"",;ü€]{0,8}`), rapid.SampledFrom([]string{"", "\r", "\n", "\"", "\"\"", "\uFEFF", " x "}))
		var out bytes.Buffer
		w := NewWriter(&out, WriterOptions{Delimiter: delim, Columns: names})
		var want [][]byte
		for range rapid.IntRange(1, 5).Draw(t, "rows") {
			fields := make([]doc.Field, len(names))
			for i, name := range names {
				fields[i] = doc.Field{Name: name, Value: doc.StringValue(text.Draw(t, "cell"))}
			}
			v := doc.ObjectOf(fields)
			want = append(want, v.JSON())
			if err := w.Write(v); err != nil {
				t.Fatal(err)
			}
		}
		w.Flush()
		r := NewReader(&out, Options{Delimiter: delim, Header: names})
		for _, row := range want {
			got, _, err := r.Next()
			if err != nil || !bytes.Equal(got.JSON(), row) {
				t.Fatalf("got %s (%v), want %s", got, err, row)
			}
		}
	})
}

// Whatever the bytes, the Reader ends, and gives each line of the file to one record at most.
func TestReaderNeverStops(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := strings.Join(rapid.SliceOf(rapid.SampledFrom([]string{"a", "\"", "\"\"", ",", ";", "\n", "\r", "\r\n", "\x00", "\xFF", "ü", "b,c\n"})).Draw(t, "file"), "")
		r := NewReader(strings.NewReader("h,i\n"+text), Options{})
		last := 1
		for range len(text) + 2 {
			_, line, err := r.Next()
			if e, ok := err.(*RowError); ok {
				if e.Record != line || e.Line < e.Record || e.Col < 1 || len(e.Raw) == 0 {
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
