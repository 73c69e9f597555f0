package amqp

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"orderhub/hub"
	"orderhub/hub/broker"
)

func TestMessageMapping(t *testing.T) {
	now := time.Date(2026, 11, 21, 9, 0, 10, 0, time.UTC)
	d := amqp.Delivery{MessageId: "m-1", CorrelationId: "order-7", ContentType: "application/json", ReplyTo: "answers", Expiration: "30000",
		Timestamp: now.Add(-10 * time.Second), RoutingKey: "a.b", Exchange: "x", Type: "order", AppId: "shop", Priority: 3, Redelivered: true, Body: []byte("{}"),
		Headers: amqp.Table{"Region": "eu", "n": int64(5), "b": true, "f": 1.5, "none": nil, "raw": []byte("text"), "at": now, "x-delivery-count": int64(4),
			"price": amqp.Decimal{Scale: 2, Value: -5}, "t": amqp.Table{"b": []any{int32(1), "x", amqp.Decimal{Scale: 1, Value: 15}}}}}
	m, err := message(&d, now, false)
	if err != nil {
		t.Fatal(err)
	}
	want := hub.Headers{"region": "eu", "n": "5", "b": "true", "f": "1.5", "raw": "text", "at": "2026-11-21T09:00:10Z", "x-delivery-count": "4", "price": "-0.05",
		"t": `{"b":[1,"x","1.5"]}`, "content-type": "application/json", "reply-to": "answers", "routing-key": "a.b", "amqp.exchange": "x", "amqp.type": "order",
		"amqp.app-id": "shop", "amqp.priority": "3", "amqp.redelivered": "true", "none": "", broker.HeaderExact: m.Headers[broker.HeaderExact]}
	for name, v := range want {
		if m.Headers[name] != v {
			t.Errorf("%s: %q, want %q", name, m.Headers[name], v)
		}
	}
	if len(m.Headers) != len(want) {
		t.Errorf("headers %v", m.Headers)
	}
	if m.ID != "m-1" || m.Correlation != "order-7" || !m.Expires.Equal(now.Add(20*time.Second)) || !m.Time.Equal(d.Timestamp) {
		t.Errorf("%+v", m)
	}
	for key, v := range map[string]string{"": "", "Region": "eu", "correlation-id": "order-7", "message-id": "m-1", "routing-key": "a.b", "no": ""} {
		if got := broker.KeyOf(m, key); got != v {
			t.Errorf("key %s: %q, want %q", key, got, v)
		}
	}

	a := &Adapter{cfg: *defaultConfig(), env: &hub.Env{Clock: hub.RealClock{}}}
	m.Expires = time.Now().Add(time.Minute)
	p, err := a.publishing(m, place{})
	if err != nil {
		t.Fatal(err)
	}
	if p.MessageId != "m-1" || p.CorrelationId != "order-7" || p.ContentType != "application/json" || p.ReplyTo != "answers" || p.Type != "order" || p.Priority != 3 ||
		p.DeliveryMode != amqp.Persistent || len(p.Expiration) != 5 || !p.Timestamp.Equal(m.Time) {
		t.Errorf("%+v", p)
	}
	for _, gone := range []string{"x-delivery-count", "amqp.exchange", "amqp.redelivered", "content-type", "reply-to"} {
		if _, sent := p.Headers[gone]; sent {
			t.Errorf("%s is sent", gone)
		}
	}
	if p.Headers["Region"] != "eu" || p.Headers["n"] != int64(5) || p.Headers["routing-key"] != "a.b" {
		t.Errorf("%v", p.Headers)
	}
	m.Expires = time.Now().Add(-time.Second)
	if _, err := a.publishing(m, place{}); hub.AsError(err).Reason != "expired" {
		t.Error(err)
	}
}

// A sender's clock that is wrong by a day must not make its messages worthless, nor give them a day more.
func TestExpiresByWrongClock(t *testing.T) {
	now := time.Now().UTC()
	for _, at := range []time.Time{{}, now.Add(-24 * time.Hour), now.Add(24 * time.Hour)} {
		if e := broker.Expiry(time.Time{}, at, now, "1000"); !e.Equal(now.Add(time.Second)) {
			t.Errorf("sent at %s: %s", at, e)
		}
	}
	for _, text := range []string{"", "x", "-1", "99999999999999999999", "9999999999999999"} {
		if e := broker.Expiry(time.Time{}, time.Time{}, now, text); !e.IsZero() {
			t.Errorf("%q: %s", text, e)
		}
	}
}

