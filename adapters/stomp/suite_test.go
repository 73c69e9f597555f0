package stomp

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
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

// needServer is an address from the environment, where a server must be. Without one the test is skipped, and with
// HUB_TEST_SERVERS=1 it fails.
func needServer(t testing.TB, name, address string) string {
	t.Helper()
	if v := os.Getenv(name); v != "" {
		address = v
	}
	conn, err := net.DialTimeout("tcp", address, 2*time.Second)
	if err == nil {
		conn.Close()
		return address
	}
	if os.Getenv("HUB_TEST_SERVERS") == "1" {
		t.Fatalf("no RabbitMQ with its STOMP plugin: %v", err)
	}
	t.Skipf("no RabbitMQ with its STOMP plugin on %s; %s names another", address, name)
	return ""
}

// rabbit is the real server, and an AMQP client of it that is not the hub's.
type rabbit struct {
	t    testing.TB
	url  string // for STOMP
	conn *amqp.Connection
	mu   sync.Mutex
	ch   *amqp.Channel
	name string // what the test's queues begin with
}

var counter atomic.Int64

// rabbitURL is the URL of the same server for AMQP.
func rabbitURL() string {
	if url := os.Getenv("HUB_TEST_RABBIT"); url != "" {
		return url
	}
	return "amqp://guest:guest@127.0.0.1:5672/"
}

func newRabbit(t testing.TB) *rabbit {
	t.Helper()
	r := &rabbit{t: t, name: fmt.Sprintf("hubtest.stomp.%s.%d", hub.NewID(time.Now()), counter.Add(1)),
		url: "stomp://guest:guest@" + needServer(t, "HUB_TEST_STOMP", "127.0.0.1:61613")}
	var err error
	if r.conn, err = amqp.Dial(rabbitURL()); err != nil {
		t.Fatalf("no RabbitMQ on HUB_TEST_RABBIT: %v", err)
	}
	t.Cleanup(func() { r.conn.Close() })
	r.ch = r.channel()
	return r
}

func (r *rabbit) channel() *amqp.Channel {
	r.t.Helper()
	ch, err := r.conn.Channel()
	r.ok(err)
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
	r.t.Cleanup(func() { r.channel().QueueDelete(name, false, false, false) })
	return name
}

// exchange makes an exchange that is deleted with the test.
func (r *rabbit) exchange(suffix, kind string) string {
	r.t.Helper()
	name := r.name + "." + suffix
	r.ok(r.ch.ExchangeDeclare(name, kind, true, false, false, false, nil))
	r.t.Cleanup(func() { r.channel().ExchangeDelete(name, false, false) })
	return name
}

func (r *rabbit) put(queue string, p amqp.Publishing) {
	r.t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ok(r.ch.PublishWithContext(context.Background(), "", queue, false, false, p))
}

// depth is how many messages lie in a queue, ready; -1: there is no such queue.
func (r *rabbit) depth(queue string) int {
	r.t.Helper()
	ch := r.channel()
	q, err := ch.QueueDeclarePassive(queue, true, false, false, false, nil)
	if err != nil {
		return -1
	}
	ch.Close()
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

// manage asks RabbitMQ's management plugin, whose port is 10000 above. Without the plugin the test is skipped.
func manage(t testing.TB, method, path, body string) (answer []byte) {
	t.Helper()
	needServer(t, "HUB_TEST_STOMP", "127.0.0.1:61613")
	uri, err := amqp.ParseURI(rabbitURL())
	if err != nil {
		t.Fatal("HUB_TEST_RABBIT is no AMQP URL")
	}
	req, err := http.NewRequest(method, fmt.Sprintf("http://%s:%d/api/%s", uri.Host, uri.Port+10000, path), strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth("guest", "guest")
	client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Do(req)
	if err != nil {
		t.Skipf("no management plugin: %v", err)
	}
	defer res.Body.Close()
	answer, err = io.ReadAll(res.Body)
	if err != nil || res.StatusCode >= 300 {
		t.Fatalf("%s %s: %s %v", method, path, res.Status, err)
	}
	return answer
}

// deleteReaders deletes the queues that are bound to amq.topic by the key: the server itself has named them.
func (r *rabbit) deleteReaders(key string) {
	r.t.Helper()
	var bindings []struct {
		Queue string `json:"destination"`
		Key   string `json:"routing_key"`
	}
	r.ok(json.Unmarshal(manage(r.t, "GET", "exchanges/%2f/amq.topic/bindings/source", ""), &bindings))
	for _, b := range bindings {
		if b.Key == key {
			_, err := r.channel().QueueDelete(b.Queue, false, false, false)
			r.ok(err)
		}
	}
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
	a, err := definition().New(cfg, &hub.Env{Name: "broker", Log: slog.New(slog.NewTextHandler(log, nil))})
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

func (o *opened) caller(op string) hub.Caller {
	o.t.Helper()
	c, err := o.OpenCaller(op)
	if err != nil {
		o.t.Fatal(err)
	}
	return c
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
