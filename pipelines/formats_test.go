package pipelines_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"path/filepath"
	"strings"
	"testing"

	"orderhub/hub"
	"orderhub/pipelines"
	"orderhub/pipelines/patterntest"
	"orderhub/transforms/binary"
	"orderhub/transforms/fixed"
	"orderhub/transforms/form"
	"orderhub/transforms/json"
	"orderhub/transforms/multipart"
	"orderhub/transforms/ndjson"
	plain "orderhub/transforms/text"
	"orderhub/transforms/xml"
)

// formatted is a registry with formats.
func formatted() pipelines.Registry {
	reg := language()
	reg.Formats = []hub.FormatKind{json.Format(), ndjson.Format(), plain.Format(), binary.Format(), form.Format(), multipart.Format(), xml.Format(), fixed.Format()}
	return reg
}

func startFormats(t *testing.T, yaml string, answers map[string]patterntest.Answer) *patterntest.Hub {
	t.Helper()
	return patterntest.Start(t, patterntest.Config{YAML: yaml, Registry: formatted(), Answers: answers})
}

// typed is a message from outside in a content type.
func typed(h *patterntest.Hub, id, contentType, body string) *hub.Message {
	m := h.Message(id, body)
	m.Headers = m.Headers.With(hub.HeaderContentType, contentType)
	return m
}

const formatsYAML = `
adapters: {web: {type: fake-web}, files: {type: fake}, far: {type: fake, ops: {tell: {format: text, headers: {content-type: text/plain; charset=utf-16le}}, charge: {format: {request: form, reply: xml}}, look: {format: json}, plain: {}}}}
formats:
  erp: {type: xml, root: Order, lists: [Line], declaration: false}
  latin: {type: text, charset: iso-8859-1}
  said: {type: text, content_type: text/plain; charset=windows-1253}
  packed: {type: json, compress: gzip, content_type: application/vnd.acme+json}
`

// The content type of a message says what its bytes are; an endpoint's format says it better. Unchanged, they pass
// byte for byte through every stage; a changed body is JSON.
func TestFormatOfWhatComes(t *testing.T) {
	h := startFormats(t, formatsYAML+`
channels: {kept: {type: direct}, again: {type: direct}, changed: {type: direct}}
pipelines:
  in:
    from: {files: in, format: erp}
    steps:
      - send: kept
      - {send: changed, with: {id: =body.Id, lines: =len(body.Line)}}
  second: {from: kept, steps: [{filter: '=body.Id == "A-1"'}, {send: again}]}
  by-type: {from: {web: POST}, steps: [{send: {far: out}, with: {id: =body.order.id}}, {reply: {status: 200, body: =body}}]}
`, nil)
	const order = "<Order>\n <Id>A-1</Id><Line>x</Line>\n</Order>"
	if _, err := h.In("in", typed(h, "m1", "text/plain", order)); err != nil {
		t.Fatal(err)
	}
	for _, d := range h.Dead() {
		t.Fatalf("%s", d.Error.Text())
	}
	if got := h.WaitingBodies("changed"); len(got) != 1 || got[0] != `{"id":"A-1","lines":1}` {
		t.Errorf("changed: %s", got)
	}
	if m := h.Waiting("changed")[0].Msg; m.Headers.Get(hub.HeaderFormat) != "" || m.Headers.Get(hub.HeaderContentType) != "application/json" {
		t.Errorf("changed: %v", m.Headers)
	}
	h.Settle()
	again := h.Waiting("again")
	if len(again) != 1 || string(again[0].Msg.Body.Bytes()) != order || again[0].Msg.Headers.Get(hub.HeaderContentType) != "text/plain" {
		t.Errorf("unchanged: %v", again)
	}
	reply, err := h.In("by-type", typed(h, "m2", "application/vnd.shop+xml; charset=utf-8", `<order><id>7</id></order>`))
	if err != nil || string(reply.Body.Bytes()) != `<order><id>7</id></order>` || reply.Headers.Get(hub.HeaderContentType) != "application/vnd.shop+xml; charset=utf-8" {
		t.Errorf("as it came: %v %v", reply, err)
	}
	if sent := h.Sent("far out"); len(sent) != 1 || string(sent[0].Body.Bytes()) != `{"id":"7"}` {
		t.Errorf("by type: %v", patterntest.Bodies(sent))
	}
}

