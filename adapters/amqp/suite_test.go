package amqp

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
	"go.uber.org/goleak"

	"orderhub/hub"
	"orderhub/hub/broker"
	"orderhub/hub/hubtest"
	"orderhub/hub/units"
)

func TestMain(m *testing.M) {
	_ = flag.Set("test.parallel", "4") // tests that run side by side wait for servers and for times; they need no core each
	goleak.VerifyTestMain(m)
}

func TestComponent(t *testing.T) { hubtest.Component(t, Component()) }

// needRabbit is the address of a real RabbitMQ: that of HUB_TEST_RABBIT, else the one on this machine.
// Without one the test is skipped, and with HUB_TEST_SERVERS=1 it fails.
func needRabbit(t testing.TB) string {
	t.Helper()
	url := os.Getenv("HUB_TEST_RABBIT")
	if url == "" {
		url = "amqp://guest:guest@127.0.0.1:5672/"
	}
	uri, err := amqp.ParseURI(url)
	if err != nil {
		t.Fatal("HUB_TEST_RABBIT is no AMQP URL")
	}
	conn, err := net.DialTimeout("tcp", fmt.Sprintf("%s:%d", uri.Host, uri.Port), 2*time.Second)
	if err == nil {
		conn.Close()
		return url
	}
	if os.Getenv("HUB_TEST_SERVERS") == "1" {
		t.Fatalf("no RabbitMQ: %v", err)
	}
	t.Skipf("no RabbitMQ on %s; HUB_TEST_RABBIT names another", uri.Host)
	return ""
}

// rabbit is a client of the server that is not the hub's.
type rabbit struct {
	t    testing.TB
	url  string
	conn *amqp.Connection
	mu   sync.Mutex
	ch   *amqp.Channel
	name string // what the test's queues and exchanges begin with
}

var counter atomic.Int64

func newRabbit(t testing.TB) *rabbit {
	t.Helper()
	r := &rabbit{t: t, url: needRabbit(t), name: fmt.Sprintf("hubtest.%s.%d", hub.NewID(time.Now()), counter.Add(1))}
	var err error
	dial := func(network, addr string) (net.Conn, error) { // it reads what the library alone can't
		conn, err := net.Dial(network, addr)
		if err != nil {
			return nil, err
		}
		return newWire(conn, 1<<30), nil
	}
	if r.conn, err = amqp.DialConfig(r.url, amqp.Config{Dial: dial}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.conn.Close() })
	r.ch = r.channel()
	return r
}

func (r *rabbit) channel() *amqp.Channel {
	r.t.Helper()
	ch, err := r.conn.Channel()
	if err != nil {
		r.t.Fatal(err)
	}
	return ch
}

func (r *rabbit) ok(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

// queue makes a durable queue that is deleted with the test.
func (r *rabbit) queue(suffix string, args amqp.Table) string {
	r.t.Helper()
	name := r.drop(suffix)
	_, err := r.ch.QueueDeclare(name, true, false, false, false, args)
	r.ok(err)
	return name
}

// drop names a queue that the hub makes, and that is deleted with the test.
func (r *rabbit) drop(suffix string) string {
	name := r.name + "." + suffix
	r.t.Cleanup(func() {
		ch := r.channel()
		ch.QueueDelete(name, false, false, false)
	})
	return name
}

// exchange names an exchange that is deleted with the test; kind "" leaves its making to the hub.
func (r *rabbit) exchange(suffix, kind string) string {
	r.t.Helper()
	name := r.name + "." + suffix
	if kind != "" {
		r.ok(r.ch.ExchangeDeclare(name, kind, true, false, false, false, nil))
	}
	r.t.Cleanup(func() { r.channel().ExchangeDelete(name, false, false) })
	return name
}

func (r *rabbit) put(exchange, key string, p amqp.Publishing) {
	r.t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ok(r.ch.PublishWithContext(context.Background(), exchange, key, false, false, p))
}

// depth is how many messages lie in a queue, ready.
func (r *rabbit) depth(queue string) int {
	r.t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	q, err := r.ch.QueueDeclarePassive(queue, true, false, false, false, nil)
	r.ok(err)
	return q.Messages
}

// get takes the next message of a queue within patience.
func (r *rabbit) get(queue string) amqp.Delivery {
	r.t.Helper()
	var d amqp.Delivery
	hubtest.Until(r.t, "no message in "+queue, func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		var ok bool
		var err error
		d, ok, err = r.ch.Get(queue, true)
		r.ok(err)
		return ok
	})
	return d
}

// opened is an adapter under test.
type opened struct {
	*Adapter
	t   testing.TB
	log *hubtest.Log
}

// openAdapter makes an adapter that is closed with the test.
func openAdapter(t testing.TB, url string, change func(*Config)) *opened {
	t.Helper()
	cfg := defaultConfig()
	cfg.URL = hub.Secret(url)
	cfg.Reconnect = broker.Reconnect{Min: 20 * time.Millisecond, Max: 500 * time.Millisecond}
	cfg.Heartbeat = 2 * time.Second
	if change != nil {
		change(cfg)
	}
	log := &hubtest.Log{}
	a, err := definition().New(cfg, &hub.Env{Name: "rabbit", Log: slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close(context.Background()) })
	return &opened{a, t, log}
}

func (o *opened) source(arg string, change func(*SourceConfig)) hub.Source {
	o.t.Helper()
	cfg := defaultSource()
	if change != nil {
		change(cfg)
	}
	s, err := o.OpenSource(arg, cfg)
	if err != nil {
		o.t.Fatal(err)
	}
	return s
}

func (o *opened) target(arg string) hub.Target {
	o.t.Helper()
	s, err := o.OpenTarget(arg)
	if err != nil {
		o.t.Fatal(err)
	}
	o.t.Cleanup(func() { s.Close() })
	return s
}

func message1(id, body string) *hub.Message {
	return &hub.Message{ID: id, Time: time.Now().UTC(), Headers: hub.Headers{hub.HeaderContentType: "application/json"}, Body: hub.NewBody([]byte(body))}
}

// background is a context that ends before the tests are given up.
func background(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func defaultConfig() *Config { return units.Defaults[Config]() }

func defaultSource() *SourceConfig { return units.Defaults[SourceConfig]() }
