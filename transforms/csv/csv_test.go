package csv

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"orderhub/hub"
	"orderhub/hub/doc"
	"orderhub/hub/hubtest"
)

// german is a format with typed columns, as a German spreadsheet has them.
func german() Options {
	return Options{Delimiter: ";", Decimal: ",", Group: ".", Guard: true, Columns: map[string]Column{
		"Preis":   {As: "price", Type: "number"},
		"Menge":   {As: "qty", Type: "number", Group: "none"},
		"Datum":   {As: "on", Type: "date", Layout: "02.01.2006"},
		"Zeit":    {As: "at", Type: "time", Layout: "02.01.2006 15:04", Zone: "Europe/Berlin", Optional: true},
		"Artikel": {As: "sku"},
	}}
}

// tricky are texts that readers and spreadsheets stumble over.
var tricky = []string{"", " ", "a", "Ä漢 €", `"`, `""`, "a,b;c\td|e", "a\nb", "\r\n", "\r", "'", "''x", "=1+1", "+49 171", "-5", "-x", "@me", "\tx", "\rx", "'=x", "''-1",
	"sep=;", "SEP=,", "\uFEFF", "\uFEFFa", "007", "1e5", "null", "true", "\u2028", "=", "-", "+", "1.5"}

func text(r *rand.Rand) string {
	if r.IntN(3) > 0 {
		return tricky[r.IntN(len(tricky))]
	}
	out := make([]rune, r.IntN(12))
	for i := range out {
		out[i] = []rune("ab;,\"'\n=-äß漢 \t|")[r.IntN(15)]
	}
	return string(out)
}

// rowsOf makes lists of rows with the same fields, all texts.
func rowsOf(r *rand.Rand, names []string) doc.Value {
	rows := make([]doc.Value, 1+r.IntN(4))
	for i := range rows {
		var fields []doc.Field
		for _, name := range names {
			fields = append(fields, doc.Field{Name: name, Value: doc.StringValue(text(r))})
		}
		rows[i] = doc.ObjectOf(fields)
	}
	return doc.ListOf(rows)
}

func TestFormat(t *testing.T) {
	names := []string{"id", "sep=x", "a;b", `say "so"`, "=sum", "ünï", "a\nb", "1"}
	hubtest.Format(t, hubtest.FormatCase{Kind: Format(), Hostile: []string{",", ";\n", "a;b,c\td|", "a\n", "\"a\"\"", "sep=,\n"}, Open: open(t, Options{}),
		Random: func(r *rand.Rand) doc.Value {
			some := make([]string, 0, len(names))
			for _, i := range r.Perm(len(names))[:1+r.IntN(len(names))] {
				some = append(some, names[i])
			}
			return rowsOf(r, some)
		},
		Broken: map[string]string{
			"":                     "line 1 column 1: the file is empty, expected a header row",
			"a,b\n1,2\n3\n":        "line 3 column 2: 1 column, expected 2: a, b",
			"a,a\n":                `line 1 column 1: columns 1 and 2 are both named "a"; found a, a`,
			"a,b;c\n":              `line 1 column 1: the delimiter may be ',' or ';': write delimiter: at the format`,
			"a,b\n1,\"x\ny\" z,\n": "line 3 column 3: text after the closing quote: expected ',' or the end of the line",
		},
		Unsaid: map[string]string{
			`[]`:              `there is no field to make a column of: name the columns in header: at the format`,
			`[{}]`:            `there is no field to make a column of`,
			`[{"a":{"b":1}}]`: `/0/a: object has no place in a cell`,
			`{"a/b~":[1]}`:    `/a~1b~0: array has no place in a cell`,
			`["x"]`:           `/0: a row is written from an object, and this is string`,
			`7`:               `a row is written from an object, and this is number`,
			`{" a":1}`:        `the field " a" can't be the name of a column: rename it`,
			`{"":1}`:          `column 1 has no name: rename the field`,
			`{"a":"\u0000"}`:  `/a: a NUL character has no place in a cell`,
		},
	})
}

