package httpserver

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"orderhub/hub"
	"orderhub/hub/signature"
)

// Keys that somebody may guess: a server with one does not start, and what is signed with one is not taken.
func TestFault_S1_ForgedLinksAndSignatures(t *testing.T) {
	guessed := []string{"", " ", "a", "secret", "changeme", "real", "123456789012345", strings.Repeat(" ", 32), strings.Repeat("0", 64), "an old key that was taken out"}
	for _, g := range guessed[:len(guessed)-2] {
		for _, keys := range [][]hub.Secret{{hub.Secret(g)}, {"the real key of this hub", hub.Secret(g)}} {
			cfg := defaultConfig()
			cfg.LinkKey = keys
			if faults := cfg.check(&hub.Env{}); len(faults) != 1 || faults[0].Path != "link_key" {
				t.Errorf("link_key %q: %v", g, faults)
			}
			if _, err := definition().New(cfg, &hub.Env{Name: "web"}); err == nil {
				t.Errorf("a server with link_key %q", g)
			}
			for _, v := range []*Verify{{Options: signature.Options{HMAC: keys}}, {Options: signature.Options{HMAC: keys, Form: signature.Form{MaxAge: time.Minute}}}} {
				if _, faults := routeOf("POST /hook", &SourceConfig{Verify: v}, &Server{}); len(faults) != 1 || faults[0].Path != "verify" {
					t.Errorf("hmac %q: %v", g, faults)
				}
			}
		}
		short := &Verify{Options: signature.Options{Scheme: "standard-webhooks", HMAC: []hub.Secret{hub.Secret("whsec_" + base64.StdEncoding.EncodeToString([]byte(g)))}}}
		if _, faults := routeOf("POST /hook", &SourceConfig{Verify: short}, &Server{}); len(faults) != 1 {
			t.Errorf("whsec_ of %q: %v", g, faults)
		}
	}
	now := time.Now()
	stamp, until, body := strconv.FormatInt(now.Unix(), 10), strconv.FormatInt(now.Add(time.Hour).Unix(), 10), `{"n":1}`
	key := hub.Secret("the real key of this hub")
	routes := map[string]func(guess string) (verify *Verify, headers, path string){
		"link": func(g string) (*Verify, string, string) {
			return &Verify{Token: tokenLink}, "", "/orders?token=" + until + "." + linkDigest([]byte(g), "/orders", until)
		},
		"hex": func(g string) (*Verify, string, string) {
			return &Verify{Options: signature.Options{HMAC: []hub.Secret{key}}}, "X-Signature: " + hex.EncodeToString(digestOf(g, body)) + "\r\n", "/orders"
		},
		"timestamped": func(g string) (*Verify, string, string) {
			return &Verify{Options: signature.Options{HMAC: []hub.Secret{key}, Form: signature.Form{MaxAge: time.Minute}}}, "X-Signature: t=" + stamp + ",v1=" + hex.EncodeToString(digestOf(g, stamp, ".", body)) + "\r\n", "/orders"
		},
		"standard": func(g string) (*Verify, string, string) {
			return &Verify{Options: signature.Options{Scheme: "standard-webhooks", HMAC: []hub.Secret{hub.Secret(base64.StdEncoding.EncodeToString([]byte(key)))}}},
				"Webhook-Id: m1\r\nWebhook-Timestamp: " + stamp + "\r\nWebhook-Signature: v1," + base64.StdEncoding.EncodeToString(digestOf(g, "m1", ".", stamp, ".", body)) + "\r\n", "/orders"
		},
		"bearer": func(g string) (*Verify, string, string) {
			return &Verify{Token: key}, "Authorization: Bearer " + g + "\r\n", "/orders"
		},
	}
	tried := 0
	for name, forge := range routes {
		verify, _, _ := forge("")
		k := newTaken()
		addr := serveRoute(t, "POST /orders", &SourceConfig{Verify: verify}, k, func(c *Config) { c.LinkKey = []hub.Secret{key} })
		for _, g := range guessed {
			_, headers, path := forge(g)
			raw := strings.Replace(post(headers, body), "/orders", path, 1)
			if status, _, _ := exchange(t, addr, raw); status != http.StatusUnauthorized {
				t.Errorf("%s with %q: %d", name, g, status)
			}
			tried++
		}
		_, headers, path := forge(key.Reveal())
		if status, _, _ := exchange(t, addr, strings.Replace(post(headers, body), "/orders", path, 1)); status != http.StatusAccepted || len(k.messages) != 1 {
			t.Errorf("%s with the real key: %d, %d taken", name, status, len(k.messages))
		}
	}
	if tried < 50 {
		t.Errorf("only %d were tried", tried)
	}
}

