package httpclient

import (
	"io"
	"maps"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"orderhub/hub"
)

// What a step says is sent, whatever the header; of one name the step's wins, then the operation's, then the adapter's.
func TestFault_H1_HeadersOfACall(t *testing.T) {
	for name, c := range map[string]struct {
		headers hub.Headers
		want    map[string]string
	}{
		"a token and a key": {hub.Headers{"authorization": "Bearer t", "x-api-key": "k"}, map[string]string{"Authorization": "Bearer t", "X-Api-Key": "k", "X-Op": "op", "X-All": "all"}},
		"over the others":   {hub.Headers{"x-op": "step", "x-all": "", "accept": "text/csv", "x-correlation-id": "own"}, map[string]string{"X-Op": "step", "X-All": "all", "Accept": "text/csv", "X-Correlation-Id": "own"}},
		"a content type":    {hub.Headers{"content-type": "application/vnd.shop+json"}, map[string]string{"Content-Type": "application/vnd.shop+json"}},
		"nothing":           {nil, map[string]string{"Content-Type": "application/json", "Accept": acceptJSON, "X-Op": "op", "X-All": "all", "User-Agent": "shop/1"}},
	} {
		got := http.Header{}
		m := message(`{"n":1}`)
		m.Headers, m.Correlation = c.headers, "C-1"
		_, err := ask(t, func(_ http.ResponseWriter, r *http.Request) { got = r.Header }, "x", m, func(cfg *Config) {
			cfg.Headers = map[string]string{"X-All": "all", "x-op": "all", "User-Agent": "shop/1"}
			cfg.Ops = map[string]Op{"x": {HTTP: "POST /x", Headers: map[string]string{"X-Op": "op"}}}
			if name != "a token and a key" {
				cfg.Bearer = "ours"
			}
		})
		for header, want := range c.want {
			if got.Get(header) != want || err != nil {
				t.Errorf("%s: %s is %q, want %q, %v", name, header, got.Get(header), want, err)
			}
		}
		if want := "Bearer ours"; name != "a token and a key" && got.Get("Authorization") != want {
			t.Errorf("%s: login %q", name, got.Get("Authorization"))
		}
	}
	for name, ignored := range map[string]bool{"host": true, "content-length": true, "transfer-encoding": true, "connection": true, "hub-format": true, "authorization": false, "x-a": false, "accept": false} {
		if help, is := ignoredHeader(name); is != ignored || is && help == "" {
			t.Errorf("%s: %v %q", name, is, help)
		}
	}
}

// A header that can't be sent is told, and nothing is sent.
func TestHeadersThatCantBeSent(t *testing.T) {
	for _, h := range []hub.Headers{{"x-a": "1\r\nx-b: 2"}, {"x a": "1"}, {"x-nul": "\x00"}} {
		m := message(`{}`)
		m.Headers = h
		if _, err := ask(t, func(http.ResponseWriter, *http.Request) { t.Error("sent") }, "POST /x", m, nil); err == nil || err.Reason != "header_injection" {
			t.Errorf("%v: %v", h, err)
		}
	}
}

// The key of a request is ASCII, and as long and of the form that the service takes.
func TestFault_H8_FormsOfTheKey(t *testing.T) {
	uuid := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	long := strings.Repeat("bestellung/", 30)
	for _, c := range []struct {
		key  string
		form Idempotency
		want string
	}{
		{"Straße 1/p/call.b", Idempotency{}, "Stra%C3%9Fe 1/p/call.b"},
		{"W-1/p/call.billing.charge", Idempotency{Form: "plain"}, "W-1/p/call.billing.charge"},
		{long, Idempotency{}, "=64"},
		{"W-1/p", Idempotency{Form: "hash", Length: 40}, "=40"},
		{"W-1/p/call.billing.charge", Idempotency{Length: 16}, "=16"},
		{"Straße", Idempotency{Form: "uuid"}, "uuid"},
	} {
		got := c.form.text(c.key)
		again := c.form.text(c.key)
		other := c.form.text(c.key + "2")
		switch {
		case got != again || got == other:
			t.Errorf("%+v: %q and %q; of another key %q", c.form, got, again, other)
		case c.want == "uuid" && !uuid.MatchString(got), c.want[0] == '=' && len(got) != map[string]int{"=64": 64, "=40": 40, "=16": 16}[c.want], c.want != "uuid" && c.want[0] != '=' && got != c.want:
			t.Errorf("%+v of %q: %q, want %s", c.form, c.key, got, c.want)
		}
	}
	for name, c := range map[string]struct {
		form Idempotency
		want map[string]string
		body string
	}{
		"its own name":  {Idempotency{Header: "PayPal-Request-Id"}, map[string]string{"Paypal-Request-Id": "k1", "Idempotency-Key": ""}, `{"n":1}`},
		"in the body":   {Idempotency{Header: "none", Field: "idempotency_key"}, map[string]string{"Idempotency-Key": ""}, `{"n":1,"idempotency_key":"k1"}`},
		"in a deep one": {Idempotency{Field: "meta.key"}, map[string]string{"Idempotency-Key": "k1"}, `{"n":1,"meta":{"key":"k1"}}`},
	} {
		body, got := "", map[string]string{}
		_, err := ask(t, func(_ http.ResponseWriter, r *http.Request) {
			b, _ := io.ReadAll(r.Body)
			body = string(b)
			for header := range c.want {
				got[header] = r.Header.Get(header)
			}
		}, "x", message(`{"n":1}`).WithHeader(hub.HeaderIdempotency, "k1"), func(cfg *Config) { cfg.Ops = map[string]Op{"x": {HTTP: "POST /x", Idempotency: c.form}} })
		if err != nil || !maps.Equal(got, c.want) || body != c.body {
			t.Errorf("%s: %v %s %v", name, got, body, err)
		}
	}
}