// TestVariants: what an option changes in writing is read back with it.
func TestVariants(t *testing.T) {
	header := []string{"a", "b", "c"}
	for name, o := range map[string]Options{
		"all quoted": {Quote: "all"}, "lf and a mark": {Line: "lf", BOM: true}, "tab": {Delimiter: "tab"}, "no header row": {NoHeader: true, Header: header},
		"guarded": {Guard: true}, "known columns": {Header: header}, "pipe, guarded": {Delimiter: "|", Guard: true, Quote: "all"},
	} {
		t.Run(name, func(t *testing.T) {
			f, r := open(t, o), rand.New(rand.NewPCG(3, 4))
			for range 2000 {
				v := rowsOf(r, header)
				raw, err := f.Encode(v)
				if err != nil {
					t.Fatal(err)
				}
				if got, err := f.Decode(raw); err != nil || !doc.Equal(got, v) {
					t.Fatalf("%s became %q, read as %s, %v", v, raw, got, err)
				}
			}
		})
	}
	t.Run("typed", func(t *testing.T) {
		f, r := open(t, german()), rand.New(rand.NewPCG(5, 6))
		for range 2000 {
			v := typedRows(r)
			raw, err := f.Encode(v)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := f.Decode(raw); err != nil || !doc.Equal(got, v) {
				t.Fatalf("%s became %q, read as %s, %v", v, raw, got, err)
			}
		}
	})
	known := open(t, Options{Header: header})
	if raw, err := known.Encode(doc.ListOf(nil)); err != nil || string(raw) != "a,b,c\r\n" {
		t.Errorf("an empty list is %q, %v", raw, err)
	}
	other := doc.ListOf([]doc.Value{doc.ObjectOf(nil), doc.ObjectOf([]doc.Field{{Name: "d", Value: doc.IntValue(1)}})})
	if _, err := known.Encode(other); fmt.Sprint(err) != "/1/d: the field has no column: name all columns in header: at the format" {
		t.Errorf("a field that is in no column: %v", err)
	}
}

func typedRows(r *rand.Rand) doc.Value {
	rows := make([]doc.Value, 1+r.IntN(3))
	for i := range rows {
		fields := []doc.Field{{Name: "sku", Value: doc.StringValue(text(r))}, {Name: "price", Value: doc.NullValue()}, {Name: "qty", Value: doc.NullValue()}}
		price, _ := doc.ParseDecimal(fmt.Sprintf("%d.%02d", r.IntN(2_000_000)-1_000_000, r.IntN(100)))
		fields[1].Value, fields[2].Value = doc.NumberValue(price), doc.IntValue(int64(r.IntN(5000)))
		fields = append(fields, doc.Field{Name: "on", Value: doc.StringValue(fmt.Sprintf("%d-%02d-%02d", 1970+r.IntN(100), 1+r.IntN(12), 1+r.IntN(28)))},
			doc.Field{Name: "at", Value: doc.StringValue(fmt.Sprintf("2026-%02d-%02dT12:%02d:00Z", 1+r.IntN(12), 1+r.IntN(28), r.IntN(60)))})
		rows[i] = doc.ObjectOf(fields)
	}
	return doc.ListOf(rows)
}