func TestFault_S3_HeadersOfOutsiders(t *testing.T) {
	const sent = "X-Api-Key: k1\r\nX-Auth-Token: t1\r\nAuthorization: Bearer b1\r\nCookie: c=1\r\nX-Shop: berlin\r\nX-Tenant: eu\r\nX-Request-Id: r1\r\n" +
		"X-Forwarded-For: 10.0.0.1\r\nVerified-Id: v1\r\nReply-To: q\r\nStatus: 500\r\nRouting-Key: r\r\n"
	got := func(cfg *SourceConfig, formulas ...string) string {
		k := newTaken()
		s := newServer(t, "127.0.0.1:0")
		src, err := s.OpenSource("POST /orders", cfg)
		if err != nil {
			t.Fatal(err)
		}
		hub.Describe(src, hub.Description{Headers: formulas})
		addr := run(t, s, src, k)
		if status, code, _ := exchange(t, addr, post(sent, `{}`)); status != 202 {
			t.Fatal(status, code)
		}
		return fmt.Sprint((<-k.messages).Headers)
	}
	for _, c := range []struct {
		cfg      SourceConfig
		formulas []string
		want     string
	}{
		{SourceConfig{}, nil, "map[content-type:application/json x-request-id:r1]"},
		{SourceConfig{Headers: []string{"X-Shop"}}, nil, "map[content-type:application/json x-request-id:r1 x-shop:berlin]"},
		{SourceConfig{}, []string{"x-tenant", "authorization", "cookie", "verified-id", "status", "reply-to"}, "map[content-type:application/json x-request-id:r1 x-tenant:eu]"},
		{SourceConfig{Headers: []string{"x-api-key"}}, nil, "map[content-type:application/json x-api-key:k1 x-request-id:r1]"},
	} {
		if text := got(&c.cfg, c.formulas...); text != c.want {
			t.Errorf("%v %v: %s", c.cfg.Headers, c.formulas, text)
		}
	}
	for _, name := range []string{"authorization", "Cookie", "proxy-authorization", "reply-to", "status", "routing-key", "param.id", "verified-id", "a b", "hub-x"} {
		if _, faults := routeOf("POST /x", &SourceConfig{Headers: []string{name}}, &Server{}); len(faults) != 1 || faults[0].Path != "headers" {
			t.Errorf("%s: %v", name, faults)
		}
	}
}

func TestFault_S6_OpenDoor(t *testing.T) {
	proven := &Verify{Token: "a token of the partner"}
	for _, c := range []struct {
		listen, route string
		src           SourceConfig
		doubt         bool
	}{
		{"", "POST /orders", SourceConfig{}, true},
		{"0.0.0.0:8080", "POST /orders", SourceConfig{}, true},
		{"[::]:8080", "PUT /orders/{id}", SourceConfig{}, true},
		{":8080", "DELETE /orders/{id}", SourceConfig{}, true},
		{"10.0.0.7:80", "PATCH /orders/{id}", SourceConfig{}, true},
		{":8080", "GET /orders/{id}", SourceConfig{}, false},
		{":8080", "POST /orders", SourceConfig{Public: true}, false},
		{":8080", "POST /orders", SourceConfig{Verify: proven}, false},
		{"127.0.0.1:8080", "POST /orders", SourceConfig{}, false},
		{"localhost:8080", "POST /orders", SourceConfig{}, false},
		{"[::1]:8080", "POST /orders", SourceConfig{}, false},
	} {
		if got := doubt(&Config{Listen: c.listen}, c.route, &c.src); len(got) > 0 != c.doubt {
			t.Errorf("%s on %q: %v", c.route, c.listen, got)
		}
	}
}