// A format that an endpoint names has its text in the character set of the content type, also behind the store and behind a
// compression, unless it has its own.
func TestNamedFormatInCharset(t *testing.T) {
	h := startFormats(t, strings.Replace(formatsYAML, "  packed:", "  zipped: {type: text, compress: gzip}\n  packed:", 1)+`
channels: {kept: {type: direct}}
pipelines:
  in: {from: {files: in, format: text}, steps: [{send: kept}]}
  second: {from: kept, steps: [{send: {far: out}, with: =body}]}
  zipped: {from: {files: zip, format: zipped}, steps: [{send: {far: out}, with: =body}]}
  said: {from: {files: said, format: said}, steps: [{send: {far: greek}, with: =body}]}
  mixed: {from: {files: mixed}, steps: [{send: {far: out}, format: latin, headers: {content-type: text/plain; charset=utf-8}, with: x}]}
  own: {from: {files: own, format: latin}, steps: [{send: {far: out}, with: =body}]}
  written:
    from: {web: POST}
    steps: [{send: {far: written}, format: text, headers: {content-type: text/plain; charset=iso-8859-1}, with: ="Zoë"}, {reply: 204}]
`, nil)
	var zip bytes.Buffer
	w := gzip.NewWriter(&zip)
	w.Write([]byte("Zo\xeb"))
	w.Close()
	for pipeline, c := range map[string][2]string{"in": {"Zo\xeb", "ISO-8859-1"}, "zipped": {zip.String(), "windows-1252"}, "own": {"Zo\xeb", "utf-16"}} {
		if _, err := h.In(pipeline, typed(h, pipeline, "text/plain; charset="+c[1], c[0])); err != nil {
			t.Errorf("%s: %v", pipeline, err)
		}
	}
	h.Settle()
	for _, d := range h.Dead() {
		t.Errorf("%s", d.Error.Text())
	}
	if got := patterntest.Bodies(h.Sent("far out")); len(got) != 3 || got[0] != `"Zoë"` || got[1] != `"Zoë"` || got[2] != `"Zoë"` {
		t.Errorf("%q", got)
	}
	if _, err := h.In("said", typed(h, "said", "", "\xe1")); err != nil || strings.Join(patterntest.Bodies(h.Sent("far greek")), "") != `"α"` {
		t.Errorf("%v %q", err, patterntest.Bodies(h.Sent("far greek")))
	}
	if _, err := h.In("in", typed(h, "m9", "text/plain; charset=klingon", "Zo\xeb")); err != nil {
		t.Error(err)
	}
	h.Settle()
	if _, err := h.In("mixed", h.Message("mixed", `{}`)); err != nil {
		t.Error(err)
	}
	dead := h.Dead()
	if len(dead) != 2 || !strings.Contains(dead[0].Error.Text(), "klingon") || !strings.Contains(dead[1].Error.Text(), "the content type says charset=utf-8, and the format has charset: iso-8859-1") {
		t.Errorf("%v", dead)
	}
	if _, err := h.In("written", h.Message("m10", `{}`)); err != nil {
		t.Fatal(err)
	}
	if got := patterntest.Bodies(h.Sent("far written")); len(got) != 1 || got[0] != "Zo\xeb" {
		t.Errorf("%q", got)
	}
}

