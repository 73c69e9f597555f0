package system

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode"

	_ "modernc.org/sqlite"
)

// canaries are values that must be read nowhere but in the bodies of messages: the
// secrets of the configuration, and what its schema marks in an order. Each is long enough
// that no time, figure or ID is taken for it.
var canaries = map[string]string{
	"bearer token": "cn01-bearer/token+7f", "Basic password": "cn02-basic-password", "header with a key": "cn03-header-key", "secret of the environment": "cn04-env-secret",
	"mail password": "cn05-mail&password", "broker password": "cn06-broker-password", "database password": "cn07-database-password", "SASL password": "cn08-sasl-password",
	"STOMP password": "cn09-stomp-password", "signing key": "cn10-signing-key", "token of a route": "cn11-route-token", "key of links": "cn12-link-key-of-hub",
	"card": "cn13-card-4111", "code of the card": "991350784613", "name": "Cn15 Lovelace-Byron", "email": "cn16@example.org", "phone": "+44 20 7946 0017",
	"street": "Cn18 Low Road", "IBAN": "GB82CN1912345698765432", "date of birth": "1815-12-20",
}

const canarySchema = `{"type": "object", "required": ["id", "customer", "pay"], "properties": {
  "id": {"type": "string"}, "fate": {"type": "string"},
  "customer": {"type": "object", "x-pii": true, "properties": {"name": {"type": "string"}, "email": {"type": "string", "pattern": "@"}, "phone": {"type": "string"},
    "address": {"type": "object", "properties": {"street": {"type": "string"}}}, "born": {"type": "string"}}},
  "pay": {"type": "object", "properties": {"card": {"x-secret": true, "type": "string"}, "code": {"x-secret": true, "type": "integer"}, "iban": {"x-pii": true, "type": "string"}}}}}`

const canaryConfig = `
hub: {name: shop, index: [customer.email], keep_bodies: 1h, console: {address: "127.0.0.1:0", users: {tokens: true}}}
schemas: {order: order.json}
adapters:
  web: {type: http-server, listen: "127.0.0.1:0", link_key: "secret:links"}
  billing:
    type: http-client
    url: ${PARTNER}
    bearer: secret:billing
    headers: {x-api-key: "${PARTNER_KEY}", x-other: "secret:other"}
    timeout: 2s
    ops: {charge: POST /charge}
  courier: {type: http-client, url: "${PARTNER}", basic: {user: shop, password: "secret:courier"}, ops: {book: POST /book}}
  mail: {type: smtp, url: "${MAIL}", from: shop@example.com, templates: .}
  rabbit: {type: amqp, url: "${RABBIT}"}
  db: {type: sql, url: "${DB}", ops: {ask: {query: "select 1 from t where a = :a"}}}
  kafka: {type: kafka, brokers: ["127.0.0.1:1"], sasl: {mechanism: plain, user: shop, password: "secret:kafka"}}
  stomp: {type: stomp, url: "${STOMP}"}
channels:
  orders: {type: direct}
  lost: {type: direct}
  kept: {type: direct, schema: order, key: body.id}
pipelines:
  intake:
    from: {web: POST /orders, schema: order}
    steps:
      - route:
          - when: body.fate == "sync"
            call: billing.charge
            as: charge
          - when: body.fate == "formula"
            set: {num: "=number(body.customer.name)"}
          - when: body.fate == "courier"
            call: courier.book
            as: booked
          - {else: true, send: orders}
  hooks:
    from: {web: POST /hooks, verify: {hmac: "secret:hook", header: X-Sig}}
    steps: [{send: lost}]
  staff:
    from: {web: POST /staff, verify: {token: "secret:staff"}}
    steps: [{send: lost}]
  begin:
    from: orders
    steps:
      - table: {put: people, key: body.id}
      - send: kept
      - route:
          - {when: 'body.fate == "dead"', call: billing.charge, as: x}
          - {when: 'body.fate == "shadow"', call: courier.book, as: x}
          - {when: 'body.fate == "mail"', send: {mail: welcome, to: "=body.customer.email", data: =body}}
          - {when: 'body.fate == "rabbit"', send: {rabbit: queue out}}
          - {when: 'body.fate == "db"', call: db.ask, with: {a: "=body.customer.email"}, as: x}
          - {when: 'body.fate == "kafka"', send: {kafka: topic out}}
          - {when: 'body.fate == "stomp"', send: {stomp: /queue/out}}
          - {else: true, start: order}
processes:
  order:
    id: order.id
    data: order
    states:
      new:
        next:
          - {when: 'order.customer.email == "cn16@example.org" and order.fate == "task"', goto: review}
          - {goto: billing}
      review:
        task: {group: desk, ask: {ok: bool}, show: =order, due: 1d}
        next: [{goto: done}]
      billing:
        steps: [{call: billing.charge, with: =order, as: charge, retry: never}]
        next: [{goto: done}]
      done: {final: true}
`

