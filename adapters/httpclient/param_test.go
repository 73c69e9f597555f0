package httpclient

import (
	"fmt"
	"io"
	"net/http"
	"testing"

	"orderhub/hub"
	"orderhub/hub/doc"
)

func parsed(t *testing.T, text string) doc.Value {
	t.Helper()
	v, err := doc.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// The examples of OpenAPI 3.1, 4.8.12.4, for the styles and places that it has.
func TestParamStyles(t *testing.T) {
	const text, list, object = `"blue"`, `["blue","black","brown"]`, `{"R":100,"G":200,"B":150}`
	for _, c := range []struct {
		in, style                string
		explode                  bool
		ofText, ofList, ofObject string
	}{
		{"path", "matrix", false, ";color=blue", ";color=blue,black,brown", ";color=R,100,G,200,B,150"},
		{"path", "matrix", true, ";color=blue", ";color=blue;color=black;color=brown", ";R=100;G=200;B=150"},
		{"path", "label", false, ".blue", ".blue,black,brown", ".R,100,G,200,B,150"},
		{"path", "label", true, ".blue", ".blue.black.brown", ".R=100.G=200.B=150"},
		{"path", "simple", false, "blue", "blue,black,brown", "R,100,G,200,B,150"},
		{"path", "simple", true, "blue", "blue,black,brown", "R=100,G=200,B=150"},
		{"header", "simple", true, "blue", "blue,black,brown", "R=100,G=200,B=150"},
		{"query", "form", false, "color=blue", "color=blue,black,brown", "color=R,100,G,200,B,150"},
		{"query", "form", true, "color=blue", "color=blue&color=black&color=brown", "R=100&G=200&B=150"},
		{"query", "spaceDelimited", false, "color=blue", "color=blue%20black%20brown", "color=R%20100%20G%20200%20B%20150"},
		{"query", "pipeDelimited", false, "color=blue", "color=blue%7Cblack%7Cbrown", "color=R%7C100%7CG%7C200%7CB%7C150"},
		{"query", "deepObject", true, "color=blue", "color=blue&color=black&color=brown", "color%5BR%5D=100&color%5BG%5D=200&color%5BB%5D=150"},
		{"query", "json", false, "color=%22blue%22", "color=%5B%22blue%22%2C%22black%22%2C%22brown%22%5D", "color=%7B%22R%22%3A100%2C%22G%22%3A200%2C%22B%22%3A150%7D"},
		{"cookie", "form", false, "color=blue", "color=blue,black,brown", "color=R,100,G,200,B,150"},
	} {
		p, err := newParam(param{name: "color", in: c.in}, c.style, &c.explode)
		if err != nil {
			t.Fatal(err)
		}
		for value, want := range map[string]string{text: c.ofText, list: c.ofList, object: c.ofObject, "null": "", "[]": ""} {
			if c.style == styleJSON && value == "[]" {
				continue
			}
			pairs, err := p.pairs(parsed(t, value))
			got := ""
			for i, one := range pairs {
				if i > 0 {
					got += "&"
				}
				if c.in == "query" || c.in == "cookie" {
					got += one.name + "="
				}
				got += one.value
			}
			if err != nil || got != want {
				t.Errorf("%s %s %v of %s: %q, want %q, %v", c.in, c.style, c.explode, value, got, want, err)
			}
		}
	}
}

func TestParamEscapes(t *testing.T) {
	for _, c := range []struct{ in, style, value, want string }{
		{"path", "simple", `"a/b ü%?#{x}"`, "a%2Fb%20%C3%BC%25%3F%23%7Bx%7D"},
		{"path", "simple", `["a,b","c"]`, "a%2Cb,c"},
		{"query", "form", `"a&b=c d+ü"`, "a%26b%3Dc+d%2B%C3%BC"},
		{"cookie", "form", `"a;b, c"`, "a%3Bb%2C+c"},
		{"query", "deepObject", `{"a b":{"c":[1,true]}}`, "1"},
	} {
		p, _ := newParam(param{name: "x", in: c.in}, c.style, nil)
		pairs, err := p.pairs(parsed(t, c.value))
		if err != nil || pairs[0].value != c.want {
			t.Errorf("%s %s: %v %v", c.in, c.value, pairs, err)
		}
	}
	p := param{name: "x", in: "query", style: "form", reserved: true}
	if pairs, _ := p.pairs(doc.StringValue("a/b:c,d&e")); pairs[0].value != "a/b:c,d%26e" {
		t.Errorf("reserved: %v", pairs)
	}
	for _, value := range []string{`[{"a":1}]`, `{"a":{"b":1}}`, `[[1]]`} {
		p := param{name: "x", in: "query", style: "form", explode: true}
		if _, err := p.pairs(parsed(t, value)); hub.AsError(err).Reason != "bad_param" {
			t.Errorf("%s: %v", value, err)
		}
	}
}

// A list is repeated and an object is written by its fields: nothing of a query is left out in silence.
func TestFault_H2_ListsAndObjectsInAQuery(t *testing.T) {
	for body, want := range map[string]string{
		`{"status":["paid","shipped"]}`:                            "status=paid&status=shipped",
		`{"created":{"gte":"2026-01-01","lt":"2026-02-01"},"n":1}`: "created%5Bgte%5D=2026-01-01&created%5Blt%5D=2026-02-01&n=1",
		`{"ids":[1,2.50,true],"none":null,"empty":[],"o":{}}`:      "ids=1&ids=2.50&ids=true",
	} {
		got := ""
		_, err := ask(t, func(_ http.ResponseWriter, r *http.Request) { got = r.URL.RawQuery }, "GET /orders", message(body), nil)
		if err != nil || got != want {
			t.Errorf("%s: %q, want %q, %v", body, got, want, err)
		}
	}
	for body, want := range map[string]string{`{"a":[{"b":1}]}`: "/a", `{"a":{"b":[[1]]}}`: "/a"} { // what has no form is told
		_, err := ask(t, func(http.ResponseWriter, *http.Request) { t.Error("sent") }, "GET /orders", message(body), nil)
		if err == nil || err.Reason != "bad_param" || err.Class != hub.Invalid || err.Fields[0].Pointer != want {
			t.Errorf("%s: %v", body, err)
		}
	}
}

// What a param takes is not sent twice; a body of bytes that no param of its own takes goes out byte for byte.
func TestPartsAreKeptApart(t *testing.T) {
	op := Op{HTTP: "PUT /shops/{shop}/orders/{id}", Query: map[string]string{"v": "2", "lang": "en"}, Headers: map[string]string{"X-Fixed": "f"}, Params: map[string]Param{
		"shop": {In: "path"}, "lang": {In: "query"}, "tags": {In: "query", Name: "tag", Style: "pipeDelimited"}, "tenant": {In: "header", Name: "X-Tenant"}, "session": {In: "cookie", Name: "sid"}}}
	for _, c := range []struct {
		name, body, want string
		document         bool
	}{
		{"a document", `{"shop":"a/b","id":7,"lang":"de","tags":["x","y"],"tenant":"t","session":"s 1","n":1.50}`,
			`PUT /shops/a%2Fb/orders/7?lang=de&tag=x%7Cy&v=2 X-Tenant=t X-Fixed=f Cookie=sid=s+1 {"n":1.50}`, true},
		{"bytes", `{"shop":"a", "id":7, "n":1.50}`, `PUT /shops/a/orders/7?lang=en&v=2 X-Tenant= X-Fixed=f Cookie= {"n":1.50}`, false},
	} {
		m := message(c.body)
		if c.document {
			m.Body = hub.DocumentBody(parsed(t, c.body))
		}
		got := ""
		_, err := ask(t, func(_ http.ResponseWriter, r *http.Request) {
			b, _ := io.ReadAll(r.Body)
			got = fmt.Sprintf("%s %s X-Tenant=%s X-Fixed=%s Cookie=%s %s", r.Method, r.RequestURI, r.Header.Get("X-Tenant"), r.Header.Get("X-Fixed"), r.Header.Get("Cookie"), b)
		}, "put", m, func(cfg *Config) { cfg.Ops = map[string]Op{"put": op} })
		if err != nil || got != c.want {
			t.Errorf("%s:\n got  %s\n want %s\n%v", c.name, got, c.want, err)
		}
	}
}

// A document that is to be written in another format goes out in it, without what its params took.
func TestBodiesInAFormat(t *testing.T) {
	lines := &hub.Format{Name: "lines", Type: "text/x-lines", Encode: func(v doc.Value) ([]byte, error) {
		var out []byte
		for name, field := range v.Fields() {
			out = append(out, name+"="+field.Text()+"\n"...)
		}
		return out, nil
	}, Decode: func([]byte) (doc.Value, error) { return doc.Parse([]byte(`{"id":8,"n":2}`)) }}
	for name, c := range map[string]struct {
		body hub.Body
		want string
	}{
		"a document":         {hub.DocumentBody(parsed(t, `{"id":7,"n":1}`)).In(lines), "/a/7 text/x-lines gzip n=1\n"},
		"bytes as they came": {hub.NewBody([]byte("id: 8, n: 2")).In(lines), "/a/8 text/x-lines gzip id: 8, n: 2"},
	} {
		got := ""
		m := &hub.Message{ID: "m", Headers: hub.Headers{"content-type": "text/x-lines", "content-encoding": "gzip", "hub-format": "lines"}, Body: c.body}
		_, err := ask(t, func(_ http.ResponseWriter, r *http.Request) {
			b, _ := io.ReadAll(r.Body)
			got = fmt.Sprintf("%s %s %s %s", r.URL.Path, r.Header.Get("Content-Type"), r.Header.Get("Content-Encoding"), b)
			if r.Header.Get("Hub-Format") != "" {
				t.Error("the hub's own header is sent")
			}
		}, "POST /a/{id}", m, nil)
		if err != nil || got != c.want {
			t.Errorf("%s: %q, want %q, %v", name, got, c.want, err)
		}
	}
}