// TestColumns: numbers, dates and times as the columns have them; what is none is refused with its place.
func TestColumns(t *testing.T) {
	f := open(t, german())
	for _, c := range []struct{ row, want string }{
		{"A-1;1.234,50;1000;01.03.2026;01.03.2026 13:00", `[{"sku":"A-1","price":1234.50,"qty":1000,"on":"2026-03-01","at":"2026-03-01T12:00:00Z"}]`},
		{"007;-0,5;+7;29.02.2024;01.07.2026 14:00", `[{"sku":"007","price":-0.5,"qty":7,"on":"2024-02-29","at":"2026-07-01T12:00:00Z"}]`},
		{" x ;1234567,00;010; ; ", `[{"sku":" x ","price":1234567.00,"qty":10}]`},
		{"'=1+1;;;;", `[{"sku":"=1+1"}]`},
		{"A;12.34;1;;", `line 2 column 3: Preis: "12.34" is no number such as 1.234,50`},
		{"A;1,234.50;1;;", `line 2 column 3: Preis: "1,234.50" is no number such as 1.234,50`},
		{"A;1.2345;1;;", `line 2 column 3: Preis: "1.2345" is no number such as 1.234,50`},
		{"A;9,90 €;1;;", `line 2 column 3: Preis: "9,90 €" is no number such as 1.234,50`},
		{"A;1;1.000;;", `line 2 column 5: Menge: "1.000" is no number such as 1234,50`},
		{"A;1;1;31.02.2026;", `line 2 column 7: Datum: "31.02.2026" is no date as 02.01.2006`},
		{"A;1;1;2026-03-01;", `line 2 column 7: Datum: "2026-03-01" is no date as 02.01.2006`},
		{"A;1;1;;noon", `line 2 column 8: Zeit: "noon" is no time as 02.01.2006 15:04`},
	} {
		v, err := f.Decode([]byte("Artikel;Preis;Menge;Datum;Zeit\r\n" + c.row + "\r\n"))
		got := string(v.JSON())
		if err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%s\n got %s\nwant %s", c.row, got, c.want)
		}
	}
	if v, err := f.Decode([]byte("Datum;Artikel;Preis;Menge\n01.03.2026;A;1;1\n")); err != nil || string(v.JSON()) != `[{"on":"2026-03-01","sku":"A","price":1,"qty":1}]` {
		t.Errorf("an optional column that is not there: %s, %v", v, err)
	}
	if _, err := f.Decode([]byte("Artikel;Preis;Menge\nA;1;1\n")); fmt.Sprint(err) != `line 1 column 1: no column Datum; expected Artikel, Datum, Menge, Preis; found Artikel, Preis, Menge` {
		t.Errorf("a column that is not there: %v", err)
	}
	if _, err := f.Decode([]byte("Artikel;Preis;Menge;Datum;sku\nA;1;1;;x\n")); !strings.Contains(fmt.Sprint(err), `the columns "Artikel" and "sku" become the same field, sku`) {
		t.Errorf("two columns of one field: %v", err)
	}
	swiss := open(t, Options{Group: "'", Columns: map[string]Column{"p": {Type: "number"}, "at": {Type: "time"}}})
	if v, err := swiss.Decode([]byte("p,at\n1'234.50,2026-03-01T13:00:00+0100\n")); err != nil || string(v.JSON()) != `[{"p":1234.50,"at":"2026-03-01T12:00:00Z"}]` {
		t.Errorf("%s, %v", v, err)
	}
	french := open(t, Options{Group: " ", Decimal: ",", Columns: map[string]Column{"p": {Type: "number"}}})
	if v, err := french.Decode([]byte("p;q\n1\u202f234\u00a0567,50;x\n")); err != nil || string(v.JSON()) != `[{"p":1234567.50,"q":"x"}]` {
		t.Errorf("%s, %v", v, err)
	}
	for in, want := range map[string]string{`{"sku":"A","price":"many"}`: `/price: "many" is no number`, `{"on":"1.3.2026"}`: `/on: "1.3.2026" is no date such as 2026-03-01`,
		`{"at":"noon"}`: `/at: "noon" is no time such as 2026-03-01T12:00:00Z`} {
		v, _ := doc.Parse([]byte(in))
		if _, err := f.Encode(v); fmt.Sprint(err) != want {
			t.Errorf("%s: %v, want %s", in, err, want)
		}
	}
}