// An answer that is no JSON comes as its bytes, with its content type.
func TestFault_H3_BinaryAnswers(t *testing.T) {
	for _, c := range []struct{ media, body string }{
		{"application/pdf", "%PDF-1.7\n\xff\xfe\x00"}, {"image/png", "\x89PNG\r\n\x1a\n\x00"}, {"text/csv; charset=iso-8859-1", "stra\xdfe;1\n"}, {"application/octet-stream", "{\"a\":1}\xff"},
	} {
		reply, err := ask(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", c.media)
			io.WriteString(w, c.body)
		}, "GET /label", message(`{}`), nil)
		if err != nil || reply.Body.IsDocument() || string(reply.Body.Bytes()) != c.body || reply.Headers.Get("content-type") != c.media {
			t.Errorf("%s: %+v %v", c.media, reply, err)
		}
	}
}

func TestFault_H4_RetryAfter(t *testing.T) {
	now := time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Duration{
		"2.0": 2 * time.Second, "0.25": 250 * time.Millisecond, " 7 ": 7 * time.Second, "120": 2 * time.Minute, "1e2": 100 * time.Second, "0": 0, "-5": 0, "999999999": 24 * time.Hour,
		"Mon, 02 Mar 2026 10:00:30 GMT": 30 * time.Second, "Monday, 02-Mar-26 10:00:30 GMT": 30 * time.Second, "Mon Mar  2 10:00:30 2026": 30 * time.Second, "2026-03-02T11:00:30+01:00": 30 * time.Second,
		"Mon, 02 Mar 2026 09:00:00 GMT": 0, "soon": 0, "": 0, "NaN": 0, "Inf": 24 * time.Hour,
	} {
		if got := retryAfter(http.Header{"Retry-After": {text}}, now); got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
	if got := retryAfter(http.Header{"Retry-After-Ms": {"1500"}, "Retry-After": {"2"}}, now); got != 1500*time.Millisecond {
		t.Errorf("milliseconds: %s", got)
	}
}

// Status and headers of an answer are in the reply; those of the connection, cookies and what looks like the hub's own are not.
func TestFault_H5_HeadersOfAnAnswer(t *testing.T) {
	reply, err := ask(t, func(w http.ResponseWriter, _ *http.Request) {
		h := w.Header()
		h.Set("Location", "/orders/7")
		h["Link"] = []string{`</a>; rel="next"`, `</z>; rel="last"`}
		h.Set("X-Request-Id", "r1")
		h.Set("Hub-Format", "xml")
		h.Set("Status", "999")
		h.Set("Set-Cookie", "a=b")
		w.WriteHeader(201)
	}, "POST /orders", message(`{}`), nil)
	if err != nil {
		t.Fatal(err)
	}
	for header, want := range map[string]string{"status": "201", "location": "/orders/7", "link": `</a>; rel="next", </z>; rel="last"`, "x-request-id": "r1", "hub-format": "", "set-cookie": "", "cookie": "a=b", "content-length": ""} {
		if got := reply.Headers.Get(header); got != want {
			t.Errorf("%s is %q, want %q", header, got, want)
		}
	}
	if v, _ := reply.Body.Doc(); v.String() != "null" {
		t.Errorf("an empty answer is %s", v)
	}
}
