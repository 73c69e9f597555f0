package stomp

import (
	"context"
	"net/url"
	"strings"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"orderhub/hub"
	"orderhub/hub/hubtest"
)

// Row 48: what a broken server sends ends the connection with its reason; the next one is opened, and messages go on.
func TestBrokenServer(t *testing.T) {
	const head = "MESSAGE\nsubscription:hub\nmessage-id:1\nack:1\n"
	for name, c := range map[string]struct{ raw, reason, want string }{
		"no NUL":               {head + "\nbody", reasonProtocol, "before its NUL"},
		"content-length lies":  {head + "content-length:2\n\nbody\x00", reasonProtocol, "content-length is wrong"},
		"content-length large": {head + "content-length:9\n\nbody\x00", reasonProtocol, "before its NUL"},
		"escape":               {head + "a:\\q\n\nbody\x00", reasonProtocol, `the escape "\\q"`},
		"1 GB":                 {head + "content-length:1073741824\n\nbody", reasonProtocol, "1073741824 bytes"},
		"no ack":               {"MESSAGE\nsubscription:hub\nmessage-id:1\n\nbody\x00", reasonProtocol, "can't be acknowledged"},
		"wrong frame":          {"CONNECTED\nversion:1.2\n\n\x00", reasonProtocol, "a server sends no CONNECTED"},
		"HTTP":                 {"HTTP/1.1 200 OK\r\n\r\n", reasonProtocol, "no STOMP server"},
		"ERROR":                {"ERROR\nmessage:malformed frame received\n\nThe message:\n-----\nMESSAGE\x00", reasonProtocol, "the server says: malformed frame received: The message: -----"},
		"ERROR without text":   {"ERROR\nmessage:Processing error\n\n\x00", reasonProtocol, "the server says: Processing error"},
		"cancelled":            {"ERROR\nmessage:Server cancelled subscription\n\nThe server has canceled a subscription.\x00", reasonTopology, "the server says: Server cancelled"},
		"end":                  {"", reasonLost, "connection lost"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newFake(t, func(conn *fakeConn, f *frame) bool {
				if f.command != cmdSubscribe {
					return false
				}
				if conn.nth == 1 {
					conn.raw(c.raw)
					if c.reason == reasonLost || strings.HasSuffix(c.want, "NUL") {
						conn.Close()
					}
					return true
				}
				conn.deliver([]byte("well"), header{headerID, "1"})
				return true
			})
			var got hubtest.Seen
			source := openAdapter(t, s.url, nil).source("/queue/a", nil)
			hubtest.WantError(t, source.Run(background(t), &got), hub.Unavailable, c.reason, "broker /queue/a", c.want)
			if len(got.All()) > 0 {
				t.Errorf("a broken frame became a message: %+v", got.All()[0])
			}
			hubtest.Feed(t, source, &got)
			if m := got.First(t); string(m.Body.Bytes()) != "well" {
				t.Errorf("%+v", m)
			}
			hubtest.Until(t, "no ACK", func() bool { return len(s.got(cmdAck)) == 1 })
		})
	}
}

// Row 48: a server that misses its heart-beats is lost. Ours are sent, and keep the connection to the real one.
func TestHeartBeats(t *testing.T) {
	t.Parallel()
	s := newFake(t, nil)
	s.beat = "1000,1000"
	source := openAdapter(t, s.url, func(c *Config) { c.Heartbeat = time.Second }).source("/queue/a", nil)
	began := time.Now()
	hubtest.WantError(t, source.Run(background(t), &hubtest.Seen{}), hub.Unavailable, reasonProtocol, "no heart-beat")
	if took := time.Since(began); took < time.Second || took > 15*time.Second {
		t.Errorf("noticed after %s", took)
	}

	r := newRabbit(t)
	target := openAdapter(t, r.url, func(c *Config) { c.Heartbeat = 2 * time.Second }).target("/queue/" + r.drop("q")).(*Target)
	r.ok(target.Send(background(t), message1("1", "{}")))
	first, err := target.keep.Get(background(t))
	r.ok(err)
	time.Sleep(7 * time.Second) // RabbitMQ gives up after 6
	r.ok(target.Send(background(t), message1("2", "{}")))
	if again, _ := target.keep.Get(background(t)); again != first {
		t.Error("the connection was lost")
	}
}

