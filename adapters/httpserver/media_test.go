package httpserver

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"orderhub/hub"
	"orderhub/hub/doc"
)

// shouting is a format of one word, in capitals.
var shouting = &hub.Format{Name: "shouting", Type: "text/x-shout", Decode: func(raw []byte) (doc.Value, error) {
	if text := string(raw); strings.ToUpper(text) != text {
		return doc.Value{}, &doc.SyntaxError{Code: "bad_shout", Line: 3, Col: 7, Detail: "a small letter; write it large"}
	}
	return doc.StringValue(string(raw)), nil
}}

// TestMediaTypes: a route takes the types of its format, and says which; the message knows what its bytes are.
func TestMediaTypes(t *testing.T) {
	for _, c := range []struct {
		name        string
		route       SourceConfig
		about       hub.Description
		contentType string
		body        string
		status      int
		code, has   string // has: the message's content type, or a part of the answer
	}{
		{"JSON", SourceConfig{}, hub.Description{}, "application/json", `{}`, 202, "", "application/json"},
		{"JSON in UTF-8", SourceConfig{}, hub.Description{}, `application/json; charset="UTF-8"`, `{}`, 202, "", "application/json"},
		{"JSON in another character set", SourceConfig{}, hub.Description{}, "application/json; charset=ISO-8859-1", "{\"a\":\"\xfc\"}", 202, "", "application/json; charset=iso-8859-1"},
		{"a family", SourceConfig{}, hub.Description{Types: []string{"application/json", "+json"}}, "application/vnd.api+json", `{}`, 202, "", "application/vnd.api+json"},
		{"no family", SourceConfig{}, hub.Description{}, "application/vnd.api+json", `{}`, 415, "unsupported_media_type", "send Content-Type: application/json"},
		{"a form", SourceConfig{}, hub.Description{Types: []string{"application/json", "+json", typeForm}}, typeForm + "; charset=utf-8", `a=1`, 202, "", typeForm},
		{"told", SourceConfig{}, hub.Description{Types: []string{"application/json", "+json", typeForm}}, "text/csv", `a`, 415, "unsupported_media_type", "send Content-Type: application/json or " + typeForm},
		{"multipart", SourceConfig{}, hub.Description{Types: []string{"multipart/*"}}, "multipart/form-data; boundary=xyz; odd=1", `--xyz--`, 202, "", "multipart/form-data; boundary=xyz"},
		{"anything", SourceConfig{}, hub.Description{Types: []string{"application/octet-stream", "*/*"}}, "image/png", "\x89PNG", 202, "", "image/png"},
		{"what the route says", SourceConfig{Consumes: []string{"text/csv"}}, hub.Description{Types: []string{"application/json"}}, "text/csv; header=present", "a,b", 202, "", "text/csv"},
		{"not what the route says", SourceConfig{Consumes: []string{"text/csv"}}, hub.Description{Types: []string{"application/json"}}, "application/json", "{}", 415, "unsupported_media_type", "send Content-Type: text/csv"},
		{"an unknown character set", SourceConfig{}, hub.Description{}, "application/json; charset=klingon", "{}", 415, "unsupported_charset", "the character set klingon is not known: send UTF-8"},
		{"none", SourceConfig{}, hub.Description{}, "", "{}", 415, "unsupported_media_type", ""},
		{"no type", SourceConfig{}, hub.Description{}, "json", "{}", 415, "unsupported_media_type", ""},
		{"a named format", SourceConfig{}, hub.Description{Format: shouting, Types: []string{"text/x-shout"}}, "text/x-shout", "LOUD", 202, "", "text/x-shout"},
		{"a named format in another character set", SourceConfig{}, hub.Description{Format: shouting, Types: []string{"text/x-shout"}}, "text/x-shout; charset=iso-8859-1", "L\xc4UT", 202, "", "text/x-shout; charset=iso-8859-1"},
		{"not in its format", SourceConfig{}, hub.Description{Format: shouting, Types: []string{"text/x-shout"}}, "text/x-shout", "quiet", 400, "bad_shout", "line 3 column 7: a small letter; write it large"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newServer(t, "127.0.0.1:0")
			src, err := s.OpenSource("POST /orders", &c.route)
			if err != nil {
				t.Fatal(err)
			}
			hub.Describe(src, c.about)
			k := newTaken()
			addr := run(t, s, src, k)
			req, err := http.NewRequest("POST", "http://"+addr+"/orders", strings.NewReader(c.body))
			if err != nil {
				t.Fatal(err)
			}
			if c.contentType != "" {
				req.Header.Set("Content-Type", c.contentType)
			}
			status, code, detail := ask(t, req)
			if status != c.status || code != c.code {
				t.Fatalf("got %d %q (%s), want %d %q", status, code, detail, c.status, c.code)
			}
			if status != 202 {
				if !strings.Contains(detail, c.has) {
					t.Errorf("the answer says %q, not %q", detail, c.has)
				}
				return
			}
			m := <-k.messages
			if got := m.Headers.Get(hub.HeaderContentType); got != c.has || string(m.Body.Bytes()) != c.body {
				t.Errorf("the message is %q %q, want %q %q", got, m.Body.Bytes(), c.has, c.body)
			}
			switch f := m.Body.Format(); {
			case strings.HasPrefix(c.name, "a named format in"):
				if v, err := m.Body.Doc(); err != nil || v.Str() != "LÄUT" || f.Name != "shouting" {
					t.Errorf("it is %q of %v, %v", v.Str(), f, err)
				}
			case f != c.about.Format:
				t.Errorf("its format is %v", f)
			}
		})
	}
}