// cageOf is a hub among partners that give back all that they are sent.
type cage struct {
	t        *testing.T
	dir, web string
	console  string
	viewer   string // the token of one
	env      []string
	log      bytes.Buffer
	mu       sync.Mutex
	traces   []string
	stop     func()
	said     map[string]string // what was printed, answered and kept, by where
}

func (c *cage) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.log.Write(p)
}

// logged is what the hub has printed so far.
func (c *cage) logged() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.log.String()
}

func (c *cage) keep(where, text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.said[where] += text + "\n"
}

// verb runs a verb and keeps what it prints.
func (c *cage) verb(args ...string) string {
	c.t.Helper()
	cmd := exec.CommandContext(c.t.Context(), build(c.t, ""), args...)
	cmd.Dir, cmd.Env = c.dir, c.env
	out, _ := cmd.CombinedOutput() // some of them fail, as they should
	c.keep("hub "+strings.Join(args, " "), string(out))
	return string(out)
}

// post sends a request as an outsider, and keeps the answer.
func (c *cage) post(path, body string, headers ...string) {
	c.t.Helper()
	req, _ := http.NewRequestWithContext(c.t.Context(), "POST", c.web+path, strings.NewReader(body))
	req.Header.Set("Content-Type", "application/json")
	for pair := range slices.Chunk(headers, 2) {
		req.Header.Set(pair[0], pair[1])
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		c.t.Fatal(err)
	}
	defer res.Body.Close()
	b, _ := io.ReadAll(res.Body)
	c.traces = append(c.traces, res.Header.Get("Hub-Trace"))
	c.keep("answer to POST "+path+" "+body, fmt.Sprint(res.StatusCode, res.Header, string(b)))
}

// await waits until ok, and tells what the hub says when that never is.
func (c *cage) await(what string, ok func() bool) {
	c.t.Helper()
	for deadline := time.Now().Add(soon); !ok(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			c.t.Fatalf("not in %v: %s\n%s%s%s%s", soon, what, c.verb("status"), c.verb("dlq"), c.verb("process", "list"), c.verb("task", "list"))
		}
	}
}

// parrot answers 400 with all that it was sent, in several forms.
func parrot(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	w.WriteHeader(http.StatusBadRequest)
	if r.URL.Path == "/book" {
		fmt.Fprintf(w, "%s for %q", r.Header.Get("Authorization"), body)
		return
	}
	fmt.Fprintf(w, "%s %s %s of %s", r.Header.Get("X-Api-Key"), r.Header.Get("X-Other"), r.Header.Get("Authorization"), body)
}

// rude is a server of any protocol that gives back what it is sent, behind a refusal.
func rude(t *testing.T) string {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				fmt.Fprint(conn, "220 mail\r\n")
				for buf := make([]byte, 4096); ; {
					n, err := conn.Read(buf)
					if err != nil {
						return
					}
					if bytes.HasPrefix(buf, []byte("EHLO")) {
						fmt.Fprint(conn, "250-mail\r\n250 AUTH PLAIN LOGIN\r\n")
					} else {
						fmt.Fprintf(conn, "535 no: %q\r\n", buf[:n])
					}
				}
			}()
		}
	}()
	return ln.Addr().String()
}