// What is written is in the format of the endpoint, of the step, or of the content type that the step sets.
func TestFormatOfWhatGoes(t *testing.T) {
	h := startFormats(t, formatsYAML+`
pipelines:
  in:
    from: {web: POST}
    steps:
      - {send: {far: a}, format: erp, with: {Id: =body.id, Line: =body.lines}}
      - {send: {far: b}, headers: {content-type: application/x-www-form-urlencoded}, with: {id: =body.id, s: "a b"}}
      - {send: {far: c}, format: latin, with: ="Zoë"}
      - {send: {far: d}, format: packed, with: {id: 1}}
      - {send: {far: e}, format: said, with: ="α"}
      - {call: far.tell, with: ="ë", as: told}
      - {reply: {status: 200, body: {Id: =body.id}, format: erp}}
`, map[string]patterntest.Answer{"far.tell": func(context.Context, *hub.Message) (*hub.Message, error) { return &hub.Message{}, nil }})
	reply, err := h.In("in", h.Message("m1", `{"id":"A-1","lines":["x","y"]}`))
	if err != nil {
		t.Fatal(err)
	}
	if string(reply.Body.Bytes()) != "<Order><Id>A-1</Id></Order>" || reply.Headers.Get(hub.HeaderContentType) != "application/xml" {
		t.Errorf("reply: %s %v", reply.Body.Bytes(), reply.Headers)
	}
	for target, want := range map[string][3]string{
		"far a": {"<Order><Id>A-1</Id><Line>x</Line><Line>y</Line></Order>", "application/xml", ""},
		"far b": {"id=A-1&s=a+b", "application/x-www-form-urlencoded", ""},
		"far c": {"Zo\xeb", "text/plain; charset=iso-8859-1", ""},
		"far d": {"\x1f\x8b", "application/vnd.acme+json", "gzip"},
		"far e": {"\xe1", "text/plain; charset=windows-1253", ""},
	} {
		sent := h.Sent(target)
		if len(sent) != 1 {
			t.Errorf("%s: %d messages", target, len(sent))
			continue
		}
		m := sent[0]
		if !strings.HasPrefix(string(m.Body.Bytes()), want[0]) || m.Headers.Get(hub.HeaderContentType) != want[1] || m.Headers.Get(hub.HeaderEncoding) != want[2] {
			t.Errorf("%s: %q %v", target, m.Body.Bytes(), m.Headers)
		}
	}
	if told := h.Called("far.tell"); len(told) != 1 || string(told[0].Body.Bytes()) != "\xeb\x00" {
		t.Errorf("told: %q", patterntest.Bodies(told))
	}
}

// Request and answer of an operation have formats of their own; without one the answer's content type counts.
func TestFormatOfCalls(t *testing.T) {
	said := func(contentType, body string) patterntest.Answer {
		return func(context.Context, *hub.Message) (*hub.Message, error) {
			return &hub.Message{Body: hub.NewBody([]byte(body)), Headers: hub.Headers{hub.HeaderStatus: "200", hub.HeaderContentType: contentType}}, nil
		}
	}
	h := startFormats(t, formatsYAML+`
channels: {out: {type: direct}}
pipelines:
  in:
    from: {files: in}
    steps:
      - {call: far.charge, with: {amount: 12.50, metadata: {order: =body.id}}, as: charge}
      - {call: far.plain, with: {}, as: pdf}
      - {call: far.look, with: {}, as: looked}
      - {send: out, with: {ok: =charge.result.ok, size: =pdf.size, looked: =looked.a}}
`, map[string]patterntest.Answer{
		"far.charge": said("text/html", "<result><ok>yes</ok></result>"),
		"far.plain":  said("application/pdf", "%PDF-\xff"),
		"far.look":   said("text/plain", `{"a":1}`),
	})
	if _, err := h.In("in", h.Message("m1", `{"id":"A 1"}`)); err != nil {
		t.Fatal(err)
	}
	asked := h.Called("far.charge")[0]
	if raw, err := asked.Body.Encode(); err != nil || string(raw) != "amount=12.50&metadata%5Border%5D=A+1" || asked.Headers.Get(hub.HeaderContentType) != "application/x-www-form-urlencoded" {
		t.Errorf("%q %v %v", raw, err, asked.Headers)
	}
	if got := h.WaitingBodies("out"); len(got) != 1 || got[0] != `{"ok":"yes","size":6,"looked":1}` {
		t.Errorf("%s", got)
	}
}

