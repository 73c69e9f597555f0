package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"orderhub/hub/hubtest"
)

// page asks the console of a site, as a browser without scripts does.
func (s *site) page(method, path string, form url.Values, headers ...string) (int, http.Header, string) {
	s.t.Helper()
	req, err := http.NewRequest(method, strings.TrimSuffix(s.ready.Console, "/")+path, strings.NewReader(form.Encode()))
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for i := 0; i < len(headers); i += 2 {
		if headers[i] == "Host" {
			req.Host = headers[i+1]
		}
		req.Header.Set(headers[i], headers[i+1])
	}
	jar, _ := cookiejar.New(nil) // never fails
	res, err := (&http.Client{Jar: jar, Timeout: 20 * time.Second}).Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return res.StatusCode, res.Header, string(raw)
}

// TestConsoleAccess: the console answers under the names of this machine and those that the configuration adds, takes forms of its own pages
// alone, and tells browsers that nothing of anybody else may work in its pages.
func TestConsoleAccess(t *testing.T) {
	s := newSite(t, strings.Replace(shop, "drain: 2s", `drain: 2s, console: {address: "127.0.0.1:0", hosts: [hub.example.com]}`, 1))
	s.start()
	pause := url.Values{"by": {"ann"}, "why": {"stocktaking"}}
	for _, test := range []struct {
		name, method, path string
		headers            []string
		status             int
	}{
		{"this machine", "GET", "/", nil, 200},
		{"this machine by its name", "GET", "/", []string{"Host", "localhost:9465"}, 200},
		{"IPv6", "GET", "/", []string{"Host", "[::1]:9465"}, 200},
		{"a name of the configuration", "GET", "/", []string{"Host", "hub.example.com"}, 200},
		{"a name that suddenly leads here", "GET", "/", []string{"Host", "evil.example.com"}, 421},
		{"static files under such a name", "GET", "/static/hub.js", []string{"Host", "evil.example.com:9465"}, 421},
		{"the stream under such a name", "GET", "/live?at=/", []string{"Host", "evil.example.com"}, 421},
		{"a form of another page", "POST", "/pause?name=work", []string{"Origin", "http://evil.example.com"}, 403},
		{"a form of another site", "POST", "/pause?name=work", []string{"Sec-Fetch-Site", "cross-site"}, 403},
		{"no form at all", "PUT", "/pause?name=work", nil, 405},
		{"no page", "GET", "/nope", nil, 404},
		{"no page to follow", "GET", "/live?at=/nope", nil, 400},
		{"a page elsewhere to follow", "GET", "/live?at=http://evil.example.com/", nil, 400},
	} {
		t.Run(test.name, func(t *testing.T) {
			status, header, body := s.page(test.method, test.path, pause, test.headers...)
			if status != test.status {
				t.Errorf("%d, expected %d\n%.500s", status, test.status, body)
			}
			for name, part := range map[string]string{"Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self';", "X-Content-Type-Options": "nosniff",
				"Referrer-Policy": "no-referrer", "Cross-Origin-Opener-Policy": "same-origin", "Cache-Control": "no-store"} {
				if !strings.HasPrefix(header.Get(name), part) {
					t.Errorf("%s: %q", name, header.Get(name))
				}
			}
		})
	}
	if s.talk.String() != "" {
		t.Errorf("somebody asked for nonsense, and the hub tells of it:\n%s", s.talk)
	}
	has(t, s.hub(0, "status"), "intake")
	if out := s.hub(0, "status"); strings.Contains(out, "paused") {
		t.Errorf("a form of another site paused a pipeline:\n%s", out)
	}
}

// TestConsoleElsewhere: a port that another program has costs the hub neither its start nor its console.
func TestConsoleElsewhere(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	s := newSite(t, strings.Replace(shop, "drain: 2s", fmt.Sprintf("drain: 2s, console: {address: %q}", l.Addr()), 1))
	s.start()
	if s.ready.Moved != l.Addr().String() || strings.Contains(s.ready.Console, s.ready.Moved) {
		t.Errorf("it is at %q, and says that %q is used", s.ready.Console, s.ready.Moved)
	}
	if status, _, _ := s.page("GET", "/", nil); status != 200 {
		t.Errorf("the console answers %d", status)
	}
	s = newSite(t, strings.Replace(shop, "drain: 2s", "drain: 2s, console: {address: none}", 1))
	s.start()
	if s.ready.Console != "" {
		t.Errorf("there is a console at %s, which nobody wants", s.ready.Console)
	}
}

