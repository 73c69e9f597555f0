package system

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"orderhub/stub"
)

// TestBadInput: each bad request is told what is wrong with it, and leaves nothing behind.
func TestBadInput(t *testing.T) {
	t.Parallel()
	s := running(t)
	good := order("B-1", `"total":5.00`)
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	z.Write(bytes.Repeat([]byte(" "), 20<<20))
	z.Close()
	for _, c := range []struct {
		name, method, path, body string
		headers                  []string
		status                   int
		code, detail             string
		pointers                 []string
	}{
		{name: "cut off", body: "{\n  \"orderNumber\": \"B-1\",\n  \"user\": {", status: 400, code: "bad_json", detail: "line 3"},
		{name: "no value", body: "{\n  \"orderNumber\": ,}", status: 400, code: "bad_json", detail: "line 2 column 18"},
		{name: "two documents", body: good + good, status: 400, code: "bad_json", detail: "line 1 column " + strconv.Itoa(len(good)+1)},
		{name: "not a number", body: `{"total": NaN}`, status: 400, code: "bad_json", detail: "line 1 column 11"},
		{name: "byte order mark", body: "\ufeff" + good, status: 400, code: "bad_json", detail: "line 1"},
		{name: "duplicate key", body: strings.Replace(good, `"total":5.00`, `"total":5.00,"total":50.00`, 1), status: 400, code: "duplicate_key", detail: `"total"`},
		{name: "bad UTF-8", body: strings.Replace(good, "Ada", "Ad\xff", 1), status: 400, code: "bad_utf8", detail: "offset"},
		{name: "lone surrogate", body: strings.Replace(good, "Ada", `\ud800`, 1), status: 400, code: "bad_json"},
		{name: "too deep", body: strings.Repeat("[", 100) + strings.Repeat("]", 100), status: 400, code: "json_too_deep"},
		{name: "too complex", body: "[" + strings.Repeat("[],", 150_000) + "[]]", status: 413, code: "json_too_complex"},
		{name: "too large", body: `{"note":"` + strings.Repeat("x", 1<<20) + `"}`, status: 413, code: "body_too_large", detail: "1048576 bytes"},
		{name: "gzip bomb", body: packed.String(), headers: []string{"Content-Encoding", "gzip"}, status: 413, code: "decompressed_too_large"},
		{name: "unknown encoding", body: good, headers: []string{"Content-Encoding", "rot13"}, status: 415, code: "unsupported_encoding"},
		{name: "empty", headers: []string{"Content-Type", "application/json"}, status: 400, code: "empty_body"},
		{name: "XML", body: "<order/>", headers: []string{"Content-Type", "text/xml"}, status: 415, code: "unsupported_media_type", detail: "application/json"},
		{name: "no type", body: good, headers: []string{"Content-Type", ""}, status: 415, code: "unsupported_media_type", detail: "application/json"},
		{name: "schema: several faults", body: `{"orderNumber":"","user":{"id":"C-1"},"lines":[{"sku":"A","qty":0,"price":-1},{"sku":"B","qty":1.5}],"total":"5"}`, status: 422, code: "schema",
			pointers: []string{"/lines/0/price", "/lines/0/qty", "/lines/1/price", "/lines/1/qty", "/orderNumber", "/total", "/user/email"}},
		{name: "schema: a list", body: `[]`, status: 422, code: "schema", pointers: []string{""}},
		{name: "schema: many faults", body: order("B-1", `"lines":[`+strings.Repeat(`{},`, 50)+`{}]`), status: 422, code: "schema"},
		{name: "unknown route", path: "/order", body: good, status: 404, code: "no_route"},
		{name: "way out", path: "/orders/%2e%2e/%2e%2e/etc/passwd", method: "GET", status: 404, code: "no_route"},
		{name: "wrong method", method: "DELETE", status: 405, code: "method_not_allowed"},
		{name: "sales schema", path: "/sales/orders", body: `{"reference":"S-1","account":{"number":"A","contact":{"email":"a@b"}},"positions":[{"article":"A","pieces":1,"unit_price":1,"discount_percent":101}]}`,
			status: 422, code: "schema", pointers: []string{"/positions/0/discount_percent"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.method == "" {
				c.method = "POST"
			}
			if c.path == "" {
				c.path = "/orders"
			}
			a := s.do(c.method, c.path, c.body, c.headers...)
			if a.status != c.status {
				t.Fatalf("answer %.300s, want %d %s", a, c.status, c.code)
			}
			p := a.problem(t)
			same(t, "code", p.Code, c.code)
			same(t, "status in the body", p.Status, c.status)
			has(t, p.Detail, c.detail)
			if p.Trace != a.header.Get("Hub-Trace") && p.Trace == "" {
				t.Error("the problem has no trace_id")
			}
			if c.status == http.StatusMethodNotAllowed {
				has(t, a.header.Get("Allow"), "POST")
			}
			var pointers []string
			for _, e := range p.Errors {
				pointers = append(pointers, e.Pointer)
			}
			slices.Sort(pointers)
			if pointers = slices.Compact(pointers); c.pointers != nil && !slices.Equal(pointers, c.pointers) {
				t.Errorf("pointers %q, want %q", pointers, c.pointers)
			}
			if len(p.Errors) > 20 {
				t.Errorf("%d faults are listed", len(p.Errors))
			}
			if c.code == "schema" && len(p.Errors) == 0 {
				t.Errorf("no faults are listed: %s", a)
			}
			if out, err := s.hub("trace", p.Trace); err != nil || !strings.Contains(out, "reason   "+c.code) {
				t.Errorf("hub trace %s: %v\n%s", p.Trace, err, out)
			}
			for _, secret := range []string{"goroutine", ".go:", hookSecret, s.dir} {
				if strings.Contains(a.body, secret) {
					t.Errorf("the answer tells %q: %s", secret, a)
				}
			}
		})
	}
	for _, q := range s.status().Queues {
		t.Errorf("queue %+v", q)
	}
	same(t, "effects", len(s.world.Ledger().Effects("", "")), 0)
	s.post("/orders", good) // and the next good one goes through
	s.reach("B-1", "done")
}