// TestEncode is what is written, to the byte.
func TestEncode(t *testing.T) {
	for _, c := range []struct {
		o        Options
		in, want string
	}{
		{Options{}, `[{"id":"A","qty":2,"ok":true,"note":null},{"id":"B","note":"x, y"}]`, "id,qty,ok,note\r\nA,2,true,\r\nB,,,\"x, y\"\r\n"},
		{Options{}, `[{"a":1},{"c":2,"a":3},{"b":4}]`, "a,c,b\r\n1,,\r\n3,2,\r\n,,4\r\n"},
		{Options{}, `{"a":"x\"y","b":1.50}`, "a,b\r\n\"x\"\"y\",1.50\r\n"},
		{Options{Delimiter: ";", Decimal: ",", Line: "lf"}, `[{"a":1.5,"b":"1.5"}]`, "a;b\n1,5;1.5\n"},
		{Options{Header: []string{"b", "a"}, Quote: "all"}, `[{"a":1,"b":2}]`, "\"b\",\"a\"\r\n\"2\",\"1\"\r\n"},
		{Options{Header: []string{"b", "a"}, NoHeader: true}, `[{"a":1,"b":2}]`, "2,1\r\n"},
		{Options{BOM: true}, `[{"a":""}]`, "\uFEFFa\r\n\"\"\r\n"},
		{Options{Guard: true}, `[{"a":"=1+1","b":"-5","c":-5,"d":"@x","e":"+49 1","f":"'x"}]`, "a,b,c,d,e,f\r\n'=1+1,-5,-5,'@x,'+49 1,'x\r\n"},
		{german(), `[{"sku":"A"}]`, "Artikel;Datum;Menge;Preis\r\nA;;;\r\n"}, // what must be there is there
		{german(), `[{"sku":"A","price":1234.5,"qty":3,"on":"2026-03-01","at":"2026-07-01T12:00:00Z"}]`, "Artikel;Preis;Menge;Datum;Zeit\r\nA;1234,5;3;01.03.2026;01.07.2026 14:00\r\n"},
	} {
		v, err := doc.Parse([]byte(c.in))
		if err != nil {
			t.Fatal(err)
		}
		if raw, err := open(t, c.o).Encode(v); err != nil || string(raw) != c.want {
			t.Errorf("%s\n got %q, %v\nwant %q", c.in, raw, err, c.want)
		}
	}
}

// TestLinesBeforeTheTable: they are passed over, also where they are longer than what is read at once, and count for the places of faults.
func TestLinesBeforeTheTable(t *testing.T) {
	f := open(t, Options{Skip: 4, Columns: map[string]Column{"b": {Type: "number"}}})
	raw := "\uFEFF\"Konto\";\"DE02\"\r\n\r\n" + strings.Repeat("x,", window) + "\r\n\"open\r\na;b\r\n1;2\r\n1;x\r\n"
	next, got := f.Records(strings.NewReader(raw), 1<<20), []string{}
	for range 3 {
		body, line, err := next()
		v, _ := body.Doc()
		got = append(got, fmt.Sprint(v, " ", line, " ", err))
	}
	want := []string{`{"a":"1","b":2} 6 <nil>`, `null 7 line 7 column 3: b: "x" is no number`, `null 8 EOF`}
	if !slices.Equal(got, want) {
		t.Errorf("\n got %q\nwant %q", got, want)
	}
	for _, raw := range []string{"", "a\n", "a\nb\nc\nd"} {
		if v, err := f.Decode([]byte(raw)); err == nil || !strings.Contains(err.Error(), "the file is empty") {
			t.Errorf("%q: %s, %v", raw, v, err)
		}
	}
}

// TestWithoutQuotes: a quote is a character like any other; what can't be written without quotes is refused.
func TestWithoutQuotes(t *testing.T) {
	f := open(t, Options{Quote: "none", Header: []string{"a", "b"}})
	for _, raw := range []string{"a\tb\r\n5\" \"Lux\"\t\"\r\n\"x\ty\"\r\n", "a,b\r\n\",\r\n"} {
		v, err := f.Decode([]byte(raw))
		if err != nil {
			t.Fatal(err)
		}
		if again, err := f.Encode(v); err != nil || string(again) != strings.ReplaceAll(raw, "\t", ",") {
			t.Errorf("%q became %s, and %q, %v", raw, v, again, err)
		}
	}
	r := rand.New(rand.NewPCG(7, 8))
	for range 2000 {
		v := rowsOf(r, []string{"a", "b"})
		raw, err := f.Encode(v)
		if err != nil {
			if !strings.Contains(err.Error(), "without quotes") || !strings.ContainsAny(v.String(), ",;|\\\uFEFF") {
				t.Fatalf("%s: %v", v, err)
			}
			continue
		}
		if got, err := f.Decode(raw); err != nil || !doc.Equal(got, v) {
			t.Fatalf("%s became %q, read as %s, %v", v, raw, got, err)
		}
	}
}

