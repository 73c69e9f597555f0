package matrix

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/Shopify/toxiproxy/v2/toxics"
	"github.com/jackc/pgx/v5"
	"orderhub/hub/hubtest"
)

const (
	soonSeen   = 5 * time.Second // an outage is in the status, and gone from it after it healed
	outageTime = 8 * time.Second
	first      = 20 // messages that come before
)

// service is a partner over HTTP, with a circuit breaker before it, that may answer every request with 503.
type service struct {
	target
	refuses atomic.Bool
}

func newService(t testing.TB) *service {
	arrived := newTally()
	s := &service{}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var m struct{ ID string }
		switch {
		case s.refuses.Load():
			http.Error(w, "maintenance", http.StatusServiceUnavailable)
		case json.NewDecoder(r.Body).Decode(&m) == nil && m.ID != "":
			arrived.add(m.ID, false)
		}
	})}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go server.Serve(listener)
	t.Cleanup(func() { server.Close() })
	l := newLink(t, "", listener.Addr().String())
	s.target = target{adapter: fmt.Sprintf(`{type: http-client, url: "http://%s", timeout: 5s, limits: {circuit_breaker: 5/30s}, ops: {charge: POST /charges}}`, l.addr),
		step: "call: out.charge", link: l, count: arrived.count}
	return s
}

var lastOutage atomic.Int64 // of those that have names at the servers

// outage is a way for a partner to be away.
type outage struct {
	name        string
	in          func(testing.TB, *cell) source
	out         func(testing.TB, *cell) target
	away, there func(testing.TB, *link)
}

var (
	down = func(_ testing.TB, l *link) { l.down() }
	up   = func(t testing.TB, l *link) { l.up(t) }
)

// TestFault_V3_OutagesAreSeen provokes outages while messages come in: each is in the status within 5 s, with its reason, and gone 5 s after
// it healed, though the retries of what waits grow to minutes; the log has one WARN and one INFO, however many messages met it; all arrive.
func TestFault_V3_OutagesAreSeen(t *testing.T) {
	playAll(t, "adapter out", []outage{
		ofCharges("billing refused", func(_ testing.TB, s *service) { s.link.down() }, func(t testing.TB, s *service) { s.link.up(t) }),
		ofCharges("billing 503", func(_ testing.TB, s *service) { s.refuses.Store(true) }, func(_ testing.TB, s *service) { s.refuses.Store(false) }),
		ofCharges("billing silent", func(_ testing.TB, s *service) { s.link.infect(&toxics.TimeoutToxic{}) }, func(_ testing.TB, s *service) { s.link.infect(&toxics.NoopToxic{}) }),
		{"mail server away", filesSource, func(t testing.TB, c *cell) target { return mailTarget(t, c, &atomic.Bool{}) }, down, up},
		{"PostgreSQL away", filesSource, sqlTarget, down, up},
		{"RabbitMQ away", filesSource, amqpTarget, down, up},
		{"STOMP away", filesSource, stompTarget, down, up},
		{"Kafka away", filesSource, kafkaTarget, down, up},
	})
}

// TestFault_V5_SourcesThatReadAgain is the same for sources: the status forgets an outage as soon as the source reads again.
func TestFault_V5_SourcesThatReadAgain(t *testing.T) {
	playAll(t, "adapter in", []outage{
		{"RabbitMQ away from its source", amqpSource, filesTarget, down, up},
		{"STOMP away from its source", stompSource, filesTarget, down, up},
		{"PostgreSQL away from its source", sqlSource, filesTarget, down, up},
		{"Kafka away from its source", kafkaSource, filesTarget, down, up},
	})
}

// TestFault_B3_WhyMessagesWait: a partner that is there, and takes nothing for a reason that somebody must mend, is told of the same way.
func TestFault_B3_WhyMessagesWait(t *testing.T) {
	var full atomic.Bool
	var tx pgx.Tx
	playAll(t, "adapter out", []outage{
		ofTable("table missing", func(t testing.TB, d *database) { d.exec(t, "alter table messages rename to gone") },
			func(t testing.TB, d *database) { d.exec(t, "alter table gone rename to messages") }),
		ofTable("no right", func(t testing.TB, d *database) { d.exec(t, "revoke insert on messages from current_user") },
			func(t testing.TB, d *database) { d.exec(t, "grant insert on messages to current_user") }),
		ofTable("table locked", func(t testing.TB, d *database) {
			var err error
			if tx, err = d.pool.Begin(t.Context()); err == nil {
				_, err = tx.Exec(t.Context(), "lock table messages in access exclusive mode")
			}
			if err != nil {
				t.Fatal(err)
			}
		}, func(t testing.TB, _ *database) {
			if err := tx.Rollback(t.Context()); err != nil {
				t.Fatal(err)
			}
		}),
		queueMissing(),
		{"mailbox full", filesSource, func(t testing.TB, c *cell) target { return mailTarget(t, c, &full) },
			func(testing.TB, *link) { full.Store(true) }, func(testing.TB, *link) { full.Store(false) }},
	})
}

// ofTable is an outage of a table that the hub writes to.
func ofTable(name string, away, there func(testing.TB, *database)) outage {
	var d *database
	make := func(t testing.TB, c *cell) target { d = newDatabase(t, c, "_out"); return d.target(t) }
	return outage{name, filesSource, make, func(t testing.TB, _ *link) { away(t, d) }, func(t testing.TB, _ *link) { there(t, d) }}
}