func TestPlaces(t *testing.T) {
	for text, want := range map[string]string{
		"queue orders":                      "q=orders x= k=",
		"exchange orders key a.*":           "q= x=orders k=a.*",
		"exchange orders type topic":        "q= x=orders k=",
		"":                                  "is no queue and no exchange: write queue NAME, or exchange NAME key PATTERN",
		"orders":                            "is no queue and no exchange: write queue orders, or exchange orders key PATTERN",
		"queue":                             "is no queue and no exchange: write queue NAME",
		"queu orders":                       `"queu" is not known here: write queue orders`,
		"exchnge x key a":                   `"exchnge" is not known here: write exchange x`,
		"topic x":                           `"topic" is not known here: write exchange x type topic`,
		"channel c type direct":             `"channel" is not known here: write queue NAME`,
		"queue a key b":                     "nothing can follow the name of a queue: write queue a",
		"exchange x type tropic":            `"tropic" is no type of an exchange: write direct, topic, fanout, headers behind type`,
		"exchange x type":                   `nothing follows "type": write exchange NAME type TYPE`,
		"exchange x kye a":                  `"kye" is not known here: write exchange NAME type TYPE key PATTERN`,
		"queue " + strings.Repeat("q", 300): "longer than 255 bytes: take a shorter name",
	} {
		p, m := parsePlace(text)
		got := "q=" + p.queue + " x=" + p.exchange + " k=" + p.key
		if m != nil {
			got = m.Error()
		}
		if !strings.Contains(got, want) || m == nil && got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}

func TestCheck(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Config)
		want   []string
	}{
		"good":      {func(c *Config) {}, nil},
		"tls":       {func(c *Config) { c.URL, c.TLS.CA = "amqps://host", "ca.pem" }, nil},
		"url":       {func(c *Config) { c.URL = "amqp://u:sword#fish@host" }, []string{"url"}},
		"http":      {func(c *Config) { c.URL = "http://u:swordfish@host" }, []string{"url"}},
		"plain tls": {func(c *Config) { c.TLS.Cert = "a" }, []string{"tls", "tls"}},
		"pauses":    {func(c *Config) { c.Reconnect.Max = time.Millisecond }, []string{"reconnect.max"}},
		"ops": {func(c *Config) {
			c.Ops = map[string]string{"a": "stock", "b": "queue x", "c": "channel c type topic"}
		}, []string{"ops.a", "ops.c"}},
	} {
		cfg := defaultConfig()
		cfg.URL = "amqp://u:swordfish@host"
		c.change(cfg)
		var got []string
		for _, f := range cfg.check() {
			got = append(got, f.Path)
			if strings.Contains(f.Message, "sword") {
				t.Errorf("%s: the secret is in %q", name, f.Message)
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: faults at %q, want %q", name, got, c.want)
		}
	}
}

func TestArguments(t *testing.T) {
	got, err := arguments(map[string]any{"x-max-length": json.Number("5"), "x-ratio": json.Number("0.5"), "l": []any{"a", true}, "t": map[string]any{"n": 1}})
	if err != nil || got["x-max-length"] != int64(5) || got["x-ratio"] != 0.5 || got["t"].(amqp.Table)["n"] != int64(1) {
		t.Errorf("%v %v", got, err)
	}
	if err := got.Validate(); err != nil {
		t.Error(err)
	}
	if _, err := arguments(map[string]any{"a": time.Second}); err == nil {
		t.Error("a duration is taken")
	}
}