// TestFormsOfOtherSites: a page of somebody else can't make a browser post a form where nobody asked for forms.
func TestFormsOfOtherSites(t *testing.T) {
	basic := &Verify{Basic: &Basic{User: "desk", Password: []hub.Secret{"t0ken"}}}
	for name, c := range map[string]struct {
		route  SourceConfig
		site   string
		status int
	}{
		"another site":               {SourceConfig{}, "cross-site", 403},
		"the same site":              {SourceConfig{}, "same-origin", 202},
		"no browser":                 {SourceConfig{}, "", 202},
		"the route wants forms":      {SourceConfig{Consumes: []string{typeForm}}, "cross-site", 202},
		"senders prove who they are": {SourceConfig{Verify: &Verify{Token: "t0ken"}}, "cross-site", 202},
		"a password":                 {SourceConfig{Verify: basic, Consumes: []string{typeForm}}, "cross-site", 403}, // which the browser adds by itself
		"a password, the same site":  {SourceConfig{Verify: basic, Consumes: []string{typeForm}}, "same-origin", 202},
		"a password, no browser":     {SourceConfig{Verify: basic, Consumes: []string{typeForm}}, "", 202},
		"an address":                 {SourceConfig{Verify: &Verify{From: []string{"127.0.0.1"}}}, "cross-site", 403},
		"an address and a token":     {SourceConfig{Verify: &Verify{From: []string{"127.0.0.1"}, Token: "t0ken"}}, "cross-site", 202},
	} {
		s := newServer(t, "127.0.0.1:0")
		src, err := s.OpenSource("POST /orders", &c.route)
		if err != nil {
			t.Fatal(err)
		}
		hub.Describe(src, hub.Description{Types: []string{typeJSON, typeForm}})
		req, err := http.NewRequest("POST", "http://"+run(t, s, src, newTaken())+"/orders", strings.NewReader("a=1"))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", typeForm)
		if req.Header.Set("Authorization", "Bearer t0ken"); c.route.Verify == basic {
			req.SetBasicAuth("desk", "t0ken")
		}
		if c.site != "" {
			req.Header.Set("Sec-Fetch-Site", c.site)
		}
		if status, code, _ := ask(t, req); status != c.status {
			t.Errorf("%s: %d %s, want %d", name, status, code, c.status)
		}
	}
}

// ask sends a request.
func ask(t *testing.T, req *http.Request) (status int, code, detail string) {
	t.Helper()
	tr := &http.Transport{DisableKeepAlives: true}
	resp, err := (&http.Client{Transport: tr}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	w := httptest.NewRecorder()
	if _, err := w.Body.ReadFrom(resp.Body); err != nil {
		t.Fatal(err)
	}
	p := problemIn(w.Body.Bytes())
	return resp.StatusCode, p.Code, p.Detail
}

// TestFault_H7_NamesOfHeaders: CloudEvents' headers come in, and those that begin as the route says; what is secret does not.
func TestFault_H7_NamesOfHeaders(t *testing.T) {
	s := newServer(t, "127.0.0.1:0")
	src, err := s.OpenSource("POST /orders", &SourceConfig{Headers: []string{"x-shop-*", "X-Tenant"}})
	if err != nil {
		t.Fatal(err)
	}
	k := newTaken()
	addr := run(t, s, src, k)
	req, _ := http.NewRequest("POST", "http://"+addr+"/orders?validationToken=Abc&lang=de", strings.NewReader("{}"))
	for name, value := range map[string]string{"Content-Type": typeJSON, "ce-id": "A-1", "Ce-Specversion": "1.0", "ce-type": "order.paid", "X-Shop-Domain": "berlin", "x-shop-lang": "de",
		"X-Tenant": "eu", "X-Other": "no", "Cookie": "c=1"} {
		req.Header.Set(name, value)
	}
	if status, code, _ := ask(t, req); status != 202 {
		t.Fatalf("%d %s", status, code)
	}
	m := <-k.messages
	for name, want := range map[string]string{"ce-id": "A-1", "ce-specversion": "1.0", "ce-type": "order.paid", "x-shop-domain": "berlin", "x-shop-lang": "de", "x-tenant": "eu",
		"x-other": "", "cookie": "", "query.validationToken": "Abc", "query.lang": "de"} {
		if got := m.Headers.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	for _, name := range []string{"*", "co*kie", "hub-*"} {
		if _, faults := routeOf("POST /x", &SourceConfig{Headers: []string{name}}, &Server{}); len(faults) != 1 || faults[0].Path != "headers" {
			t.Errorf("headers: [%s]: %v", name, faults)
		}
	}
	for _, kind := range []string{"*/*", "text/*"} {
		if _, faults := routeOf("POST /x", &SourceConfig{Consumes: []string{kind}}, &Server{}); len(faults) != 1 || faults[0].Path != "consumes" {
			t.Errorf("consumes: [%s]: %v", kind, faults)
		}
	}
}