// ofCharges is an outage of the partner who charges.
func ofCharges(name string, away, there func(testing.TB, *service)) outage {
	var s *service
	make := func(t testing.TB, _ *cell) target { s = newService(t); return s.target }
	return outage{name, filesSource, make, func(t testing.TB, _ *link) { away(t, s) }, func(t testing.TB, _ *link) { there(t, s) }}
}

// queueMissing is a queue that somebody deleted, and that the hub may not declare itself.
func queueMissing() outage {
	var r *rabbit
	var name string
	make := func(t testing.TB, c *cell) target {
		r, name = newRabbit(t), c.name+".out"
		r.queue(t, name)
		l := newLink(t, "", r.addr)
		return target{adapter: fmt.Sprintf("{type: amqp, url: %q, check_only: true}", r.through(l)), step: fmt.Sprintf("send: {out: queue %s}", name), link: l,
			count: r.arrivals(t, name).count}
	}
	return outage{"queue missing", filesSource, make, func(t testing.TB, _ *link) { r.remove(t, name) }, func(t testing.TB, _ *link) { r.declare(t, name) }}
}

// outagesAtOnce is how many are played at a time: they wait, nearly all of the time.
const outagesAtOnce = 9

// playAll plays outages of a part of the hub, each with a hub of its own.
func playAll(t *testing.T, of string, all []outage) {
	if _, err := hubtest.Binary(); err != nil {
		t.Fatal(err)
	}
	sideBySide(outagesAtOnce, all, func(o outage) { t.Run(o.name, func(t *testing.T) { o.run(t, of) }) })
}

func (o *outage) run(t *testing.T, of string) {
	c := &cell{form: form{messages: first + 32}, dir: t.TempDir(), name: fmt.Sprintf("huboutage.%d.%d", os.Getpid(), lastOutage.Add(1)), result: &result{}}
	out := o.out(t, c)
	in := o.in(t, c)
	out.retry = "usual"
	l := out.link
	if of == "adapter in" {
		l = in.link
	}
	h := startHub(t, c.dir, in, out)
	ids := make([]string, c.messages)
	for i := range ids {
		ids[i] = fmt.Sprintf("%s.%06d", c.name, i)
	}
	if err := in.put(t.Context(), ids[:first]); err != nil {
		t.Fatal(err)
	}
	h.awaits(t, "the first arrive", time.Minute, func() bool { return len(c.judge(t, out, ids[:first])) == 0 })
	if n := len(h.attention(t)); n > 0 {
		t.Fatalf("before: %+v", h.attention(t))
	}
	o.away(t, l)
	began := time.Now()
	fed := trickle(t, in, ids[first:])
	h.awaits(t, "the outage is seen", soonSeen, func() bool { return len(h.attention(t)) > 0 })
	seen := time.Since(began)
	time.Sleep(outageTime - seen)
	list := h.attention(t)
	if of == "adapter out" {
		h.awaits(t, "the queue says why its messages wait", soonSeen, func() bool { // not while all of them are being tried
			out := h.report()
			return strings.Contains(out, "wait since ") && strings.Contains(out, "out: ")
		})
	}
	if len(list) != 1 || list[0].What != "outage" || list[0].Of != of || list[0].Text == "" {
		t.Errorf("attention: %+v", list)
	}
	o.there(t, l)
	healed := time.Now()
	h.awaits(t, "the outage is gone", soonSeen, func() bool { return len(h.attention(t)) == 0 })
	gone := time.Since(healed)
	h.awaits(t, "all arrive", drained, func() bool { return len(c.judge(t, out, ids)) == 0 })
	<-fed
	t.Logf("seen after %.1f s, gone after %.1f s, %d waited, drained %.1f s after it healed: %s", seen.Seconds(), gone.Seconds(), list[0].Waiting, time.Since(healed).Seconds(), list[0].Text)
	if err := h.stop(); err != nil {
		t.Error(err)
	}
	if warned, over := strings.Count(h.log(), "level=WARN"), strings.Count(h.log(), "works again"); warned != 1 || over != 1 {
		t.Errorf("%d warnings, %d times over, want 1 of each:\n%s", warned, over, h.tail())
	}
}

// trickle puts messages one by one over the time of an outage. fed is closed when all are with the far end.
func trickle(t testing.TB, in source, ids []string) (fed <-chan struct{}) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		for _, id := range ids {
			for in.put(t.Context(), []string{id}) != nil && t.Context().Err() == nil {
				time.Sleep(50 * time.Millisecond)
			}
			time.Sleep(outageTime / time.Duration(len(ids)))
		}
	}()
	return done
}

// awaits waits until ok. Time in which the machine stood still, so that a sleep was longer than it should be, does not count.
func (h *hub) awaits(t testing.TB, what string, within time.Duration, ok func() bool) {
	t.Helper()
	const pause = 50 * time.Millisecond
	for end := time.Now().Add(within); !ok(); {
		slept := time.Now()
		if slept.After(end) {
			t.Fatalf("not within %s: %s\n%s", within, what, h.report())
		}
		time.Sleep(pause)
		end = end.Add(time.Since(slept) - pause)
	}
}

type attention struct {
	What, Of, Text string
	Waiting        int
}

// attention is what its status leads with.
func (h *hub) attention(t testing.TB) []attention {
	t.Helper()
	var v struct{ Attention []attention }
	if err := json.Unmarshal(h.get(t, "/status"), &v); err != nil {
		t.Fatal(err)
	}
	return v.Attention
}

// get is what its control socket answers.
func (h *hub) get(t testing.TB, path string) []byte {
	t.Helper()
	client := http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", filepath.Join(h.dir, "hub.sock"))
	}}}
	res, err := client.Get("http://hub" + path)
	if err != nil {
		t.Fatalf("%s: %v\n%s", path, err, h.tail())
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