// A handshake that goes wrong costs no attempt, and says what it was.
func TestHandshakes(t *testing.T) {
	for name, c := range map[string]struct{ raw, want string }{
		"ERROR":      {"ERROR\nmessage:Bad CONNECT\n\nAccess refused for user 'user'\x00", "the server says: Bad CONNECT: Access refused for user 'user'"},
		"version":    {"CONNECTED\nversion:2.0\n\n\x00", `STOMP "2.0"`},
		"heart-beat": {"CONNECTED\nversion:1.2\nheart-beat:soon,x\n\n\x00", `heart-beat is "soon,x"`},
		"RECEIPT":    {"RECEIPT\nreceipt-id:1\n\n\x00", "answers CONNECT with no RECEIPT"},
		"SSH":        {"SSH-2.0-OpenSSH_9.2\r\n", "no STOMP server"},
	} {
		s := newFake(t, func(conn *fakeConn, f *frame) bool { conn.raw(c.raw); return true })
		a := openAdapter(t, s.url, nil)
		e := hubtest.WantError(t, a.target("/queue/a").Send(background(t), message1("1", "{}")), hub.Unavailable, hub.NotConnected, "no connection to 127.0.0.1", c.want)
		if strings.Contains(e.Error(), "swordfish") {
			t.Errorf("%s: the secret is in %q", name, e)
		}
		hubtest.WantError(t, a.source("/queue/a", nil).Run(background(t), &hubtest.Seen{}), hub.Unavailable, hub.NotConnected, c.want)
		if _, err := a.Inspect(background(t)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Row 43: no dead letter for a wrong password or a server that isn't there, and no password in the text.
func TestNoConnection(t *testing.T) {
	host := needServer(t, "HUB_TEST_STOMP", "127.0.0.1:61613")
	for name, url := range map[string]string{
		"password": "stomp://guest:swordfish@" + host,
		"vhost":    "stomp://guest:guest@" + host + "/nowhere",
		"tls":      "stomp+ssl://guest:swordfish@" + host,
		"nobody":   "stomp://guest:swordfish@127.0.0.1:1",
	} {
		t.Run(name, func(t *testing.T) {
			a := openAdapter(t, url, nil)
			err := a.target("/queue/x").Send(background(t), message1("1", "{}"))
			hubtest.WantError(t, err, hub.Unavailable, hub.NotConnected, "no connection to")
			if strings.Contains(err.Error(), "swordfish") {
				t.Errorf("the secret is in %q", err)
			}
			_, err = a.caller("/queue/x").Call(background(t), message1("1", "{}"))
			hubtest.WantError(t, err, hub.Unavailable, hub.NotConnected)
			hubtest.WantError(t, a.source("/queue/x", nil).Run(background(t), &hubtest.Seen{}), hub.Unavailable, hub.NotConnected)
		})
	}
	if findings, err := openAdapter(t, "stomp://guest:guest@"+host, nil).Inspect(background(t)); err != nil || len(findings) > 0 {
		t.Error(findings, err)
	}
}

// A user whose password needs escaping in CONNECT and in the URL, and who may not do everything.
func TestLoginAndRights(t *testing.T) {
	r := newRabbit(t)
	const password = `p:a\b/c@d%`
	user := strings.ReplaceAll(r.name, ".", "-")
	manage(t, "PUT", "users/"+user, `{"password":"p:a\\b/c@d%","tags":""}`)
	t.Cleanup(func() { manage(t, "DELETE", "users/"+user, "") })
	manage(t, "PUT", "permissions/%2f/"+user, `{"configure":".*","write":"amq.default","read":""}`)
	login := strings.Replace(r.url, "guest:guest", url.UserPassword(user, password).String(), 1)
	a := openAdapter(t, login, nil)
	r.ok(a.target("/queue/"+r.drop("q")).Send(background(t), message1("1", "{}")))
	hubtest.WantError(t, a.target("/topic/x").Send(background(t), message1("1", "{}")), hub.Unavailable, reasonAccess, "/topic/x", "refused for user")
	hubtest.WantError(t, a.source("/queue/"+r.name+".q", nil).Run(background(t), &hubtest.Seen{}), hub.Unavailable, reasonAccess, "refused for user")
}

// What is missing, or declared otherwise, is said; a fault of one destination costs no other.
func TestTopologyFaults(t *testing.T) {
	r := newRabbit(t)
	a := openAdapter(t, r.url, nil)
	good := a.target("/queue/" + r.drop("good")).(*Target)
	r.ok(good.Send(background(t), message1("1", "{}")))
	conn, _ := good.keep.Get(background(t))

	e := hubtest.WantError(t, a.target("/exchange/"+r.name+".no/k").Send(background(t), message1("1", "{}")), hub.Unavailable, reasonTopology, "no exchange '"+r.name+".no'")
	if strings.Contains(e.Error(), "NOT_FOUND") {
		t.Error(e)
	}
	hubtest.WantError(t, a.source("/amq/queue/"+r.name+".no", nil).Run(background(t), &hubtest.Seen{}), hub.Unavailable, reasonTopology, "no queue")
	q := r.queue("q", amqp.Table{"x-queue-type": "quorum"})
	hubtest.WantError(t, a.source("/queue/"+q, nil).Run(background(t), &hubtest.Seen{}), hub.Unavailable, reasonTopology, "declared with other arguments", "x-queue-type", "/amq/queue/NAME takes a queue as it is")
	r.ok(a.target("/amq/queue/"+q).Send(background(t), message1("1", "{}")))
	if d := r.get(q); d.MessageId != "1" {
		t.Error(d)
	}
	r.ok(good.Send(background(t), message1("2", "{}")))
	if again, _ := good.keep.Get(background(t)); again != conn {
		t.Error("the fault of one destination cost the connection of another")
	}
}

// Row 46: too large a message is refused, alone.
func TestTooLarge(t *testing.T) {
	r := newRabbit(t)
	a := openAdapter(t, r.url, func(c *Config) { c.MaxBody = 1 << 20 })
	dead := r.queue("dead", nil)
	q := r.queue("q", amqp.Table{"x-dead-letter-exchange": "", "x-dead-letter-routing-key": dead})
	p := newProxy(t, r.url)
	a.server.address = p.Address
	var got hubtest.Seen
	hubtest.Feed(t, a.source("/amq/queue/"+q, nil), &got)
	r.put(q, amqp.Publishing{MessageId: "body", Body: make([]byte, 3<<20)})
	r.put(q, amqp.Publishing{MessageId: "headers", Headers: amqp.Table{"l": strings.Repeat("x", 100<<10)}, Body: []byte("x")})
	r.put(q, amqp.Publishing{MessageId: "edge", Headers: amqp.Table{"a": "b", "l": strings.Repeat("x", 60<<10)}, Body: make([]byte, 1<<20)})
	if m := got.First(t); m.ID != "edge" || m.Body.Len() != 1<<20 || m.Headers["a"] != "b" {
		t.Errorf("%s, %d bytes", m.ID, m.Body.Len())
	}
	ids := map[string]bool{r.get(dead).MessageId: true, r.get(dead).MessageId: true}
	if !ids["body"] || !ids["headers"] {
		t.Errorf("dead letters %v", ids)
	}
	if p.naks.Load() != 2 || p.Opened.Load() != 1 {
		t.Errorf("%d refusals, %d connections", p.naks.Load(), p.Opened.Load())
	}
	for _, event := range []string{"event=header_too_large", "event=body_too_large"} {
		if !strings.Contains(a.log.String(), event) {
			t.Errorf("no %s in %s", event, a.log)
		}
	}

	target := a.target("/queue/" + dead)
	hubtest.WantError(t, target.Send(background(t), message1("1", strings.Repeat("x", 2<<20))), hub.Invalid, reasonBody)
	hubtest.WantError(t, target.Send(background(t), message1("1", "{}").WithHeader("x", strings.Repeat("x", 10<<20))), hub.Invalid, reasonTooLarge)
	hubtest.WantError(t, target.Send(background(t), message1(strings.Repeat("i", 300), "")), hub.Invalid, reasonTooLarge)
	hubtest.WantError(t, target.Send(background(t), message1("1", "{}").WithHeader("x", "a\x00b")), hub.Invalid, reasonHeader)
	r.ok(target.Send(background(t), message1("after", "{}")))
}

// Row 49: the value comes as it is; who sends it on by HTTP or mail refuses it.
func TestLineEndsInHeader(t *testing.T) {
	r := newRabbit(t)
	a := openAdapter(t, r.url, nil)
	q := r.queue("q", nil)
	var got hubtest.Seen
	hubtest.Feed(t, a.source("/queue/"+q, nil), &got)
	value := "a\r\nSet-Cookie: b\\n:c"
	r.ok(a.target("/queue/"+q).Send(background(t), message1("1", "{}").WithHeader("x-a", value)))
	if v := got.First(t).Headers["x-a"]; v != value {
		t.Errorf("%q", v)
	}
}

// Row 47: RabbitMQ that is out of memory stops to read from who sends. What can't be handed over was not tried.
func TestServerTakesNothing(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	s := newFake(t, func(conn *fakeConn, f *frame) bool {
		if f.command == cmdSend {
			<-release
		}
		return false
	})
	target := openAdapter(t, s.url, func(c *Config) { c.ConfirmTimeout = 200 * time.Millisecond }).target("/queue/a")
	body := strings.Repeat("x", 1<<20)
	var class hub.Class
	for i := 0; i < 200 && class != hub.Throttled; i++ {
		done := make(chan error, 40)
		for range cap(done) {
			go func() { done <- target.Send(background(t), message1("1", body)) }()
		}
		for range cap(done) {
			if e := hub.AsError(<-done); e.Class == hub.Throttled {
				class = e.Class
				hubtest.WantError(t, e, hub.Throttled, reasonBlocked)
			} else {
				hubtest.WantError(t, e, hub.Timeout, "timeout")
			}
		}
	}
	if class != hub.Throttled {
		t.Error("all were taken to be under way")
	}
	close(release)
	hubtest.Until(t, "sends did not go on", func() bool { return target.Send(context.Background(), message1("2", "{}")) == nil })
}
