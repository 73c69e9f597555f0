package kafka

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	kafka "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"

	"orderhub/hub"
	"orderhub/hub/hubtest"
)

func TestArguments(t *testing.T) {
	for _, c := range []struct{ arg, want string }{
		{"topic web.orders", ""},
		{"web.orders", "write topic web.orders"},
		{"", "write topic and its name"},
		{"topic", "write topic and its name"},
		{"topic a b", "write topic and its name"},
		{"channel orders type direct", "write topic and its name"},
		{"topic a/b", "write letters, digits"},
		{"topic " + strings.Repeat("x", 250), "write letters, digits"},
	} {
		for _, faults := range [][]hub.FieldFault{Component().CheckSource(c.arg, defaultSource()), Component().CheckTarget(c.arg)} {
			if c.want == "" && len(faults) > 0 || c.want != "" && (len(faults) != 1 || !strings.Contains(faults[0].Help, c.want)) {
				t.Errorf("%q: %+v, want %q", c.arg, faults, c.want)
			}
		}
		a := (&server{t: t, addr: "127.0.0.1:1"}).adapter(nil)
		_, err := a.OpenTarget(c.arg)
		if (err == nil) != (c.want == "") {
			t.Errorf("%q: OpenTarget: %v", c.arg, err)
		}
	}
}

// TestPlace: where the hub runs without Kafka, each pipeline that reads a topic gets all of it.
func TestPlace(t *testing.T) {
	cfg := defaultSource()
	c, s, err := Component().Place("topic web.orders", cfg)
	if err != nil || c != (hub.Carried{Name: "web.orders", Type: "fanout"}) || s.Match != nil {
		t.Errorf("%+v %+v %v", c, s, err)
	}
	cfg.Match = map[string]string{"region": "eu"}
	c, s, err = Component().Place("topic web.orders", cfg)
	if err != nil || c.Type != "headers" || s.Match["region"] != "eu" {
		t.Errorf("with match: %+v %+v %v", c, s, err)
	}
	if c, _, err = Component().Place("topic web.orders", nil); err != nil || c.Type != "fanout" {
		t.Errorf("of a target: %+v %v", c, err)
	}
	if _, _, err = Component().Place("web.orders", cfg); err == nil {
		t.Error("no topic, no error")
	}
}

func TestConfigFaults(t *testing.T) {
	secret := SASL{Mechanism: "plain", User: "u", Password: "p"}
	for _, c := range []struct {
		name   string
		change func(*Config)
		want   string
	}{
		{"good", func(c *Config) {}, ""},
		{"comma text", func(c *Config) { c.Brokers = []string{"a:1, b:2"} }, ""},
		{"no port", func(c *Config) { c.Brokers = []string{"a:1,b"} }, `"b" is no address`},
		{"half a certificate", func(c *Config) { c.TLS.Cert = "x" }, "one of cert and key"},
		{"no such file", func(c *Config) { c.TLS.CA = "nowhere.pem" }, "nowhere.pem"},
		{"no mechanism", func(c *Config) { c.SASL.User = "u" }, "mechanism is missing"},
		{"unknown mechanism", func(c *Config) { c.SASL = secret; c.SASL.Mechanism = "gssapi" }, "is not known"},
		{"no password", func(c *Config) { c.SASL = secret; c.SASL.Password = "" }, "password is missing"},
		{"open password", func(c *Config) { c.SASL = secret }, "unencrypted"},
		{"password on this machine", func(c *Config) { c.SASL = secret; c.Brokers = []string{"127.0.0.1:9"} }, ""},
		{"an op that is no topic", func(c *Config) { c.Ops = map[string]string{"a": "queue x"} }, `op "a"`},
		{"a reply topic that can't be", func(c *Config) { c.ReplyTopic = "a b" }, "reply_topic"},
		{"a hub's name that gives none", func(c *Config) { c.Ops = map[string]string{"a": "topic x"} }, `"my hub.replies"`},
		{"password with tls", func(c *Config) { c.SASL = secret; c.TLS.Enabled = true }, ""},
	} {
		cfg := defaultConfig()
		cfg.Brokers = []string{"kafka-1:9092"}
		c.change(cfg)
		var got []string
		for _, f := range Component().Check(cfg, &hub.Env{Hub: "my hub", Dir: t.TempDir()}) {
			got = append(got, f.Message)
		}
		if text := strings.Join(got, "; "); c.want == "" && text != "" || !strings.Contains(text, c.want) {
			t.Errorf("%s: %q, want %q", c.name, text, c.want)
		}
	}
}

