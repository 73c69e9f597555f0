package xml

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"orderhub/hub"
	"orderhub/hub/doc"
)

// readAll lists what a stream gives, up to its end.
func readAll(next hub.RecordReader) (all []string) {
	for range 1000 {
		body, line, err := next()
		var refused *hub.RecordError
		switch {
		case err == io.EOF:
			return all
		case errors.As(err, &refused):
			all = append(all, fmt.Sprintf("refused %d %s: %s: %s", line, refused.Code, refused.SyntaxError.Error(), refused.Raw))
		case err != nil:
			all = append(all, said(doc.Value{}, err))
			if _, _, again := next(); again != err {
				all = append(all, "another error follows")
			}
			return all
		default:
			all = append(all, fmt.Sprint(line, " ", said(body.Doc())))
		}
	}
	return append(all, "it does not end")
}

func TestRecords(t *testing.T) {
	const start, end = "<?xml version='1.0'?>\n<os>\n", "</os>\n"
	long := strings.Repeat("x", 5000)
	for _, c := range []struct {
		name, in string
		want     []string
		set      func(*Config)
	}{
		{"records", start + "<o id='1'><l>x</l></o>\n\n<o/><o>2</o>\n" + end, []string{`3 {"o":{"@id":"1","l":"x"}}`, `5 {"o":""}`, `5 {"o":"2"}`}, nil},
		{"other elements are passed", start + "<h><o>no</o><![CDATA[<o>]]></h>text<!-- <o>1</o> -->\n<o>1</o><x/>" + end, []string{`4 {"o":"1"}`}, nil},
		{"none, in an element that is empty", start + end, nil, nil},
		{"none", "<os><order/><order/></os>", []string{"xml_no_record: line 1 column 1: there is no element os/o (record:); the first that are there: os, os/order"}, nil},
		{"the root is the record", "<o>1</o><!-- -->", []string{`1 {"o":"1"}`}, func(c *Config) { c.Record = "o" }},
		{"any step", start + "<a><o>1</o></a>\n<b><o>2</o></b>" + end, []string{`3 {"o":"1"}`, `4 {"o":"2"}`}, func(c *Config) { c.Record = "os/*/o" }},
		{"any record", start + "<a>1</a><b>2</b>" + end, []string{`3 {"a":"1"}`, `3 {"b":"2"}`}, func(c *Config) { c.Record = "os/*" }},
		{"root takes the record off", start + "<o id='1'/>" + end, []string{`3 {"@id":"1"}`}, func(c *Config) { c.Root = "o" }},
		{"namespaces of what is around", "<p:os xmlns:p='urn:x' xmlns='urn:y'>\n<p:o><i>1</i></p:o></p:os>", []string{`2 {"x:o":{"i":["1"]}}`},
			func(c *Config) {
				c.Record, c.Namespaces, c.Lists = "x:os/x:o", map[string]string{"x": urnX, "": urnY}, []string{"x:os/x:o/i"}
			}},

		{"a wrong end tag", start + "<o>1</o>\n<o><i>2</o>\n<o>3</o>" + end, []string{`3 {"o":"1"}`, "refused 4 bad_xml: line 4 column 8: expected </i>, found </o>: <o><i>2</o>", `5 {"o":"3"}`}, nil},
		{"a wrong attribute", start + "<o i=1><x/></o>\n<o>3</o>" + end, []string{`refused 3 bad_xml: line 3 column 6: expected a quote before the value of the attribute i, found '1': <o i=1>`, `4 {"o":"3"}`}, nil},
		{"a record without end", start + "<o>1\n<x></o>\n<o>3</o></y>\n" + end, []string{"refused 3 bad_xml: line 4 column 4: expected </x>, found </o>: <o>1\n<x></o>", `5 {"o":"3"}`,
			"refused 5 bad_xml: line 5 column 9: expected </os>, found </y>: </y>"}, nil},
		{"an end tag too many", start + "<o>1</o></o><o>2</o>" + end, []string{`3 {"o":"1"}`, "refused 3 bad_xml: line 3 column 9: expected </os>, found </o>: </o>", `3 {"o":"2"}`}, nil},
		{"no records in comments and CDATA behind a fault", start + "<o>&x; <!--\n<o>no</o> --> <![CDATA[</o><o>no</o>]]></o>\n<ox/><o>2</o>" + end,
			[]string{"refused 3 bad_xml: line 3 column 4: the entity &x; is not known: write the character itself, or its number as in &#160;: <o>&x; <!--\n<o>", `5 {"o":"2"}`}, nil},
		{"bytes that are no text", start + "<o>1\xFF</o><o>2</o>" + end, []string{"refused 3 bad_utf8: line 3 column 5: the byte 0xFF is not UTF-8: the XML declaration must name the encoding, as in encoding=\"ISO-8859-1\": <o>1\xFF</o>", `3 {"o":"2"}`}, nil},
		{"too deep", start + "<o>" + strings.Repeat("<a>", 63) + strings.Repeat("</a>", 63) + "</o><o>2</o>" + end,
			[]string{"refused 3 xml_too_deep: line 3 column 190: elements are nested deeper than 64 levels: <o>" + strings.Repeat("<a>", 63), `3 {"o":"2"}`}, nil},
		{"too large", start + "<o><x>" + long + "</x><o/></o><o>2</o>\n<o>" + long[:900] + "</o>" + end,
			[]string{"refused 3 too_large: line 3 column 1: longer than 1000 bytes: <o><x>" + long[:994], `3 {"o":"2"}`, `4 {"o":"` + long[:900] + `"}`}, nil},
		{"too large between the records", start + "<o>1</o><h>" + long + "</h><o>2</o>" + end,
			[]string{`3 {"o":"1"}`, `3 {"o":"2"}`}, nil},
		{"the outermost record has no other behind it", "<o><i></o>", []string{"bad_xml: line 1 column 7: expected </i>, found </o>"}, func(c *Config) { c.Record = "o" }},
		{"a fault before the records", "<os><h></x></os>", []string{"bad_xml: line 1 column 8: expected </h>, found </x>"}, nil},
		{"the end is missing", start + "<o>1</o>\n<o>2", []string{`3 {"o":"1"}`, "bad_xml: line 4 column 5: expected the end of the element, found the end of the document: <o> is not closed"}, nil},
		{"the end of the root is missing", start + "<o>1</o>", []string{`3 {"o":"1"}`, "bad_xml: line 3 column 9: expected the end of the element, found the end of the document: <os> is not closed"}, nil},
		{"something behind the root", start + "<o>1</o>" + end + "<o/>", []string{`3 {"o":"1"}`, "bad_xml: line 4 column 1: expected nothing behind the root element, found '<'"}, nil},
		{"a DOCTYPE", "<!DOCTYPE os><os><o/></os>", []string{"xml_doctype: line 1 column 1: a DOCTYPE is refused, as it can name files and entities: send the document without it"}, nil},
		{"nothing", "", []string{"empty_body: line 1 column 1: the document is empty"}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := with(t, func(o *Config) {
				o.Record = "os/o"
				if c.set != nil {
					c.set(o)
				}
			})
			diff(t, c.want, readAll(f.Records(strings.NewReader(c.in), 1000)))
			diff(t, c.want, readAll(f.Records(iotest.OneByteReader(strings.NewReader(c.in)), 1000)))
		})
	}
}