func newCage(t *testing.T) *cage {
	c := &cage{t: t, dir: t.TempDir(), said: map[string]string{}}
	partner := httptest.NewServer(http.HandlerFunc(parrot))
	t.Cleanup(partner.Close)
	for name, text := range map[string]string{"pipelines.yaml": canaryConfig, "order.json": canarySchema, "welcome.txt": "Subject: Welcome\n\n{{.customer.name}}\n"} {
		if err := os.WriteFile(filepath.Join(c.dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	os.Mkdir(filepath.Join(c.dir, "secrets"), 0o700)
	for name, canary := range map[string]string{"billing": "bearer token", "courier": "Basic password", "links": "key of links", "hook": "signing key", "staff": "token of a route",
		"kafka": "SASL password"} {
		if err := os.WriteFile(filepath.Join(c.dir, "secrets", name), []byte(canaries[canary]), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	mail := strings.ReplaceAll(canaries["mail password"], "&", "%26")
	c.env = append(alone(), "HUB_CONFIG=pipelines.yaml", "PARTNER="+partner.URL, "PARTNER_KEY="+canaries["header with a key"], "HUB_SECRET_OTHER="+canaries["secret of the environment"],
		"MAIL=smtp://shop:"+mail+"@"+rude(t), "RABBIT=amqp://shop:"+canaries["broker password"]+"@127.0.0.1:1/", "STOMP=stomp://shop:"+canaries["STOMP password"]+"@"+rude(t)+"/",
		"DB=postgres://shop:"+canaries["database password"]+"@127.0.0.1:1/shop")
	return c
}

// start runs the hub until the test is over.
func (c *cage) start() {
	cmd := exec.Command(build(c.t, ""), "run", "-vv", "--no-stubs")
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = c.dir, c.env, c, c
	if err := cmd.Start(); err != nil {
		c.t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { cmd.Wait(); close(ended) }()
	c.stop = func() { cmd.Process.Kill(); <-ended }
	c.t.Cleanup(c.stop)
	await(c.t, soon, "the hub answers", func() bool {
		select {
		case <-ended:
			c.t.Fatalf("the hub ended:\n%s", c.logged())
		default:
		}
		var st struct{ URLs map[string]string }
		json.Unmarshal([]byte(c.verb("status", "-o", "json")), &st)
		c.web = st.URLs["web"]
		if m := regexp.MustCompile(`console[= ]+(http://\S+)`).FindStringSubmatch(c.logged()); m != nil {
			c.console = m[1]
		}
		return c.web != ""
	})
}

// order is one with all that is personal and secret in it.
func canaryOrder(id, fate string) string {
	b, _ := json.Marshal(map[string]any{"id": id, "fate": fate,
		"customer": map[string]any{"name": canaries["name"], "email": canaries["email"], "phone": canaries["phone"], "address": map[string]any{"street": canaries["street"]}, "born": canaries["date of birth"]},
		"pay":      map[string]any{"card": canaries["card"], "code": json.Number(canaries["code of the card"]), "iban": canaries["IBAN"]}})
	return string(b)
}

// TestFault_S2_Canaries puts 20 values through every way out of the hub: answers to
// outsiders, the log, every verb and the API behind it, the store outside of bodies.
func TestFault_S2_Canaries(t *testing.T) {
	t.Parallel()
	c := newCage(t)
	c.start()
	fates := []string{"sync", "formula", "courier", "dead", "shadow", "mail", "rabbit", "db", "kafka", "stomp", "process", "task"}
	for i, fate := range fates {
		c.post("/orders", canaryOrder(fmt.Sprintf("N-%d", i), fate))
	}
	var token struct{ Token string }
	json.Unmarshal([]byte(c.verb("token", "add", "vera", "--role", "viewer", "-o", "json")), &token)
	c.viewer = token.Token
	good := canaryOrder("N-99", "sync")
	c.post("/orders", strings.Replace(good, canaries["email"], "no address", 1)) // not as the schema says
	c.post("/orders", good[:len(good)-2])
	c.post("/orders", strings.Replace(good, `"id"`, `"id":"N-99","id"`, 1))
	c.post("/hooks", good, "X-Sig", "00ff")
	mac := hmac.New(sha256.New, []byte(canaries["signing key"]))
	mac.Write([]byte(`{"a":1}`))
	c.post("/hooks", `{"a":1}`, "X-Sig", hex.EncodeToString(mac.Sum(nil)))
	c.post("/staff", good, "Authorization", "Bearer wrong")
	c.post("/staff", `{"a":1}`, "Authorization", "Bearer "+canaries["token of a route"])
	c.await("the fates of the orders are sealed", func() bool {
		return strings.Contains(c.verb("dlq", "list"), "charge") && strings.Contains(c.verb("process", "list", "--stuck"), "N-10") && strings.Contains(c.verb("task", "list"), "N-11") &&
			strings.Contains(c.verb("trace", c.traces[5]), "535") && strings.Contains(c.verb("status"), "adapter stomp")
	})
	c.verb("replay", "--all", "--why", canaries["name"]+" called", "--yes")
	c.verb("process", "cancel", "N-10", "--why", canaries["name"]+" called from "+canaries["phone"])
	c.verbs(t)
	c.pages(t)
	c.calls(t)
	c.store(t)
	c.stop()
	c.verb("trace", "N-10")
	c.verb("trace", "N-10", "-o", "json")
	c.verb("refused", "list")
	c.keep("log", c.logged())
	found := map[string][]string{}
	for where, text := range c.said {
		for name, value := range canaries {
			if held(text, value) {
				found[name] = append(found[name], where)
			}
		}
	}
	for name, where := range found {
		t.Errorf("%s is read in %q, such as\n%s", name, where, around(c.said[where[0]], canaries[name]))
	}
	t.Logf("%d of %d canaries found in %d texts", len(found), len(canaries), len(c.said))
	for where, want := range map[string]string{"hub trace " + c.traces[0]: "[card]", "hub dlq list": "[secret:bill", "hub trace " + c.traces[5]: "[adapters.mail.url]",
		"hub process show N-10 --data": "[email]", "log": "adapters.mail.url"} {
		if !strings.Contains(c.said[where], want) {
			t.Errorf("%s says nothing of %s: the test has gone by what it is about\n%s", where, want, c.said[where])
		}
	}
}

// verbs calls all that prints, as text and as JSON.
func (c *cage) verbs(t *testing.T) {
	var groups []struct{ Group string }
	json.Unmarshal([]byte(c.verb("dlq", "list", "-o", "json")), &groups)
	var calls [][]string
	for _, g := range groups {
		var dead []struct{ Seq int64 }
		json.Unmarshal([]byte(c.verb("dlq", "list", "--group", g.Group, "-o", "json")), &dead)
		calls = append(calls, []string{"dlq", "list", "--group", g.Group})
		for _, d := range dead {
			calls = append(calls, []string{"dlq", "show", fmt.Sprint(d.Seq)})
		}
	}
	for _, id := range c.traces {
		calls = append(calls, []string{"trace", id})
	}
	var refused []struct{ ID string }
	json.Unmarshal([]byte(c.verb("refused", "list", "-o", "json")), &refused)
	for _, r := range refused {
		calls = append(calls, []string{"refused", "show", r.ID}, []string{"trace", r.ID})
	}
	var tasks []struct{ ID string }
	json.Unmarshal([]byte(c.verb("task", "list", "-o", "json")), &tasks)
	for _, k := range tasks {
		calls = append(calls, []string{"task", "show", k.ID})
	}
	if len(groups) == 0 || len(refused) < 3 || len(tasks) == 0 {
		t.Errorf("%d groups of dead letters, %d refusals, %d tasks", len(groups), len(refused), len(tasks))
	}
	for _, verb := range []string{"status", "trace last", "refused list", "process list", "process list --stuck", "process show N-10", "process show N-10 --data",
		"process show N-11 --data", "report", "graph", "validate --no-stubs", "validate --no-stubs --connect", "diff", "reload", "test", "version", "replay 99", "pause hooks", "resume hooks",
		"send staff " + canaries["bearer token"], "eval " + canaries["secret of the environment"]} {
		calls = append(calls, strings.Split(verb, " "))
	}
	calls = append(calls, []string{"send", "intake", canaryOrder("N-50", "sync")}, []string{"send", "begin", canaryOrder("N-51", "dead"), "--wait"})
	for _, call := range calls {
		c.verb(call...)
		c.verb(append(call, "-o", "json")...)
	}
}

// ask is what a viewer is answered at the console's address, which is kept unless it is refused.
func (c *cage) ask(t *testing.T, path, name, value string) (status int, text string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), "GET", strings.TrimSuffix(c.console, "/")+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set(name, value)
	res, err := http.DefaultTransport.RoundTrip(req) // no redirect is followed
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	literal := canaries["email"] + "&#34; and order.fate" // stands in the configuration, which pages show
	c.keep("GET "+path, strings.ReplaceAll(string(raw), literal, ""))
	return res.StatusCode, string(raw)
}

// pages keeps all pages of the console that a viewer reaches by links. None of them leads to what a viewer may not do.
func (c *cage) pages(t *testing.T) {
	req, err := http.NewRequestWithContext(t.Context(), "POST", strings.TrimSuffix(c.console, "/")+"/login", strings.NewReader("token="+c.viewer))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if len(res.Cookies()) != 1 {
		t.Fatalf("a viewer can't log in: %s", res.Status)
	}
	session := res.Cookies()[0]
	link, seen, todo := regexp.MustCompile(`href="(/[^"#]*)"`), map[string]bool{}, []string{"/"}
	kinds := map[string]bool{}
	for len(todo) > 0 && len(seen) < 500 {
		path := todo[0]
		todo = todo[1:]
		if seen[path] || strings.HasPrefix(path, "/static/") {
			continue
		}
		seen[path] = true
		status, text := c.ask(t, path, "Cookie", session.Name+"="+session.Value)
		if status != 200 && status != 404 { // what is linked may be gone by now
			t.Errorf("%s: %d", path, status)
		}
		page, _, _ := strings.Cut(path, "?")
		kinds[page] = kinds[page] || status == 200
		for _, m := range link.FindAllStringSubmatch(text, -1) {
			todo = append(todo, html.UnescapeString(m[1]))
		}
	}
	for _, page := range []string{"/", "/pipelines", "/pipeline", "/messages", "/message", "/bodies", "/errors", "/error", "/dead", "/refusals", "/refusal", "/processes", "/process", "/instance", "/data",
		"/tasks", "/task", "/channels", "/channel", "/tables", "/table", "/adapters"} {
		if !kinds[page] {
			t.Errorf("no link leads a viewer to %s", page)
		}
	}
	t.Logf("%d pages", len(seen))
}

// calls keeps all that a viewer is answered by calls of the remote API that look, with all that they can show.
func (c *cage) calls(t *testing.T) {
	ask := func(path string, into any) {
		t.Helper()
		status, text := c.ask(t, "/api"+path, "Authorization", "Bearer "+c.viewer)
		if status != 200 && status != 404 {
			t.Errorf("%s: %d\n%s", path, status, text)
		}
		if into != nil {
			json.Unmarshal([]byte(text), into)
		}
	}
	var channels []struct{ Queue string }
	ask("/channels", &channels)
	for _, q := range channels {
		ask("/channels/"+url.PathEscape(q.Queue)+"/messages?full=true&limit=1000", nil)
	}
	var tasks []struct{ ID string }
	ask("/tasks", &tasks)
	for _, k := range tasks {
		ask("/task?id="+url.QueryEscape(k.ID), nil)
	}
	for _, id := range append([]string{"N-10", "N-11", "N-3"}, c.traces...) {
		ask("/trace?full=true&id="+id, nil)
	}
	for _, path := range []string{"/status", "/adapters", "/alerts", "/graph", "/dead?full=true&limit=1000", "/dead/groups", "/refused?full=true", "/refused/counts", "/instances", "/report", "/tables", "/tables/people/rows",
		"/instance?full=true&id=N-10", "/instance?full=true&id=N-11", "/find?recent=true&limit=1000", "/find?value=N-10", "/find?error=charge", "/find?field=customer.email&value=" + url.QueryEscape(canaries["email"])} {
		ask(path, nil)
	}
	if len(channels) < 3 || len(tasks) == 0 {
		t.Errorf("%d channels, %d tasks", len(channels), len(tasks))
	}
	if !strings.Contains(c.said["GET /api/tables/people/rows"], "[email]") || !strings.Contains(c.said["GET /api/instance?full=true&id=N-11"], "[email]") {
		t.Error("rows and data are not shown: the test has gone by what it is about")
	}
}

// store keeps what lies in the store's file outside of the bodies.
func (c *cage) store(t *testing.T) {
	db, err := sql.Open("sqlite", "file:"+filepath.Join(c.dir, "hub.db")+"?mode=ro")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for what, query := range map[string]string{"history": "SELECT events FROM history", "names of history": "SELECT root||coalesce(corr,'') FROM history", "places": "SELECT text FROM places", "refusals": "SELECT id||coalesce(corr,'')||value FROM refused",
		"errors": "SELECT coalesce(error,'') FROM messages", "records": "SELECT kind||key||value FROM records WHERE kind='process.stuck'", "counters": "SELECT kind||key FROM counters"} {
		rows, err := db.Query(query)
		if err != nil {
			t.Fatal(what, err)
		}
		n := 0
		for rows.Next() {
			var text []byte
			if err := rows.Scan(&text); err != nil {
				t.Fatal(err)
			}
			n += len(text)
			c.keep("store, "+what, string(text))
		}
		if rows.Close(); n == 0 && what != "counters" {
			t.Errorf("the store has no %s", what)
		}
	}
}

// held tells that text has the value in it, in one of its forms.
func held(text, value string) bool {
	text = strings.ToLower(text)
	forms := []string{value, strings.Trim(fmt.Sprintf("%q", value), `"`), strings.ReplaceAll(value, "&", "%26"), strings.ReplaceAll(value, "&", `\u0026`)}
	for before := range 3 {
		b := base64.StdEncoding.EncodeToString(append(make([]byte, before), value...))
		if b = strings.TrimRight(b, "="); len(b) > 8 {
			forms = append(forms, b[4:len(b)-2])
		}
	}
	return slices.ContainsFunc(forms, func(f string) bool { return strings.Contains(text, strings.ToLower(f)) })
}

func around(text, value string) string {
	i := strings.Index(strings.ToLower(text), strings.ToLower(value))
	if i < 0 {
		return "(in another form)"
	}
	return text[max(0, i-200):min(len(text), i+len(value)+100)]
}

// TestFault_S4_HostileNames: nothing that a sender writes steers a terminal, whichever verb prints it.
func TestFault_S4_HostileNames(t *testing.T) {
	t.Parallel()
	c := newCage(t)
	c.start()
	const evil = "\u001b[2J\u001b]0;owned\u0007\u0000\u0008\u007f\u0085\u009b31m\u202etxt.exe\u2066\u2028\r\nN-0  done\ufeff\ue000"
	n := 0
	for _, fate := range []string{"sync", "formula", "dead", "process", "task", "mail"} {
		var order map[string]any
		json.Unmarshal([]byte(canaryOrder("", fate)), &order)
		n++
		order["id"] = fmt.Sprintf("H-%d%s", n, evil)
		order["customer"].(map[string]any)["name"] = evil
		order["customer"].(map[string]any)["address"] = map[string]any{"street": map[bool]any{true: evil, false: 7}[fate != "formula"]}
		b, _ := json.Marshal(order)
		c.post("/orders", string(b), "X-Evil", "a\u009b31m\u202eb")
		c.verb("send", "begin", string(b), "--key", evil[:6], "--header", "x-evil="+evil[:4])
	}
	c.post("/orders", `{"id": "`+"\u009b2J\u202e"+`"`)
	c.await("the fates of the orders are sealed", func() bool {
		return strings.Contains(c.verb("dlq", "list"), "charge") && strings.Contains(c.verb("process", "list", "--stuck"), "H-4") && strings.Contains(c.verb("task", "list"), "H-5")
	})
	c.verbs(t)
	for i := range 4 {
		c.verb("trace", fmt.Sprintf("H-%d%s", i+1, strings.ReplaceAll(evil, "\x00", "")))
	}
	c.verb("trace", "last")
	c.verb("process", "show", evil[:4])
	time.Sleep(50 * time.Millisecond)
	c.keep("log", c.logged())
	raw, seen := 0, 0
	for where, text := range c.said {
		if strings.HasPrefix(where, "answer") {
			continue // not for a terminal
		}
		seen += strings.Count(text, `\u001b`)
		for _, r := range text {
			if r != '\n' && r != '\t' && (unicode.IsControl(r) || unicode.In(r, unicode.Zl, unicode.Zp) || r >= '\u202a' && r <= '\u202e' || r >= '\u2066' && r <= '\u2069' || r == '\ufeff') {
				raw++
				t.Errorf("%s: raw %U in %q", where, r, text)
				break
			}
		}
	}
	t.Logf("%d of %d texts have raw control characters; %d are shown", raw, len(c.said), seen)
	if seen == 0 {
		t.Error("no text shows what the orders hold: the test has gone by what it is about")
	}
}