// TestFault_F3_DelimiterFound: the delimiter is that of the rows, not of a text in the header row; Excel's sep= line and a delimiter behind the last column are understood.
func TestFault_F3_DelimiterFound(t *testing.T) {
	for in, want := range map[string]string{
		"sku;qty;price EUR, net\nA;1;9,90\nB;2;5,00\n": `[{"sku":"A","qty":"1","price EUR, net":"9,90"},{"sku":"B","qty":"2","price EUR, net":"5,00"}]`,
		"sku;qty;price, EUR, net\nA;1;9,90\n":          `[{"sku":"A","qty":"1","price, EUR, net":"9,90"}]`,
		"sku;qty;price EUR, net\n":                     `[]`,
		"sku\tqty, pcs\nA\t1\nB\t2\n":                  `[{"sku":"A","qty, pcs":"1"},{"sku":"B","qty, pcs":"2"}]`,
		"sku|price;net\nA|1;2\nB|3\n":                  `[{"sku":"A","price;net":"1;2"},{"sku":"B","price;net":"3"}]`,
		"sep=;\r\na;b,c\r\n1;2,3\r\n":                  `[{"a":"1","b,c":"2,3"}]`,
		"\uFEFFSEP=\t\na\tb\n1\t2\n":                   `[{"a":"1","b":"2"}]`,
		"a;b;\n1;2;\n3;4;\n":                           `[{"a":"1","b":"2"},{"a":"3","b":"4"}]`,
		"a;b\n1;2;\n":                                  `[{"a":"1","b":"2"}]`,
		"a;b;\n1;2;\n3;4\n":                            `[{"a":"1","b":"2"},{"a":"3","b":"4"}]`,
		"a,b,c\n1,2,x\n1,9,90,\n":                      `line 3 column 8: 4 columns, expected 3: a, b, c`,
		"a;b;\n1;2;3\n":                                `line 2 column 5: 3 columns, expected 2: a, b`,
		"a\nx\n":                                       `[{"a":"x"}]`,
		"\"a;b\",c\n1,2\n":                             `[{"a;b":"1","c":"2"}]`,
		"a,b;c\n1,2;3\n":                               `line 1 column 1: the delimiter may be ',' or ';': write delimiter: at the format`,
	} {
		v, err := open(t, Options{}).Decode([]byte(in))
		got := string(v.JSON())
		if err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%q\n got %s\nwant %s", in, got, want)
		}
	}
}

// TestFault_F2_OptionsAreChecked: what can't be is a fault of its option, when the configuration is read.
func TestFault_F2_OptionsAreChecked(t *testing.T) {
	for _, c := range []struct {
		o        Options
		at, want string
	}{
		{Options{Delimiter: "ab"}, "delimiter", `delimiter "ab": expected one ASCII character that is no quote, or tab`},
		{Options{Delimiter: `"`}, "delimiter", `delimiter "\"": expected one ASCII character that is no quote, or tab`},
		{Options{NoHeader: true}, "no_header", "no_header needs header"},
		{Options{Header: []string{"a", "a"}}, "header", `header: columns 1 and 2 are both named "a"`},
		{Options{Header: []string{""}}, "header", "header: column 1 has no name"},
		{Options{Decimal: ",", Group: ",", Columns: map[string]Column{"p": {Type: "number"}}}, "group", `"," is for the decimals and for groups of digits`},
		{Options{Columns: map[string]Column{"p": {Type: "number", Group: "."}}}, "columns.p.group", `"." is for the decimals and for groups of digits`},
		{Options{Columns: map[string]Column{"p": {Layout: "2006"}}}, "columns.p.layout", "only dates and times have a layout"},
		{Options{Columns: map[string]Column{"p": {Type: "date", Layout: "dd.mm.yyyy"}}}, "columns.p.layout", `layout: "dd.mm.yyyy" loses part of what it writes`},
		{Options{Columns: map[string]Column{"p": {Type: "time", Layout: "02.01.2006"}}}, "columns.p.layout", `layout: "02.01.2006" loses part of what it writes`},
		{Options{Columns: map[string]Column{"p": {Type: "time", Zone: "Berlin"}}}, "columns.p.zone", `zone: "Berlin" is no time zone`},
		{Options{Columns: map[string]Column{"a": {As: "c"}, "b": {As: "c"}}}, "columns.b", `the columns "a" and "b" become the same field, c`},
		{Options{NoHeader: true, Header: []string{"a"}, Columns: map[string]Column{"b": {}}}, "columns.b", `the file has no header row, and header: no column "b"`},
	} {
		faults := c.o.check()
		if len(faults) != 1 || faults[0].Path != c.at || faults[0].Message != c.want || faults[0].Help == "" {
			t.Errorf("%+v: %v, want %s: %s", c.o, faults, c.at, c.want)
		}
	}
}

