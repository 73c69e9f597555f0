package kafka

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	kafka "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/fetch"

	"orderhub/hub"
)

func TestArguments(t *testing.T) {
	for _, c := range []struct {
		arg    string
		source bool
		want   string
	}{
		{"topic web.orders", true, "web.orders"},
		{"topic web.orders", false, "web.orders"},
		{"channel order.events type topic pipeline stock pattern order.#", true, "order.events topic stock order,#"},
		{"channel orders type direct", false, "orders direct"},
		{"channel orders type direct", true, "error: the pipeline that reads is missing"},
		{"channel orders type queue pipeline x", true, "error: the type of a channel"},
		{"channel orders type direct pipeline x pattern a", true, "error: only a topic channel"},
		{"channel orders type direct colour red", true, `error: unknown word "colour"`},
		{"channel orders type", true, "error: a word is missing"},
		{"web.orders", true, "error: write topic web.orders"},
		{"", true, "error: write topic and its name"},
		{"topic", true, "error: write topic and its name"},
		{"topic a/b", true, "error: can't be the name of a topic"},
	} {
		a, err := parseArgument(c.arg, c.source)
		got := strings.TrimRight(strings.Join([]string{a.topic, a.kind, a.pipeline, strings.Join(a.pattern, ",")}, " "), " ")
		if want, fails := strings.CutPrefix(c.want, "error: "); fails {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%q: error %v, want %s", c.arg, err, want)
			}
		} else if err != nil || got != c.want {
			t.Errorf("%q: %q %v, want %q", c.arg, got, err, c.want)
		}
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
		{"half a certificate", func(c *Config) { c.TLS.Cert = "x" }, "belong together"},
		{"no such file", func(c *Config) { c.TLS.CA = "nowhere.pem" }, "nowhere.pem"},
		{"no mechanism", func(c *Config) { c.SASL.User = "u" }, "mechanism is missing"},
		{"unknown mechanism", func(c *Config) { c.SASL = secret; c.SASL.Mechanism = "gssapi" }, "is not known"},
		{"no password", func(c *Config) { c.SASL = secret; c.SASL.Password = "" }, "password is missing"},
		{"open password", func(c *Config) { c.SASL = secret }, "unencrypted"},
		{"password on this machine", func(c *Config) { c.SASL = secret; c.Brokers = []string{"127.0.0.1:9"} }, ""},
		{"password with tls", func(c *Config) { c.SASL = secret; c.TLS.Enabled = true }, ""},
	} {
		cfg := defaultConfig()
		cfg.Brokers = []string{"kafka-1:9092"}
		c.change(cfg)
		var got []string
		for _, f := range Component().Check(cfg, &hub.Env{Dir: t.TempDir()}) {
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
	a, err := Component().Open(cfg, &hub.Env{Name: "kafka", Clock: hub.RealClock{}})
	if err != nil {
		t.Fatal(err)
	}
	src := s.source(a.(*Adapter), "topic x", "g", nil)
	if err := src.Run(t.Context(), hub.HandlerFunc(nil)); reason(err) != "unavailable connection" {
		t.Errorf("Run: %v", err)
	}
	target := s.target(a.(*Adapter), "topic x")
	if err := target.Send(t.Context(), &hub.Message{ID: "1"}); reason(err) != "unavailable connection" {
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
		{"order.#", "order", true}, {"#", "", true}, {"#.late", "order.paid.late", true}, {"*.paid", "paid", false}, {"order", "orders", false},
	} {
		f := filter{pattern: strings.Split(c.pattern, ".")}
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

// TestAbortedTransactions reads what a broker gives to a reader of committed records.
func TestAbortedTransactions(t *testing.T) {
	batch := func(base int64, producer int64, values ...string) *protocol.RecordBatch {
		var recs []protocol.Record
		for i, v := range values {
			recs = append(recs, protocol.Record{Offset: base + int64(i), Value: protocol.NewBytes([]byte(v))})
		}
		b := &protocol.RecordBatch{BaseOffset: base, ProducerID: producer, Records: protocol.NewRecordReader(recs...)}
		if producer >= 0 {
			b.Attributes = protocol.Transactional
		}
		return b
	}
	end := func(base, producer int64) *protocol.ControlBatch {
		return &protocol.ControlBatch{BaseOffset: base, ProducerID: producer, Records: protocol.NewRecordReader()}
	}
	b := &batches{at: 1, next: 1, aborted: []fetch.ResponseTransaction{{ProducerID: 7, FirstOffset: 14}, {ProducerID: 7, FirstOffset: 2}}}
	err := b.read(&protocol.RecordStream{Records: []protocol.RecordReader{
		batch(0, -1, "seen", "a"), batch(2, 7, "no"), batch(3, 8, "b"), batch(4, 7, "no"), end(5, 7), batch(6, 7, "c"), end(7, 7), end(8, 8),
		batch(9, -1, "d"), batch(14, 7, "no"), end(15, 7),
	}})
	var got []string
	for _, r := range b.out {
		got = append(got, fmt.Sprint(r.offset, string(r.value)))
	}
	if want := []string{"1a", "3b", "6c", "9d"}; err != nil || !slices.Equal(got, want) || b.next != 16 {
		t.Errorf("got %q, next %d, %v; want %q", got, b.next, err, want)
	}
}

func TestMetadataIsRefusedWhenBroken(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for n := range 2000 {
		b := make([]byte, n%97)
		for i := range b {
			b[i] = byte(rnd.Uint32())
		}
		copy(b, "ordh")
		parseMetadata(b) // must not panic or run away
	}
	if _, err := parseMetadata(nil); err == nil {
		t.Error("nothing was taken for metadata")
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
		{kafka.NotLeaderForPartition, "unavailable kafka_6"},
	} {
		if got := reason(classify("x", c.err)); got != c.want {
			t.Errorf("%v: %s, want %s", c.err, got, c.want)
		}
	}
}

func TestHeadersBothWays(t *testing.T) {
	at := time.Date(2026, 5, 4, 3, 2, 1, 500_000_000, time.UTC)
	m := &hub.Message{ID: "o-1/2", Key: "k", Correlation: "o-1", Time: at, Expires: at.Add(time.Hour), Body: hub.NewBody([]byte("x")),
		Headers: hub.Headers{"x-a": "1", "raw.base64": "/wA=", "kafka.tombstone": "true", "hub-id": "older", "routing-key": "order.paid"}}
	p := newParcel(m)
	r := &run{Source: &Source{topic: "t"}, state: topicState{id: "abcdefghijklmnopqrstuv"}, env: &hub.Env{Clock: hub.RealClock{}}}
	got := r.message(3, &record{offset: 17, time: p.time, key: p.key, value: p.value, headers: append(p.headers, kafka.Header{Key: "X-Upper", Value: []byte("U")})})
	want := hub.Headers{"x-a": "1", "raw.base64": "/wA=", "hub-id": "o-1/2", "routing-key": "order.paid", "x-upper": "U"}
	if fmt.Sprint(got.Headers) != fmt.Sprint(want) {
		t.Errorf("headers %v, want %v", got.Headers, want)
	}
	if got.ID != "t.abcdefgh.3.17" || got.Key != "k" || got.Correlation != "o-1" || !got.Expires.Equal(m.Expires) || !got.Time.Equal(at) {
		t.Errorf("got %+v", got)
	}
	for _, h := range p.headers {
		if h.Key == "raw" && string(h.Value) != "\xff\x00" {
			t.Errorf("binary header is %q", h.Value)
		}
	}
}
