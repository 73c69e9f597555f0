package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"orderhub/cmd/hub/internal/words"
	"orderhub/hub"
	"orderhub/hub/store"
)

const refusing = `
hub: {name: refusing, store: "sqlite:STORE", drain: 2s}
adapters:
  web: {type: http-server, listen: "127.0.0.1:0", limits: {max_body: 2KiB}}
  rows: {type: files, dir: INBOX, match: "*.csv", stable: 0s, poll: 20ms}
schemas: {order: order.json}
channels: {orders: {type: direct, key: body.id}, rejected: {type: direct}}
pipelines:
  intake:
    from: {web: POST /orders, schema: order, public: true}
    steps:
      - validate: [{rule: body.total > 0, say: the total is not positive}]
      - reply: 202
      - send: orders
  hook:
    from: {web: POST /hooks, verify: {hmac: "${HOOK_KEY}", timestamp_header: X-Time, max_age: 5m}}
    steps: [{reply: 202}, {send: orders}]
  phone:
    from: {rows: "*.csv", format: csv}
    steps: [{send: orders}]
  work:
    from: orders
    steps: [{count: {name: orders}}]
`

const hookKey = "b7Qz0mVt4Xy9Lc2Rk8Wd5Hn1Js6Pf3Ga"

const refusingSchema = `{"type": "object", "required": ["id", "total"], "additionalProperties": false, "properties": {
	"id": {"type": "string"}, "total": {"type": "number"}, "token": {"type": "string", "x-secret": true}}}`

// refusingSite runs the configuration, with an inbox of its own.
func refusingSite(t *testing.T, config string) (s *site, inbox string) {
	t.Helper()
	t.Setenv("HOOK_KEY", hookKey)
	inbox = t.TempDir()
	s = newSite(t, strings.ReplaceAll(config, "INBOX", inbox))
	if err := os.WriteFile(filepath.Join(s.dir, "order.json"), []byte(refusingSchema), 0o600); err != nil {
		t.Fatal(err)
	}
	return s, inbox
}

// drop puts a whole file into a folder at once: the hub may look at any moment.
func drop(t *testing.T, dir, name, content string) {
	t.Helper()
	whole := filepath.Join(t.TempDir(), name)
	if err := errors.Join(os.WriteFile(whole, []byte(content), 0o600), os.Rename(whole, filepath.Join(dir, name))); err != nil {
		t.Fatal(err)
	}
}