func TestRecords(t *testing.T) {
	hubtest.Records(t, hubtest.RecordCase{Open: open(t, german()), Head: "Artikel;Preis;Menge;Datum\n", Record: "W-000001;1.299,50;12;01.03.2026\n", Broken: "W-1;12.99;1;\n",
		Want: `line 1002 column 5: Preis: "12.99" is no number such as 1.234,50`})
	small := open(t, Options{Delimiter: ";", Header: []string{"id", "qty"}})
	got := readAll(small.Records(strings.NewReader("id;qty\nA;1\nB\nC;123456789\nD;4\n"), 10))
	if want := `[2 {"id":"A","qty":"1"} bad_csv: line 3 column 2: 1 column, expected 2: id, qty too_large: line 4 column 1: the record is larger than 10 bytes 5 {"id":"D","qty":"4"}]`; fmt.Sprint(got) != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
	if got := readAll(small.Records(strings.NewReader("id\n1\n"), limit)); len(got) != 1 || !strings.HasPrefix(got[0], "csv_header: ") {
		t.Errorf("a missing column gives %q, expected the file refused", got)
	}
}

func FuzzDecode(f *testing.F) {
	formats := []*hub.Format{openAll(Options{}), openAll(german()), openAll(Options{NoHeader: true, Header: []string{"a", "b"}, Guard: true})}
	for _, s := range []string{"a,b\n1,2\n", "Artikel;Preis;Menge;Datum;Zeit\nA;1.234,50;1;01.03.2026;01.03.2026 13:00", "sep=;\na;b;\n\"x\"\"\n\";y;\n", "'=1;2\n", "\xEF\xBB\xBFa\r\r\n\"", "\xff\x00"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		for _, k := range formats {
			hubtest.Hostile(t, k, raw)
			v, err := k.Decode(raw)
			if err != nil || v.Len() == 0 {
				continue
			}
			out, err := k.Encode(v)
			if err != nil {
				continue
			}
			if again, err := k.Decode(out); err != nil || !doc.Equal(again, v) {
				t.Errorf("%q is %s, written as %q, read as %s, %v", raw, v, out, again, err)
			}
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	raw := []byte("order,name,mail,sku,qty,price\n" + strings.Repeat("W-000001,\"Customer, One\",customer@example.com,SKU-00017,3,129.90\n", 1000))
	f := open(b, Options{})
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := f.Decode(raw); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEncode(b *testing.B) {
	raw := []byte("order,name,mail,sku,qty,price\n" + strings.Repeat("W-000001,\"Customer, One\",customer@example.com,SKU-00017,3,129.90\n", 1000))
	f := open(b, Options{})
	v, err := f.Decode(raw)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := f.Encode(v); err != nil {
			b.Fatal(err)
		}
	}
}

// TestAppend: rows that are added one by one are those that are written at once, behind one header row and one byte order mark.
func TestAppend(t *testing.T) {
	rows, err := doc.Parse([]byte(`[{"id":"A","price":1.5},{"id":"=B","price":2},{"price":3,"id":"C"}]`))
	if err != nil {
		t.Fatal(err)
	}
	f := open(t, Options{Header: []string{"id", "price"}, Delimiter: ";", Decimal: ",", BOM: true, Guard: true, Line: "crlf"})
	want, err := f.Encode(rows)
	if err != nil {
		t.Fatal(err)
	}
	var got []byte
	for i, row := range rows.Elems() {
		raw, err := f.Append(hub.DocumentBody(row).In(f), i == 0)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, raw...)
	}
	if string(got) != string(want) {
		t.Errorf("%q one by one, %q at once", got, want)
	}
	if _, err := open(t, Options{}).Append(hub.DocumentBody(rows), true); err == nil || !strings.Contains(err.Error(), "name them in header: at the format") {
		t.Errorf("without columns: %v", err)
	}
}