// A request that is proven has a name that nobody can change: the same for all that replay it.
func TestFault_S7_VerifiedIdNamesTheRequest(t *testing.T) {
	const key, body = "the key of the sender", `{"n":1}`
	now := time.Now()
	at := func(d time.Duration) string { return strconv.FormatInt(now.Add(d).Unix(), 10) }
	sum := func(parts ...string) string { return hex.EncodeToString(digestOf(key, parts...)) }
	std := func(id, ts, body string) string {
		return "Webhook-Id: " + id + "\r\nWebhook-Timestamp: " + ts + "\r\nWebhook-Signature: v1," + base64.StdEncoding.EncodeToString(digestOf(key, id, ".", ts, ".", body)) + "\r\n"
	}
	t0, t1 := at(0), at(time.Second)
	for name, c := range map[string]struct {
		verify      *Verify
		first       string
		same, other []string
	}{
		"standard": {&Verify{Options: signature.Options{Scheme: "standard-webhooks", HMAC: []hub.Secret{hub.Secret(base64.StdEncoding.EncodeToString([]byte(key)))}}},
			std("m1", t0, body), []string{std("m1", t0, body) + "Idempotency-Key: mine\r\n", std("m1", t1, body)}, []string{std("m2", t0, body)}},
		"timestamped": {&Verify{Options: signature.Options{HMAC: []hub.Secret{key}, Form: signature.Form{MaxAge: time.Minute}}}, "X-Signature: t=" + t0 + ",v1=" + sum(t0, ".", body) + "\r\n",
			[]string{"X-Signature: v1=00, v1=" + strings.ToUpper(sum(t0, ".", body)) + ", t=" + t0 + "\r\nIdempotency-Key: mine\r\n"}, []string{"X-Signature: t=" + t1 + ",v1=" + sum(t1, ".", body) + "\r\n"}},
		"hex with a time": {&Verify{Options: signature.Options{HMAC: []hub.Secret{key}, TimestampHeader: "X-Time"}}, "X-Time: " + t0 + "\r\nX-Signature: " + sum(t0, ".", body) + "\r\n",
			[]string{"X-Time: " + t0 + "\r\nX-Signature: sha256=" + sum(t0, ".", body) + "\r\n"}, []string{"X-Time: " + t1 + "\r\nX-Signature: " + sum(t1, ".", body) + "\r\n"}},
	} {
		k := newTaken()
		addr := serveRoute(t, "POST /orders", &SourceConfig{Verify: c.verify}, k, nil)
		id := func(headers string) string {
			if status, code, _ := exchange(t, addr, post(headers, body)); status != 202 {
				t.Fatalf("%s: %d %s", name, status, code)
			}
			return (<-k.messages).Headers.Get(hub.HeaderVerified)
		}
		first := id(c.first)
		if first == "" {
			t.Errorf("%s: no id", name)
		}
		for _, again := range c.same {
			if got := id(again); got != first {
				t.Errorf("%s: %q, then %q", name, first, got)
			}
		}
		for _, other := range c.other {
			if got := id(other); got == first || got == "" {
				t.Errorf("%s: another request has the id %q", name, got)
			}
		}
	}
}