// Texts of a form get the types of the schema of the source, or of the answer; formulas decode and encode.
func TestFormatIsTyped(t *testing.T) {
	schema, err := filepath.Abs(filepath.Join("testdata", "lint", "common", "schemas", "order.json"))
	if err != nil {
		t.Fatal(err)
	}
	h := startFormats(t, strings.NewReplacer("formats:", "schemas: {order: "+schema+"}\nformats:", "plain: {}", "plain: {format: form, reply: order}").Replace(formatsYAML)+`
channels: {out: {type: direct}}
pipelines:
  in:
    from: {files: in, schema: order}
    steps:
      - {call: far.plain, with: {id: =body.order_id}, as: answer}
      - {send: out, with: {double: =body.total * 2, items: =body.items, xml: '=encode("erp", {Id: "1"})', form: '=decode("form", "a=1&b=2").b', answered: =answer.total + 1}}
`, map[string]patterntest.Answer{"far.plain": func(context.Context, *hub.Message) (*hub.Message, error) {
		return &hub.Message{Body: hub.NewBody([]byte("order_id=A&total=2.50&items[0][sku]=s&items[0][quantity]=3")), Headers: hub.Headers{hub.HeaderStatus: "200"}}, nil
	}})
	if _, err := h.In("in", typed(h, "m1", "application/x-www-form-urlencoded", "order_id=A&total=2.50&items[0][sku]=s&items[0][quantity]=3")); err != nil {
		t.Fatal(err)
	}
	if got := h.WaitingBodies("out"); len(got) != 1 || got[0] != `{"double":5.00,"items":[{"sku":"s","quantity":3}],"xml":"<Order><Id>1</Id></Order>","form":"2","answered":3.50}` {
		t.Errorf("%s", got)
	}
	if _, err = h.In("in", typed(h, "m2", "application/x-www-form-urlencoded", "order_id=A&total=many")); err != nil {
		t.Fatal(err)
	}
	if dead := h.Dead(); len(dead) != 1 || dead[0].Error.Class != hub.Invalid || dead[0].Error.Reason != "schema" {
		t.Errorf("%v", dead)
	}
}

// What can't be read or written is told with its place, and nothing is lost.
func TestFormatFaults(t *testing.T) {
	h := startFormats(t, formatsYAML+`
channels: {out: {type: direct}}
pipelines:
  in: {from: {web: POST}, steps: [{send: out, with: {id: =body.order.id}}, {send: {far: a}, format: form, with: =body.order.list}]}
`, nil)
	for _, c := range []struct{ contentType, body, class, text string }{
		{"application/xml", "<order><id>", "invalid", "line 1 column"},
		{"text/plain; charset=klingon", "x", "invalid", "the character set \"klingon\" is not known"},
		{"application/xml", "<order><id>1</id><list>a</list></order>", "invalid", "a form is written from an object"},
	} {
		_, err := h.In("in", typed(h, "m", c.contentType, c.body))
		if e := hub.AsError(err); err == nil || string(e.Class) != c.class || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: %v, want %s", c.body, err, c.text)
		}
	}
	if got := h.WaitingBodies("out"); len(got) != 0 {
		t.Errorf("%s", got)
	}
}

func TestFormatsAreChecked(t *testing.T) {
	for yaml, want := range map[string]string{
		"formats: {a: {root: x}}":                                                              `error[E216]: the format a has no type`,
		"formats: {a: {type: xlm}}":                                                            `error[E217]: unknown kind of format "xlm"`,
		"formats: {a: {type: xml, rot: x}}":                                                    `unknown xml format field "rot"`,
		"formats: {a: {type: form, nested: deep}}":                                             `nested`,
		"formats: {a: {type: text, charset: klingon}}":                                         `error[E218]: the format a: the character set "klingon" is not known`,
		"formats: {a: {type: text, content_type: text/plain; charset=klingon}}":                `1:41: error[E218]: the format a: the character set "klingon" is not known`,
		"formats: {a: {type: text, charset: utf-16, content_type: text/plain; charset=utf-8}}": `1:58: error[E218]: the format a: the content type says charset=utf-8, and the format has charset: utf-16; write the same in both`,
		"formats: {a: {type: text, content_type: text/plain; charset}}":                        `1:41: error[E218]: the format a: "text/plain; charset" is no content type`,
		"formats: {a: {type: text, charset: utf-16}}\nadapters: {far: {type: fake, ops: {op: {format: a, headers: {Content-Type: text/plain; charset=utf-8}}}}}": `2:76: error[E218]: the format a: the content type says charset=utf-8`,
		"formats: {a: {type: fixed}}":                                                             `error[E218]: one of columns and records is needed`,
		"channels: {c: {type: direct, format: xlm}}":                                              `error[E229]: unknown format "xlm"`,
		"adapters: {far: {type: fake, ops: {list: {paging: {by: page}, format: {reply: form}}}}}": `error[E248]: pages are read from JSON, and the answers of list are form`,
	} {
		if got := patterntest.Problems(t, patterntest.Config{YAML: yaml + "\npipelines: {}\n", Registry: formatted()}); !strings.Contains(got, want) {
			t.Errorf("%s:\n%s\nwant %s", yaml, got, want)
		}
	}
}