// A root that is the record is read again from its start where the first part of the stream ends in it.
func TestRecordOfTwoParts(t *testing.T) {
	text := strings.Repeat("x", 10_000)
	for _, in := range []string{"<?xml version='1.0'?><o>" + text + "</o>", "<!--" + text + "--><o a='" + text + "'>" + text + "</o><!--" + text + "-->\n"} {
		all := readAll(with(t, func(c *Config) { c.Record = "o" }).Records(strings.NewReader(in), 1<<20))
		if len(all) != 1 || !strings.HasPrefix(all[0], `1 {"o":`) {
			t.Errorf("%.200q", all)
		}
	}
}

// A stream that fails is told as it is.
func TestRecordsOfABrokenStream(t *testing.T) {
	next := with(t, func(c *Config) { c.Record = "os/o" }).Records(io.MultiReader(strings.NewReader("<os><o>1</o><o>"), iotest.ErrReader(io.ErrClosedPipe)), 1000)
	diff(t, []string{`1 {"o":"1"}`, io.ErrClosedPipe.Error()}, readAll(next))
}

// endless gives a chunk again and again, up to a size.
type endless struct {
	chunk    []byte
	left, at int
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

func manyOrders(chunk string, size int) io.Reader {
	return io.MultiReader(strings.NewReader("<?xml version='1.0'?>\n<orders xmlns='urn:x'>\n"), &endless{chunk: []byte(chunk), left: size - size%len(chunk)}, strings.NewReader("</orders>\n"))
}

const anOrder = `<order id="W-000001"><customer>Customer, &quot;One&quot;</customer><mail>customer@example.com</mail>
  <lines>
    <line><sku>SKU-00017</sku><qty>3</qty><price currency="EUR">129.90</price></line>
    <line><sku>SKU-00018</sku><qty>1</qty><price currency="EUR">5.20</price></line>
  </lines>
</order>
`

// Memory does not grow with the stream: 200 MB of records, of one record, of one element that is none.
func TestConstantMemory(t *testing.T) {
	size := memoryTest
	if testing.Short() {
		size = 10 << 20
	}
	broken := strings.Replace(anOrder, "</mail>", "</e-mail>", 1)
	for name, c := range map[string]struct {
		chunk         string
		good, refused int
	}{
		"records":         {anOrder, size / len(anOrder), 0},
		"broken records":  {anOrder + broken, size / len(anOrder+broken), size / len(anOrder+broken)},
		"other elements":  {strings.ReplaceAll(anOrder, "order", "offer"), 0, 0},
		"one long record": {strings.ReplaceAll(anOrder, "order", "line"), 0, 1},
		"one long text":   {"a text &amp; so on ", 0, 1},
	} {
		t.Run(name, func(t *testing.T) {
			stream := manyOrders(c.chunk, size)
			if strings.HasPrefix(name, "one") {
				stream = io.MultiReader(strings.NewReader("<orders xmlns='urn:x'><order>"), &endless{chunk: []byte(c.chunk), left: size - size%len(c.chunk)}, strings.NewReader("</order></orders>"))
			}
			next := with(t, func(c *Config) {
				c.Record, c.Namespaces = "orders/order", map[string]string{"": urnX}
			}).Records(stream, 1<<20)
			good, refused, peak := 0, 0, uint64(0)
			for n := 0; ; n++ {
				_, _, err := next()
				var one *hub.RecordError
				if errors.As(err, &one) {
					refused++
				} else if err == io.EOF || err != nil && strings.HasPrefix(name, "other") {
					break
				} else if err != nil {
					t.Fatal(err)
				} else {
					good++
				}
				if n%100_000 == 0 {
					peak = max(peak, live())
				}
			}
			if peak = max(peak, live()); good != c.good || refused != c.refused || peak > 40<<20 {
				t.Errorf("%d records and %d refused, want %d and %d; %d MiB live", good, refused, c.good, c.refused, peak>>20)
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
	f := with(b, func(c *Config) { c.Record, c.Namespaces = "orders/order", map[string]string{"": urnX} })
	b.SetBytes(int64(len(anOrder)))
	b.ReportAllocs()
	next := f.Records(manyOrders(anOrder, 1<<30), 1<<20)
	for b.Loop() {
		if _, _, err := next(); err != nil {
			next = f.Records(manyOrders(anOrder, 1<<30), 1<<20)
		}
	}
}

func BenchmarkDecode(b *testing.B) {
	raw, _ := io.ReadAll(manyOrders(anOrder, 64<<10))
	f := with(b, nil)
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := f.Decode(raw); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEncode(b *testing.B) {
	raw, _ := io.ReadAll(manyOrders(anOrder, 64<<10))
	f := with(b, plain(nil))
	v, err := f.Decode(raw)
	if err != nil {
		b.Fatal(err)
	}
	out, _ := f.Encode(v)
	b.SetBytes(int64(len(out)))
	b.ReportAllocs()
	for b.Loop() {
		if out, err = f.Encode(v); err != nil || !bytes.HasPrefix(out, []byte("<orders")) {
			b.Fatal(err)
		}
	}
}