// What is wrong in from: and send: is told with help, all of it, before anything is opened; and nothing wrong is opened.
func TestFaultsOfPlaces(t *testing.T) {
	c := Component()
	a := openAdapter(t, "amqp://nobody", nil)
	for text, f := range map[string]struct {
		change func(*SourceConfig)
		at     []string
	}{
		"queue a":               {func(c *SourceConfig) { c.Bind = []Bind{{Exchange: "x"}} }, nil},
		"queu a":                {nil, []string{""}},
		"exchange x key a":      {nil, []string{""}},
		"exchange x type topic": {nil, []string{"", ""}},
		"queue b":               {func(c *SourceConfig) { c.Queue = "c" }, []string{"queue"}},
		"queue c": {func(c *SourceConfig) {
			c.QueueType, c.Exclusive, c.Bind = quorum, true, []Bind{{Exchange: "x"}, {Key: "a"}}
		},
			[]string{"queue_type", "bind.1.exchange"}},
		"queue d": {func(c *SourceConfig) { c.Arguments = map[string]any{"a": time.Second} }, []string{"arguments"}},
	} {
		cfg := defaultSource()
		if f.change != nil {
			f.change(cfg)
		}
		var at []string
		for _, f := range c.CheckSource(text, cfg) {
			at = append(at, f.Path)
			if f.Help == "" || f.Message == "" {
				t.Errorf("%s: %+v", text, f)
			}
		}
		if !slices.Equal(at, f.at) {
			t.Errorf("%s: faults at %q, want %q", text, at, f.at)
		}
		if _, err := a.OpenSource(text, cfg); (err == nil) != (len(f.at) == 0) {
			t.Errorf("%s: %v", text, err)
		}
	}
	if f := c.CheckTarget("queu x"); len(f) != 1 || f[0].Help != "write queue x" {
		t.Errorf("%+v", f)
	}
	if f := c.CheckTarget("exchange x type topic"); len(f) != 0 {
		t.Errorf("%+v", f)
	}
	for name, open := range map[string]func() error{
		"target": func() error { _, err := a.OpenTarget("topic x"); return err },
		"caller": func() error { _, err := a.OpenCaller("stok"); return err },
	} {
		if open() == nil {
			t.Errorf("a wrong %s is opened", name)
		}
	}
}

func TestStandIn(t *testing.T) {
	for _, c := range []struct {
		text string
		bind []Bind
		want string
	}{
		{"queue orders", nil, "direct orders"},
		{"exchange x type topic key a.*", nil, "topic x a.*"},
		{"exchange x type direct key red", nil, "topic x red"},
		{"exchange x type direct key r*d", nil, "wildcard"},
		{"exchange x type fanout", nil, "fanout x"},
		{"exchange amq.topic key a", nil, "topic amq.topic a"},
		{"exchange x key a", nil, "write exchange x type topic"},
		{"queue q", []Bind{{Exchange: "x", Type: topic, Key: "a.#"}}, "topic x a.#"},
		{"queue q", []Bind{{Exchange: "x", Type: headers, Headers: map[string]string{"x-match": "all", "region": "eu"}}}, "headers x region=eu"},
		{"queue q", []Bind{{Exchange: "x", Type: headers, Headers: map[string]string{"x-match": "any", "region": "eu"}}}, "x-match: any"},
		{"queue q", []Bind{{Exchange: "x", Type: topic, Key: "a"}, {Exchange: "y", Type: fanout}}, "several exchanges"},
		{"exchange x type fanout", []Bind{{Exchange: "y", Type: fanout}}, "several exchanges"},
		{"queu q", nil, "write queue q"},
	} {
		cfg := defaultSource()
		cfg.Bind = c.bind
		ch, s, err := Component().Place(c.text, cfg)
		got := strings.TrimSpace(ch.Type + " " + ch.Name + " " + s.Pattern)
		for name, v := range s.Match {
			got += " " + name + "=" + v
		}
		if err != nil {
			got = err.Error()
		}
		if err == nil && got != c.want || !strings.Contains(got, c.want) {
			t.Errorf("%s %v: %s, want %s", c.text, c.bind, got, c.want)
		}
	}
	if ch, s, err := Component().Place("exchange x type topic key order.paid", nil); err != nil || ch.Type != topic || s.Pattern != "order.paid" {
		t.Errorf("a target: %+v %+v %v", ch, s, err)
	}
}

// FuzzHeader: whatever comes, the check neither panics nor lets through what it refuses.
func FuzzHeader(f *testing.F) {
	f.Add([]byte("\x00\x3c\x00\x00\x00\x00\x00\x00\x00\x00\x00\x05\xa0\x00\x01a\x00\x00\x00\x04\x01xt\x01"), uint64(10))
	f.Add(append([]byte("\x00\x3c\x00\x00\x00\x00\x00\x00\x00\x00\x00\xff\xa0\x00\x01a"), mark("x")...), uint64(10))
	f.Fuzz(func(t *testing.T, payload []byte, maxBody uint64) {
		out, refused := checkHeader(slices.Clone(payload), maxBody)
		if refused == "" {
			if !slices.Equal(out, payload) {
				t.Fatal("changed and not refused")
			}
			return
		}
		if again, why := checkHeader(slices.Clone(out), maxBody); why != "" && why == reasonTooLarge || len(again) < 14 {
			t.Fatalf("the mark itself is refused: %s", why)
		}
	})
}