// TestWebhookSignature: only what the carrier signed, and lately, is believed; what it says twice happens once.
func TestWebhookSignature(t *testing.T) {
	t.Parallel()
	s := running(t)
	s.world.SetWebhook("", "") // the test is the carrier
	s.post("/orders", order("H-1", `"total":5.00`))
	s.booked("H-1")
	hook := func(seq int, status string) string {
		return fmt.Sprintf(`{"reference":"H-1","shipment":"shp_1","seq":%d,"status":%q}`, seq, status)
	}
	now := func(off time.Duration) string { return strconv.FormatInt(time.Now().Add(off).Unix(), 10) }
	send := func(body, stamp, sig string) answer {
		return s.do("POST", "/hooks/shipping", body, "X-Timestamp", stamp, "X-Sig", sig)
	}
	body := hook(1, "picked_up")
	missing := send(body, now(0), "")
	wrong := send(body, now(0), stub.Sign("other-secret", now(0), []byte(body)))
	same(t, "code without a signature", missing.problem(t).Code, "unauthorized")
	same(t, "code with a wrong signature", wrong.problem(t).Code, "unauthorized")
	for name, a := range map[string]answer{
		"missing":            missing,
		"wrong":              wrong,
		"of another body":    send(hook(2, "delivered"), now(0), stub.Sign(hookSecret, now(0), []byte(body))),
		"of another time":    send(body, now(0), stub.Sign(hookSecret, now(-time.Minute), []byte(body))),
		"no hex":             send(body, now(0), "sha256=zz"),
		"no time":            send(body, "", stub.Sign(hookSecret, "", []byte(body))),
		"stale":              send(body, now(-6*time.Minute), stub.Sign(hookSecret, now(-6*time.Minute), []byte(body))),
		"of the future":      send(body, now(6*time.Minute), stub.Sign(hookSecret, now(6*time.Minute), []byte(body))),
		"a time of 30 digit": send(body, strings.Repeat("9", 30), stub.Sign(hookSecret, strings.Repeat("9", 30), []byte(body))),
		"a negative time":    send(body, "-5", stub.Sign(hookSecret, "-5", []byte(body))),
		"a very long one":    send(body, now(0), strings.Repeat("a", 5000)),
	} {
		if a.status != http.StatusUnauthorized {
			t.Errorf("%s: %s", name, a)
		}
	}
	stale := send(body, now(-6*time.Minute), stub.Sign(hookSecret, now(-6*time.Minute), []byte(body)))
	same(t, "code of a stale one", stale.problem(t).Code, "unauthorized")
	same(t, "state", s.view("H-1").State, "fulfilling")

	signed := func(body string) answer { return send(body, now(0), stub.Sign(hookSecret, now(0), []byte(body))) }
	for range 3 {
		same(t, "a good one", signed(body), "204 ")
	}
	s.reach("H-1", "shipped")
	same(t, "a bad body", signed(`{"reference":"H-1"}`).status, http.StatusUnprocessableEntity)
	same(t, "another status", signed(hook(2, "lost_and_found")), "204 ") // nothing follows
	for range 2 {
		same(t, "delivered", signed(hook(3, "delivered")), "204 ")
	}
	s.reach("H-1", "done")
	same(t, "a late repeat", signed(body), "204 ")
	st := s.quiet()
	same(t, "shipped", st.Counters["order_events"]["web|shipped"], 1)
	same(t, "delivered", st.Counters["order_events"]["web|done"], 1)
	same(t, "mails", s.mails("h-1@example.com"), []string{"Your order H-1: paid", "Your order H-1: shipped"})
	same(t, "state", s.view("H-1").State, "done")
}
