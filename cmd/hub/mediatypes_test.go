package main

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
)

const mediaSite = `
hub: {name: media, store: "sqlite:STORE", drain: 2s}
adapters:
  web: {type: http-server, listen: "127.0.0.1:0"}
formats:
  orders: {type: xml, root: order, lists: [line]}
pipelines:
  plain:
    from: {web: POST /plain, public: true}
    steps: [{reply: {body: {got: =body}}}]
  xml:
    from: {web: POST /xml, format: orders, public: true}
    steps: [{reply: {body: {got: =body}}}]
  hook:
    from: {web: POST /hook, public: true, consumes: [text/xml, application/soap+xml]}
    steps: [{reply: {body: {got: =body}}}]
  hello:
    from: {web: GET /hello}
    steps: [{reply: {body: {token: '=headers["query.validationToken"]', same: =query.validationToken, none: '=headers["query.validationtoken"]'}}}]
`

// TestFault_H7_RoutesAndFormats: a route reads what it takes by its content type or its format, and says what is wrong with the rest.
func TestFault_H7_RoutesAndFormats(t *testing.T) {
	s := newSite(t, mediaSite)
	s.start()
	defer s.stop()
	z, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	for _, c := range []struct {
		name, path, contentType, coding, body string
		status                                int
		has                                   string
	}{
		{"JSON", "/plain", "application/json", "", `{"a":1}`, 200, `{"got":{"a":1}}`},
		{"vendor's JSON", "/plain", "application/vnd.api+json", "", `{"a":1}`, 200, `{"got":{"a":1}}`},
		{"JSON in Latin-1", "/plain", "application/json; charset=iso-8859-1", "", "{\"a\":\"\xfc\"}", 200, `{"got":{"a":"ü"}}`},
		{"JSON with zstd", "/plain", "application/json", "zstd", string(z.EncodeAll([]byte(`{"a":1}`), nil)), 200, `{"got":{"a":1}}`},
		{"a form", "/plain", "application/x-www-form-urlencoded", "", "a=1&b=f%C3%BCr+dich", 200, `{"got":{"a":"1","b":"für dich"}}`},
		{"a form with a broken escape", "/plain", "application/x-www-form-urlencoded", "", "a=1&b=%zz", 400, "line 1 column"},
		{"broken JSON", "/plain", "application/json", "", "{\n \"a\": }", 400, "line 2 column"},
		{"XML where none is taken", "/plain", "text/xml", "", "<a/>", 415, "send Content-Type: application/json or "},
		{"an unknown character set", "/plain", "application/json; charset=klingon", "", "{}", 415, "the character set klingon is not known"},
		{"XML", "/xml", "text/xml", "", "<order id=\"7\"><line>a</line></order>", 200, `{"got":{"@id":"7","line":["a"]}}`},
		{"XML that is cut off", "/xml", "text/xml", "", "<order>\n<line>", 400, "line 2"},
		{"XML with a DOCTYPE", "/xml", "text/xml", "", "<!DOCTYPE a [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><order>&x;</order>", 400, "DOCTYPE"},
		{"JSON where XML is taken", "/xml", "application/json", "", "{}", 415, "send Content-Type: application/xml or text/xml"},
		{"by content type", "/hook", "text/xml", "", "<a>1</a>", 200, `{"got":{"a":"1"}}`},
		{"by content type, broken", "/hook", "text/xml", "", "<a>1</b>", 400, "line 1 column"},
	} {
		req, err := http.NewRequest("POST", s.ready.URLs["web"]+c.path, strings.NewReader(c.body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", c.contentType)
		if c.coding != "" {
			req.Header.Set("Content-Encoding", c.coding)
		}
		if status, body := s.answer(req); status != c.status || !strings.Contains(body, c.has) {
			t.Errorf("%s: %d %s, want %d %s", c.name, status, body, c.status, c.has)
		}
	}
	req, _ := http.NewRequest("GET", s.ready.URLs["web"]+"/hello?validationToken=AbC", nil)
	if status, body := s.answer(req); status != 200 || body != `{"token":"AbC","same":"AbC"}` {
		t.Errorf("a parameter with a capital: %d %s", status, body)
	}
}

// answer sends a request, and gives its answer.
func (s *site) answer(req *http.Request) (int, string) {
	s.t.Helper()
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return res.StatusCode, string(bytes.TrimSpace(body))
}