// told is the trace_id of a problem that a request is answered with.
func (s *site) told(method, path, body string, status int, headers ...string) (id string) {
	s.t.Helper()
	req, err := http.NewRequest(method, s.ready.URLs["web"]+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	var p struct {
		Trace string `json:"trace_id"`
	}
	if err := json.NewDecoder(res.Body).Decode(&p); status >= 400 && err != nil || res.StatusCode != status || status >= 400 && p.Trace != res.Header.Get("Hub-Trace") {
		s.t.Errorf("%s %s: %s trace_id %q, header %q, %v; expected %d", method, path, res.Status, p.Trace, res.Header.Get("Hub-Trace"), err, status)
	}
	return p.Trace
}

// listed waits for a refusal of the reason, and gives its ID.
func (s *site) listed(reason string) (id string) {
	s.t.Helper()
	await(s.t, "a refusal: "+reason, func() bool {
		var list []hub.Refusal
		out := s.hub(0, "refused", "list", "--reason", reason, "-o", "json")
		if err := json.Unmarshal([]byte(out), &list); err != nil {
			s.t.Fatalf("%v\n%s", err, out)
		}
		if len(list) > 0 {
			id = list[0].ID
		}
		return id != ""
	})
	return id
}

// TestFault_V1_FoundByItsID: whatever is refused, its ID finds it in one command, with the source, the reason, and the beginning of what came.
func TestFault_V1_FoundByItsID(t *testing.T) {
	s, inbox := refusingSite(t, refusing)
	s.start()
	good := `{"id":"A-1","total":5}`
	if res := s.post("/orders", good); res.StatusCode != http.StatusAccepted {
		t.Fatal(res.Status)
	}
	drop(t, inbox, "a.csv", "id,total\nP-1,5\nP-2\nP-3,7\n")
	old := fmt.Sprint(time.Now().Add(-time.Hour).Unix())
	s.told("POST", "/orders", good, http.StatusAccepted, "Idempotency-Key", `"k1"`)
	for _, c := range []struct {
		name  string
		id    string
		wants []string
	}{
		{"bad JSON", s.told("POST", "/orders", `{"id": "A-2", "token": "tok_17"`, 400),
			[]string{"web POST /orders", "bad_json", `{"id": "A-2", "token": [token]`}},
		{"wrong type", s.told("POST", "/orders", `{"id":5,"total":5,"token":"tok_17"}`, 422), []string{"schema", "/id: ", `"token":"[token]"`, "pipelines.yaml:"}},
		{"schema fault", s.told("POST", "/orders", `{"id":"A-3"}`, 422), []string{"schema", "total"}},
		{"no body", s.told("POST", "/orders", ``, 400), []string{"empty_body"}},
		{"wrong signature", s.told("POST", "/hooks", good, 401, "X-Time", fmt.Sprint(time.Now().Unix()), "X-Signature", strings.Repeat("ab", 32)), []string{"web POST /hooks", "signature_invalid", good}},
		{"no signature", s.told("POST", "/hooks", good, 401), []string{"signature_missing"}},
		{"old timestamp", s.told("POST", "/hooks", good, 401, "X-Time", old, "X-Signature", strings.Repeat("ab", 32)), []string{"timestamp_out_of_tolerance"}},
		{"unknown route", s.told("POST", "/ordres?token=tok_17", good, 404), []string{"no_route", "POST /ordres: "}},
		{"unknown method", s.told("DELETE", "/orders", "", 405), []string{"method_not_allowed", "DELETE /orders"}},
		{"odd path", s.told("GET", "/orders//x", "", 404), []string{"no_route"}},
		{"too large", s.told("POST", "/orders", `{"id":"`+strings.Repeat("x", 3000)+`"}`, 413), []string{"body_too_large", "limit 2048 bytes"}},
		{"wrong media type", s.told("POST", "/orders", "<order/>", 415, "Content-Type", "text/xml"), []string{"<order/>", "text/xml"}},
		{"wrong encoding", s.told("POST", "/orders", good, 415, "Content-Encoding", "br"), []string{"unsupported_encoding"}},
		{"idempotency conflict", s.told("POST", "/orders", `{"id":"A-1","total":6}`, 422, "Idempotency-Key", `"k1"`), []string{"idempotency_key_reused"}},
		{"broken CSV record", s.listed("bad_csv"), []string{"rows", "a.csv line 3: ", "P-2"}},
		{"a rule says no", s.told("POST", "/orders", `{"id":"A-4","total":0}`, 422), []string{"the total is not positive", "intake/validate", `{"id":"A-4","total":0}`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			text := s.hub(0, "trace", c.id)
			has(t, text, append(c.wants, c.id)...)
			if strings.Contains(text, "tok_17") || strings.Contains(text, hookKey) {
				t.Errorf("a secret is shown:\n%s", text)
			}
			has(t, s.hub(0, "refused", "show", c.id), append(c.wants, c.id)...)
			has(t, s.hub(0, "trace", c.id, "-o", "json"), `"refused": [`, `"id": "`+c.id+`"`)
		})
	}
	has(t, s.hub(0, "status"), "REFUSED BY", "idempotency_key_reused")
	has(t, s.hub(0, "refused"), "web POST /hooks   signature_missing", "rows *.csv        bad_csv")
	has(t, s.hub(0, "refused", "list", "--source", "rows *.csv", "--limit", "1"), "a.csv line 3: ", "these are the newest 1")
	has(t, s.hub(1, "refused", "show", "nobody"), "no refusal nobody is kept: hub refused list shows those that are")
	if id := s.told("GET", "/nowhere", "", 404); !strings.Contains(s.hub(0, "trace", "last"), id) {
		t.Error("the last that came is the refused one")
	}
	s.stop()
	t.Setenv("HUB_STORE", "sqlite:"+filepath.Join(s.dir, "hub.db")) // the file is read when no hub runs
	has(t, s.hub(0, "refused", "list"), "bad_csv", "no_route")
	has(t, s.hub(0, "refused"), "bad_csv")
}

// TestFault_V1_UndecodableDelivery: a delivery that is too large to be read is found by its message-id.
func TestFault_V1_UndecodableDelivery(t *testing.T) {
	url := os.Getenv("HUB_TEST_RABBIT")
	if url == "" {
		t.Skip("HUB_TEST_RABBIT names no RabbitMQ")
	}
	conn, err := amqp.Dial(url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ch, err := conn.Channel()
	if err != nil {
		t.Fatal(err)
	}
	queue := "refused." + hub.NewID(time.Now())
	defer ch.QueueDelete(queue, false, false, false)
	t.Setenv("RABBIT", url)
	s := newSite(t, `
hub: {store: "sqlite:STORE", drain: 2s}
adapters: {rabbit: {type: amqp, url: "${RABBIT}", max_body: 1KiB}}
channels: {orders: {type: direct}}
pipelines:
  intake: {from: {rabbit: queue `+queue+`}, steps: [{set: {seen: =body.id}}, {send: orders}]}
`)
	s.start()
	publish := func(m amqp.Publishing) {
		await(t, "the queue is there", func() bool {
			c, err := conn.Channel()
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			_, err = c.QueueDeclarePassive(queue, true, false, false, false, nil)
			return err == nil
		})
		if err := ch.PublishWithContext(t.Context(), "", queue, false, false, m); err != nil {
			t.Fatal(err)
		}
	}
	deep := amqp.Table{}
	for range 12 {
		deep = amqp.Table{"a": deep}
	}
	publish(amqp.Publishing{MessageId: "too-large-1", CorrelationId: "O-1", Body: make([]byte, 2000)})
	publish(amqp.Publishing{MessageId: "too-deep-1", Headers: deep, Body: []byte(`{"id":"O-2"}`)})
	publish(amqp.Publishing{MessageId: "no-json-1", Body: []byte(`{"id":`)})
	for id, wants := range map[string][]string{
		"too-large-1": {"rabbit queue " + queue, "max_body"}, "too-deep-1": {"deeper than"}, "no-json-1": {"dead letter", "bad_json"},
	} {
		await(t, id+" is known", func() bool {
			var out, talk bytes.Buffer
			return run(context.Background(), []string{"trace", id, "--hub", s.dir}, strings.NewReader(""), &out, &talk) == 0
		})
		has(t, s.hub(0, "trace", id), wants...)
	}
}

// TestFault_V7_OnceWithARefusedRecord: a batch with refused records ends with 1, says how many, and they are kept; so does one that can't be read at all.
func TestFault_V7_OnceWithARefusedRecord(t *testing.T) {
	for name, c := range map[string]struct {
		parse, content string
		exit           int
		said, reason   string
	}{
		"good":           {"csv", "id,total\nP-1,5\n", 0, "", ""},
		"broken record":  {"csv", "id,total\nP-1,5\nP-2\nP-3,1,2\nP-4,5\n", 1, "2 refused: hub refused list", "bad_csv"},
		"broken header":  {"csv", "id,id\nP-1,5\n", 1, "1 refused: hub refused list", "csv_header"},
		"broken JSON":    {"ndjson", "{\"id\":\"P-1\"}\n{\"id\":\n", 1, "1 refused: hub refused list", "bad_json"},
		"wrong for good": {"ndjson", "{\"id\":\"P-1\"}\n{\"id\":5}\n", 1, "1 dead letter left: hub dlq", ""},
	} {
		t.Run(name, func(t *testing.T) {
			s, inbox := refusingSite(t, `
hub: {store: "sqlite:STORE", drain: 2s}
adapters: {rows: {type: files, dir: INBOX, match: "*.txt"}}
channels: {orders: {type: direct}}
pipelines:
  phone: {from: {rows: "*.txt", format: `+c.parse+`}, steps: [{validate: [{rule: '"" + body.id != "5"', say: no}]}, {send: orders}]}
`)
			drop(t, inbox, "a.txt", c.content)
			has(t, s.hub(c.exit, "run", s.config, "--once"), c.said)
			if c.reason == "" {
				return
			}
			t.Setenv("HUB_STORE", "sqlite:"+filepath.Join(s.dir, "hub.db"))
			id := s.listed(c.reason)
			has(t, s.hub(0, "trace", id), "a.txt line ", c.reason)
		})
	}
}

// TestFault_V1_FloodAtTheDoor: thousands of requests with a wrong signature leave few rows, an exact count, and good orders as they were.
// HUB_TEST_FLOOD=50000 is the long form.
func TestFault_V1_FloodAtTheDoor(t *testing.T) {
	if testing.Short() {
		t.Skip("thousands of requests")
	}
	const good, senders = 50, 16
	bad := 4_800
	if n, err := strconv.Atoi(os.Getenv("HUB_TEST_FLOOD")); err == nil {
		bad = n / senders * senders
	}
	s, _ := refusingSite(t, refusing)
	s.start()
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: senders + 1}}
	defer client.CloseIdleConnections()
	send := func(path, body string) int {
		res, err := client.Post(s.ready.URLs["web"]+path, "application/json", strings.NewReader(body))
		if err != nil {
			t.Error(err)
			return 0
		}
		defer res.Body.Close()
		var b bytes.Buffer
		b.ReadFrom(res.Body)
		return res.StatusCode
	}
	orders := func(prefix string) time.Duration { // the time of one, which a pause of the machine does not change
		took := make([]time.Duration, good)
		for i := range good {
			began := time.Now()
			if status := send("/orders", fmt.Sprintf(`{"id":"%s-%d","total":5}`, prefix, i)); status != http.StatusAccepted {
				t.Errorf("a good order: %d", status)
			}
			took[i] = time.Since(began)
		}
		slices.Sort(took)
		return took[good/2]
	}
	quiet := orders("Q")
	flood := func(path, body string, want int, prefix string) (beside, took time.Duration) {
		began := time.Now()
		var all sync.WaitGroup
		for range senders {
			all.Go(func() {
				for range bad / senders {
					if status := send(path, body); status != want {
						t.Errorf("%s: %d, want %d", path, status, want)
						return
					}
				}
			})
		}
		beside = orders(prefix)
		all.Wait()
		return beside, time.Since(began)
	}
	healthy, _ := flood("/livez", "", http.StatusMethodNotAllowed, "H") // as many requests that are not kept: what the load alone costs
	beside, took := flood("/hooks", `{"id":"X","total":5,"pad":"`+strings.Repeat("x", 1500)+`"}`, http.StatusUnauthorized, "F")
	var counts []store.RefusalCount
	if err := json.Unmarshal([]byte(s.hub(0, "refused", "-o", "json")), &counts); err != nil {
		t.Fatal(err)
	}
	if len(counts) != 1 || counts[0].Reason != "signature_missing" || counts[0].Count != int64(bad) {
		t.Errorf("counted %+v", counts)
	}
	var list []hub.Refusal
	if err := json.Unmarshal([]byte(s.hub(0, "refused", "list", "--limit", "5000", "-o", "json")), &list); err != nil {
		t.Fatal(err)
	}
	size := 0
	for _, r := range list {
		size += len(words.JSON(r))
	}
	if most := 100 * (int(took/time.Second) + 2); len(list) > min(most, store.MaxRefusalsOfKind) || size > len(list)*8<<10 {
		t.Errorf("%d rows of %d bytes are kept after %v", len(list), size, took)
	}
	t.Logf("%d refused in %v; %d rows, %d bytes; a good order takes %v alone, %v beside as many unkept requests, %v beside the refused", bad, took, len(list), size, quiet, healthy, beside)
	if beside > 3*healthy+10*time.Millisecond { // the machine may be busier than it was before
		busy, _ := flood("/livez", "", http.StatusMethodNotAllowed, "I")
		healthy = max(healthy, busy)
	}
	if beside > 3*healthy+10*time.Millisecond {
		t.Errorf("a good order takes %v beside the flood, %v beside as many requests that are not kept", beside, healthy)
	}
}