// TestConsoleActs: what is done in the console without scripts is what the verb does, is in the audit log with who and why, and is refused
// with the form and what was written when it can't be done.
func TestConsoleActs(t *testing.T) {
	s := newSite(t, shop)
	s.start()
	for i := range 3 {
		s.post("/orders", fmt.Sprintf(`{"id": "W-%d", "total": -1}`, i))
	}
	hubtest.Until(t, "three dead letters", func() bool {
		_, _, body := s.page("GET", "/errors", nil)
		return strings.Contains(body, `<td class="num">3</td>`)
	})
	who := url.Values{"by": {"ann"}, "why": {"the gateway was mended"}}
	act := func(path string, form url.Values, parts ...string) {
		t.Helper()
		status, _, body := s.page("POST", path, form)
		if status != 200 {
			t.Errorf("%s: %d", path, status)
		}
		has(t, body, parts...)
	}
	_, _, body := s.page("GET", "/replay", nil)
	has(t, body, "Replay 3 dead letters", "still fail", "hub replay --all")
	status, _, body := s.page("POST", "/replay", url.Values{"by": {"ann"}})
	has(t, body, "Say why", `value="ann"`)
	if status != 400 {
		t.Errorf("a replay without a reason: %d", status)
	}
	if status, _, body = s.page("POST", "/pause?name=nope", who); status != 404 || !strings.Contains(body, "no pipeline") {
		t.Errorf("pause of no pipeline: %d\n%s", status, body)
	}
	act("/pause?name=work", who, "work is paused.", "the gateway was mended")
	act("/replay", who, "3 dead letters replayed, 0 left.")
	act("/resume?name=work", who, "work runs.")
	hubtest.Until(t, "they fail again", func() bool {
		_, _, body := s.page("GET", "/errors", nil)
		return strings.Contains(body, `<td class="num">3</td>`)
	})
	_, _, body = s.page("GET", "/errors", nil)
	has(t, body, "the total is not positive")
	act("/drop", who, "deleted, 0 left.")
	has(t, s.hub(0, "audit"), "ann", "replay", "drop", "pause", "resume", "the gateway was mended")
	s.hub(0, "audit", "verify")
}

// TestConsolePipeline: the page of a pipeline shows how it is written with what fails in which line, what happened in it last, and no password.
// The line is a link into the whole configuration, which shows the file around it.
func TestConsolePipeline(t *testing.T) {
	s := newSite(t, strings.Replace(shop, "adapters:\n", "adapters:\n  ledger: {type: http-client, url: \"http://10.0.0.1:1\", bearer: opensesame99, ops: {book: POST /book}}\n", 1))
	s.start()
	s.post("/orders", `{"id": "W-1", "total": -1}`)
	hubtest.Until(t, "a dead letter", func() bool {
		_, _, body := s.page("GET", "/errors", nil)
		return strings.Contains(body, `<td class="num">1</td>`)
	})
	_, _, body := s.page("GET", "/pipeline?name=work", nil)
	has(t, body, `<a class="tag bad" href="/error?group=`, "the total is not positive", "What happened last", `/message?id=W-1`, "hub config show work")
	line := regexp.MustCompile(`<li id="L(\d+)" class="bad"><code> +- validate:`).FindStringSubmatch(body)
	if line == nil || strings.Contains(body, "web-orders:") {
		t.Fatalf("the line that failed is not marked, or more is shown than the pipeline\n%s", body)
	}
	_, _, body = s.page("GET", "/errors", nil)
	has(t, body, "line="+line[1]+"#L"+line[1])
	_, _, body = s.page("GET", "/config?line="+line[1], nil)
	has(t, body, `<li id="L`+line[1]+`" class="bad">`, "bearer: ")
	if status, _, _ := s.page("GET", "/config?file=nope", nil); status != 404 {
		t.Errorf("a file that is not there: %d", status)
	}
	for _, text := range []string{body, s.hub(0, "config", "show")} {
		if strings.Contains(text, "opensesame99") {
			t.Errorf("a password is shown\n%s", text)
		}
	}
	has(t, s.hub(0, "config", "show", "work"), line[1]+"        - validate:")
	has(t, s.hub(0, "find", "--recent", "--pipeline", "work"), "W-1")
	has(t, s.hub(1, "find", "--recent", "--pipeline", "wrok"), `Did you mean "work"?`)
}

// TestConsoleAnswer: where bodies are kept, the page of a message shows what a partner was asked and answered, with its status and its headers.
func TestConsoleAnswer(t *testing.T) {
	bank := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Request-Id", "r-77")
		http.Error(w, "closed for stocktaking", http.StatusConflict)
	}))
	defer bank.Close()
	s := newSite(t, strings.NewReplacer("drain: 2s", "drain: 2s, keep_bodies: 1d", "adapters:\n", "adapters:\n  bank: {type: http-client, url: \""+bank.URL+"\", ops: {charge: POST /charges}}\n",
		"- count:", "- {call: bank.charge, with: {amount: =body.total}, as: charge}\n      - count:").Replace(shop))
	s.start()
	s.post("/orders", `{"id": "W-1", "total": 4711}`)
	hubtest.Until(t, "the answer is kept", func() bool {
		_, _, body := s.page("GET", "/bodies?id=W-1", nil)
		return strings.Contains(body, "It answered 409")
	})
	_, _, body := s.page("GET", "/bodies?id=W-1", nil)
	has(t, body, "It was asked", "&#34;amount&#34;: 4711", "<th>x-request-id</th><td>r-77</td>", "closed for stocktaking")
	has(t, s.hub(0, "trace", "W-1", "--bodies"), `answered 409 "closed for stocktaking`)
	if _, _, body = s.page("GET", "/message?id=W-1", nil); strings.Contains(body, "It answered") {
		t.Error("bodies are shown without a record")
	}
}