// However the end of a request can be read in two ways, what stands behind it is never taken for another request.
func TestFault_S8_NoSecondRequest(t *testing.T) {
	const head, hidden = "POST /orders HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n", "POST /orders HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
	const chunks = "2\r\n{}\r\n0\r\n\r\n"
	for name, c := range map[string]struct {
		raw   string
		taken int
	}{
		"length and chunks":          {head + "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks + hidden, 1},
		"chunks and length":          {head + "Transfer-Encoding: chunked\r\nContent-Length: 200\r\n\r\n" + chunks + hidden, 1},
		"chunks alone":               {head + "Transfer-Encoding: chunked\r\n\r\n" + chunks + hidden, 1},
		"two lengths":                {head + "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}" + hidden, 0},
		"a list of lengths":          {head + "Content-Length: 2, 3\r\n\r\n{}" + hidden, 0},
		"a folded length":            {head + "Content-Length: 2\r\n 3\r\n\r\n{}" + hidden, 0},
		"a signed length":            {head + "Content-Length: +2\r\n\r\n{}" + hidden, 0},
		"chunked, identity":          {head + "Transfer-Encoding: chunked, identity\r\n\r\n" + chunks + hidden, 0},
		"identity":                   {head + "Transfer-Encoding: identity\r\nContent-Length: 2\r\n\r\n{}" + hidden, 0},
		"chunked twice":              {head + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks + hidden, 0},
		"folded chunked":             {head + "Transfer-Encoding:\r\n chunked\r\nContent-Length: 2\r\n\r\n" + chunks + hidden, 1},
		"a space before the colon":   {head + "Transfer-Encoding : chunked\r\nContent-Length: 2\r\n\r\n{}" + hidden, 0},
		"another spelling":           {head + "Transfer-Encoding: xchunked\r\nContent-Length: 2\r\n\r\n{}" + hidden, 0},
		"chunks of HTTP/1.0":         {strings.Replace(head, "1.1", "1.0", 1) + "Connection: keep-alive\r\nTransfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n{}" + hidden, 1},
		"a chunk's size with a sign": {head + "Transfer-Encoding: chunked\r\n\r\n+2\r\n{}\r\n0\r\n\r\n" + hidden, 0},
	} {
		t.Run(name, func(t *testing.T) {
			k := newTaken()
			addr := serveRoute(t, "POST /orders", &SourceConfig{}, k, nil)
			conn, err := net.Dial("tcp", addr)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			conn.SetDeadline(time.Now().Add(10 * time.Second))
			go io.WriteString(conn, c.raw)
			answers, in := 0, bufio.NewReader(conn)
			for {
				resp, err := http.ReadResponse(in, nil)
				if err != nil {
					break // the connection is closed
				}
				io.Copy(io.Discard, resp.Body)
				answers++
				if c.taken == 0 && resp.StatusCode < 400 {
					t.Errorf("answered %d", resp.StatusCode)
				}
			}
			if answers != 1 || len(k.messages) != c.taken {
				t.Errorf("%d answers, %d taken, want 1 and %d", answers, len(k.messages), c.taken)
			}
		})
	}
}

func TestFault_S9_ControlCharactersInAnswers(t *testing.T) {
	reply := asks(func(context.Context, *hub.Message) (*hub.Message, error) {
		return &hub.Message{Headers: hub.Headers{"status": "201", "location": "/orders/W\x1b[2J", "etag": "a\r\nSet-Cookie: x=1", "link": "</a\x00>", "content-disposition": "a\x7fb",
			"content-type": "text/plain\r\nX-Evil: 1", "vary": "accept", "x-fine": "a\tb"}, Body: hub.NewBody([]byte(`{}`))}, nil
	})
	addr := serveRoute(t, "POST /orders", &SourceConfig{}, reply, nil)
	status, _, got := exchange(t, addr, post("", `{}`))
	if status != 201 || got.Get("Vary") != "accept" || got.Get("X-Fine") == "" || got.Get("Content-Type") != typeJSON {
		t.Errorf("%d %v", status, got)
	}
	for _, name := range []string{"Location", "Etag", "Link", "Content-Disposition", "Set-Cookie", "X-Evil"} {
		if got.Get(name) != "" {
			t.Errorf("%s: %q", name, got.Get(name))
		}
	}
}

func TestFault_S9_SchemeAndKeys(t *testing.T) {
	const token = "a token of the partner"
	for headers, want := range map[string]int{
		"Authorization: bearer " + token + "\r\n":                                             202,
		"Authorization: BEARER  " + token + "\r\n":                                            202,
		"Authorization: Basic " + token + "\r\n":                                              401,
		"Authorization: Bearer\r\n":                                                           401,
		"Authorization: Bearer" + token + "\r\n":                                              401,
		"Authorization: Bearer other\r\nAuthorization: Bearer " + token + "\r\n":              401,
		"Authorization: Bearer " + token + "\r\nIdempotency-Key: \r\n":                        400,
		"Authorization: Bearer " + token + "\r\nIdempotency-Key:   \r\n":                      400,
		"Authorization: Bearer " + token + "\r\nIdempotency-Key: a\r\nIdempotency-Key: b\r\n": 400,
		"Authorization: Bearer " + token + "\r\nIdempotency-Key: a\r\n":                       202,
	} {
		k := newTaken()
		addr := serveRoute(t, "POST /orders", &SourceConfig{Verify: &Verify{Token: token}}, k, nil)
		if status, _, _ := exchange(t, addr, post(headers, `{}`)); status != want || len(k.messages) != map[bool]int{true: 1}[want == 202] {
			t.Errorf("%q: %d, want %d", headers, status, want)
		}
	}
}