func TestOpenNeedsNoBroker(t *testing.T) {
	cfg := defaultConfig()
	cfg.Brokers = []string{"127.0.0.1:1"}
	cfg.SASL = SASL{Mechanism: "scram-sha-512", User: "u", Password: "p"}
	s := &server{t: t}
	a, err := definition().New(cfg, &hub.Env{Name: "kafka", Clock: hub.RealClock{}})
	if err != nil {
		t.Fatal(err)
	}
	src := s.source(a, "topic x", "g", nil)
	if err := src.Run(t.Context(), hub.HandlerFunc(nil)); reason(err) != "unavailable connection" {
		t.Errorf("Run: %v", err)
	}
	target := s.target(a, "topic x")
	if err := target.Send(t.Context(), &hub.Message{ID: "1"}); reason(err) != "unavailable not_connected" {
		t.Errorf("Send: %v", err)
	}
	if err := errors.Join(target.Close(), a.Close(t.Context())); err != nil {
		t.Error(err)
	}
	if err := target.Send(t.Context(), &hub.Message{ID: "1"}); err == nil {
		t.Error("a closed target takes messages")
	}
}

func TestTopicMatch(t *testing.T) {
	for _, c := range []struct {
		pattern, key string
		want         bool
	}{
		{"order.paid", "order.paid", true}, {"order.*", "order.paid", true}, {"order.*", "order.paid.late", false},
		{"order.#", "order", true}, {"#", "", true}, {"*", "", false}, {"#.*", "", false}, {"#.late", "order.paid.late", true}, {"*.paid", "paid", false}, {"order", "orders", false},
	} {
		f := filter{pattern: c.pattern}
		if got := f.takes(hub.Headers{hub.HeaderRoutingKey: c.key}); got != c.want {
			t.Errorf("%s takes %s: %v", c.pattern, c.key, got)
		}
	}
}

// TestTrackerIsContiguous finishes records in any order: the position is always the first offset that is not finished.
func TestTrackerIsContiguous(t *testing.T) {
	for seed := range uint64(50) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		tr := newTracker(100, -1)
		next, open := int64(100), map[uint64]int64{}
		last := int64(100)
		for range 2000 {
			if len(open) == 0 || rnd.IntN(2) == 0 && len(open) < 200 {
				next += int64(rnd.IntN(3)) // offsets have gaps
				open[tr.begin(next)] = next
				next++
			} else {
				for number := range open { // in any order
					delete(open, number)
					tr.done(number)
					break
				}
			}
			want := next
			for _, offset := range open {
				want = min(want, offset)
			}
			if len(open) == 0 {
				want = tr.end
			}
			got, due := tr.due()
			if got != want || got < last || !due {
				t.Fatalf("seed %d: position %d (due %v), want %d, was %d", seed, got, due, want, last)
			}
			last = got
		}
		tr.commit(last)
		tr.commit(last - 50)
		if _, due := tr.due(); due {
			t.Error("a position is committed twice, or an older one")
		}
	}
}

// TestNotTakenIsNotFinished: the records that a source has fetched and not begun when it stops are not behind its position.
func TestNotTakenIsNotFinished(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	release := make(chan struct{})
	r := &run{Source: &Source{adapter: &Adapter{}, cfg: SourceConfig{Workers: 1}, topic: "t", form: onChannel}, ctx: ctx, env: &hub.Env{Clock: hub.RealClock{}, Log: slog.New(slog.DiscardHandler)},
		handler: hub.HandlerFunc(func(context.Context, *hub.Message) error { <-release; return nil })}
	g := &generation{run: r, work: t.Context(), enough: hub.NewSignal()}
	g.begin()
	p := &partition{generation: g, track: newTracker(0, 0)}
	for i := range int64(2) { // one in the handler, one that is ready: there is no more room
		if !p.take(ctx, &record{offset: i}) {
			t.Fatal("not taken")
		}
	}
	cancel()
	if p.take(ctx, &record{offset: 2}) {
		t.Fatal("taken though there is no room")
	}
	close(release)
	hubtest.Until(t, "what was taken is not finished", func() bool { at, _ := p.track.due(); return at >= 2 })
	<-g.intake.Stop()
	if at, _ := p.track.due(); at != 2 || p.track.open() != 1 {
		t.Errorf("the position is %d with %d records open, and record 2 was never handled", at, p.track.open())
	}
}

func TestClasses(t *testing.T) {
	for _, c := range []struct {
		err  error
		want string
	}{
		{kafka.MessageSizeTooLarge, "rejected too_large"},
		{fmt.Errorf("x: %w", kafka.SASLAuthenticationFailed), "unavailable auth"},
		{kafka.TopicAuthorizationFailed, "unavailable auth"},
		{kafka.UnknownTopicOrPartition, "unavailable no_topic"},
		{protocol.NewErrNoTopic("x"), "unavailable no_topic"},
		{kafka.NotEnoughReplicas, "unavailable not_enough_replicas"},
		{kafka.RequestTimedOut, "timeout timeout"},
		{os.ErrDeadlineExceeded, "timeout timeout"},
		{context.DeadlineExceeded, "timeout timeout"},
		{context.Canceled, "unavailable stopping"},
		{io.ErrUnexpectedEOF, "unavailable connection"},
		{kafka.ThrottlingQuotaExceeded, "throttled quota"},
		{kafka.NotLeaderForPartition, "unavailable no_leader"},
		{kafka.NotController, "unavailable kafka_41"},
	} {
		if got := reason(classify("x", c.err)); got != c.want {
			t.Errorf("%v: %s, want %s", c.err, got, c.want)
		}
	}
}
