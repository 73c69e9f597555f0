package stomp

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"orderhub/hub"
	"orderhub/hub/broker"
	"orderhub/hub/hubtest"
)

func TestMessageMapping(t *testing.T) {
	now := time.Date(2026, 11, 21, 9, 0, 10, 0, time.UTC)
	f := newFrame(cmdMessage, "subscription", "hub", "destination", "/exchange/x/a.b%2Fc", "message-id", "T_hub@@s@@1", "ack", "T_hub@@s@@1", "redelivered", "true", "receipt", "r",
		"hub-id", "m-1", "hub-key", "k", "amqp-message-id", "other", "correlation-id", "order-7", "content-type", "application/json", "reply-to", "/reply-queue/answers",
		"expiration", "30000", "timestamp", "1795251600", "persistent", "true", "priority", "3", "type", "order", "user-id", "shop", "Region", "eu", "region", "us", "empty", "", "content-length", "2")
	f.body = []byte("{}")
	m, err := message(f, headerID, now)
	if err != nil {
		t.Fatal(err)
	}
	want := hub.Headers{"content-type": "application/json", "reply-to": "/reply-queue/answers", "priority": "3", "type": "order", "region": "eu", "routing-key": "a.b/c",
		"empty": "", broker.HeaderExact: m.Headers[broker.HeaderExact], "stomp.destination": "/exchange/x/a.b%2Fc", "stomp.user-id": "shop", "stomp.redelivered": "true"}
	if !maps.Equal(m.Headers, want) {
		t.Errorf("headers %v", m.Headers)
	}
	if m.ID != "m-1" || m.Correlation != "order-7" || !m.Expires.Equal(now.Add(20*time.Second)) || !m.Time.Equal(now.Add(-10*time.Second)) || string(m.Body.Bytes()) != "{}" {
		t.Errorf("%+v", m)
	}
	for key, v := range map[string]string{"": "k", "hub-key": "k", "Region": "eu", "correlation-id": "order-7", "message-id": "m-1", "routing-key": "a.b/c", "no": ""} {
		if got := keyOf(f, m, key); got != v {
			t.Errorf("key %s: %q, want %q", key, got, v)
		}
	}
	for header, id := range map[string]string{"order-no": "other", "hub-id": "m-1", "message-id": "T_hub@@s@@1", "Region": "eu"} {
		if m, err := message(f, header, now); err != nil || m.ID != id {
			t.Errorf("id_header %s: %v %v", header, m, err)
		}
	}
	f.headers = slices.DeleteFunc(f.headers, func(h header) bool { return h.name == "hub-id" || h.name == "amqp-message-id" })
	if m, _ := message(f, headerID, now); m.ID != "" {
		t.Errorf("ID %s: the delivery's own is new each time", m.ID)
	}
}

func TestSending(t *testing.T) {
	a := openAdapter(t, "stomp://nobody", nil)
	a.source("/queue/a", func(c *SourceConfig) { c.Arguments = map[string]string{"x-queue-type": "quorum", "x-stream": "no"} })
	at := time.Now().Add(time.Minute)
	m := &hub.Message{ID: "m-1", Key: "k", Correlation: "order-7", Time: time.Unix(1795251600, 5), Expires: at, Body: hub.NewBody([]byte("{}")), Headers: hub.Headers{
		"content-type": "application/json", "reply-to": "/reply-queue/answers", "priority": "u=1", "region": "eu", "x-queue-type": "stream", "x-message-ttl": "1", "user-id": "root",
		"transaction": "t", "receipt": "r", "message-id": "i", "destination": "/queue/else", "persistent": "false", "stomp.destination": "/queue/before", "expires": "Wed, 21 Oct 2026 07:28:00 GMT",
		"content-length": "99", "timestamp": "yesterday", "routing_key": "x", "type": "order", "x-death": "1", "ack": "a"}}
	f, err := a.sending(mustPlace(t, "/queue/a"), m)
	if err != nil {
		t.Fatal(err)
	}
	left := f.get("expiration")
	want := []header{{"destination", "/queue/a"}, {"x-queue-type", "quorum"}, {"persistent", "false"}, {"timestamp", "1795251600"}, {"hub-id", "m-1"}, {"amqp-message-id", "m-1"}, {"hub-key", "k"},
		{"correlation-id", "order-7"}, {"reply-to", "answers"}, {"expiration", left}, {"expires", f.get("expires")}, {"content-type", "application/json"}, {"region", "eu"}, {"type", "order"}}
	if !slices.Equal(f.headers, want) || len(left) != 5 {
		t.Errorf("%v", f.headers)
	}
	back, _ := message(f, headerID, time.Now())
	if !back.Expires.Equal(at.Truncate(time.Millisecond)) {
		t.Errorf("expires %s, want %s: a time to live runs from the sending, not from the message's time", back.Expires, at)
	}
	m.Expires = time.Now().Add(-time.Second)
	_, err = a.sending(mustPlace(t, "/queue/a"), m)
	hubtest.WantError(t, err, hub.Rejected, "expired")
	m.Expires = time.Time{}
	for _, to := range []string{"/temp-queue/x", ""} {
		f, _ := a.sending(mustPlace(t, "/topic/a"), m.WithHeader("reply-to", to).WithHeader("persistent", ""))
		if f.get("reply-to") != "" || f.get("persistent") != "true" {
			t.Errorf("%v", f.headers)
		}
	}
}

func mustPlace(t *testing.T, text string) place {
	t.Helper()
	p, err := parsePlace(text)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// A sender's clock that is wrong by a day must not make its messages worthless, nor give them a day more.
func TestExpiresByWrongClock(t *testing.T) {
	now := time.Now().UTC().Truncate(time.Millisecond)
	ms := func(at time.Time) string { return strconv.FormatInt(at.UnixMilli(), 10) }
	for name, c := range map[string]struct {
		expires, expiration string
		sent, want          time.Time
	}{
		"neither":              {"", "", now, time.Time{}},
		"time to live":         {"", "1000", time.Time{}, now.Add(time.Second)},
		"from the timestamp":   {"", "3000", now.Add(-time.Second), now.Add(2 * time.Second)},
		"behind":               {"", "1000", now.Add(-24 * time.Hour), now.Add(time.Second)},
		"ahead":                {"", "1000", now.Add(24 * time.Hour), now.Add(time.Second)},
		"told":                 {ms(now.Add(time.Second)), "2000", now.Add(-time.Hour), now.Add(time.Second)},
		"told, behind":         {ms(now.Add(-24 * time.Hour)), "2000", time.Time{}, now.Add(2 * time.Second)},
		"told, ahead":          {ms(now.Add(24 * time.Hour)), "2000", time.Time{}, now.Add(2 * time.Second)},
		"told alone":           {ms(now.Add(-time.Second)), "", time.Time{}, now.Add(-time.Second)},
		"no number":            {"tomorrow", "x", time.Time{}, time.Time{}},
		"negative":             {"-1", "-1", time.Time{}, time.Time{}},
		"beyond all":           {"9999999999999999999", "9999999999999999", time.Time{}, time.Time{}},
		"0, as ActiveMQ says":  {"0", "", time.Time{}, time.Time{}},
		"of no time to live":   {"", "0", time.Time{}, now},
		"told, of a past time": {ms(now.Add(-time.Second)), "0", time.Time{}, now},
	} {
		f := newFrame(cmdMessage, headerExpires, c.expires, headerExpiration, c.expiration)
		if got := expires(f, c.sent, now); !got.Equal(c.want) {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
	for text, want := range map[string]time.Time{"": {}, "x": {}, "-5": {}, "0": {}, "1795251600": time.Unix(1795251600, 0), "1795251600123": time.UnixMilli(1795251600123), "9223372036854775807": {}} {
		if got := timestamp(newFrame(cmdMessage, headerTimestamp, text)); !got.Equal(want) {
			t.Errorf("timestamp %s: %s", text, got)
		}
	}
}

// What a hub sends, another one gets: by STOMP, and by AMQP as properties.
func TestRoundTrip(t *testing.T) {
	r := newRabbit(t)
	a, b := openAdapter(t, r.url, nil), openAdapter(t, r.url, nil)
	q := r.queue("q", nil)
	at := time.Now().Add(time.Hour).UTC().Truncate(time.Millisecond)
	m := &hub.Message{ID: "order/1", Key: "lamp", Correlation: "c:7\\n", Time: time.Now().UTC().Add(-time.Minute).Truncate(time.Second), Expires: at, Body: hub.NewBody([]byte("\x00\x01\xff")),
		Headers: hub.Headers{"content-type": "application/octet-stream", "content-encoding": "gzip", "x-own": "žofie: \\ \n", "reply-to": "/queue/answers", "priority": "4", "type": "order", "app-id": "shop"}}
	r.ok(a.target("/queue/"+q).Send(background(t), m))
	d := r.get(q)
	if d.MessageId != m.ID || d.CorrelationId != m.Correlation || d.ContentType != "application/octet-stream" || d.ContentEncoding != "gzip" || d.DeliveryMode != 2 || d.Priority != 4 ||
		!d.Timestamp.Equal(m.Time) || d.Type != "order" || d.AppId != "shop" || d.ReplyTo != "/queue/answers" || len(d.Expiration) != 7 || d.Headers["hub-key"] != "lamp" || d.Headers["x-own"] != "žofie: \\ \n" {
		t.Errorf("%+v", d)
	}
	var got hubtest.Seen
	hubtest.Feed(t, b.source("/queue/"+q, nil), &got)
	r.ok(a.target("/queue/"+q).Send(background(t), m))
	back := got.First(t)
	if back.ID != m.ID || back.Key != m.Key || back.Correlation != m.Correlation || !back.Time.Equal(m.Time) || !back.Expires.Equal(at) || string(back.Body.Bytes()) != "\x00\x01\xff" {
		t.Errorf("%+v", back)
	}
	for name, v := range m.Headers {
		if back.Headers[name] != v {
			t.Errorf("%s: %q, want %q", name, back.Headers[name], v)
		}
	}
	if len(back.Headers) != len(m.Headers)+1 || back.Headers[headerCameBy] != "/queue/"+q {
		t.Errorf("%v", back.Headers)
	}
	r.put(q, amqp.Publishing{MessageId: "by-amqp", CorrelationId: "c", ReplyTo: "plain.name", Expiration: "60000", Timestamp: time.Now(), Headers: amqp.Table{"n": int32(5), "text": "t"}, Body: []byte("x")})
	hubtest.Until(t, "nothing came by AMQP", func() bool { return got.Count("by-amqp") == 1 })
	if m := got.All()[1]; m.Correlation != "c" || m.Headers["reply-to"] != "/reply-queue/plain.name" || m.Headers["n"] != "5" || m.Headers["text"] != "t" || time.Until(m.Expires) < 50*time.Second {
		t.Errorf("%+v", m)
	}
}

func TestPlaces(t *testing.T) {
	for text, want := range map[string]string{
		"/queue/orders":                      "q=orders x= k= direct orders ",
		"/queue/a%2Fb c%20":                  "q=a/b c%20 x= k= direct a/b c%20 ",
		"/amq/queue/orders":                  "q=orders x= k= direct orders ",
		"/topic/order.*.paid":                "q= x=amq.topic k=order.*.paid topic amq.topic order.*.paid",
		"/exchange/stock":                    "q= x=stock k= topic stock #",
		"/exchange/stock/a.#":                "q= x=stock k=a.# topic stock a.#",
		"/exchange/amq.fanout":               "q= x=amq.fanout k= fanout amq.fanout ",
		"/exchange/amq.headers":              "can't be told by STOMP",
		"":                                   `"" is no destination`,
		"orders":                             "is no destination",
		"queue orders":                       "is no destination",
		"/queue/a ":                          "has a space at its end",
		"/queue/a\nb":                        "a control character",
		"/queue/":                            "the name is missing",
		"/queue/a/b":                         "in a name write %2F for /",
		"/exchange/a/b/c":                    "in a name write %2F for /",
		"/exchange//k":                       "the name is missing",
		"/temp-queue/a":                      "is no destination",
		"/reply-queue/a":                     "is no destination",
		"/queue/" + strings.Repeat("q", 256): "longer than 255",
	} {
		p, err := parsePlace(text)
		got := "q=" + p.name + " x=" + p.exchange + " k=" + p.key
		if err == nil {
			c, s, e := standIn(text, defaultSource())
			got += " " + c.Type + " " + c.Name + " " + s.Pattern
			err = e
		}
		if err != nil {
			got = err.Error()
		}
		if !strings.Contains(got, want) || err == nil && got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
	if _, s, err := standIn("/exchange/stock", nil); err != nil || s.Pattern != "" {
		t.Errorf("sent without a key: %v %v", s, err)
	}
}

// The routing key of an exchange: the destination's, the option's, the message's.
func TestRoutingKeys(t *testing.T) {
	m := message1("1", "{}")
	for _, c := range []struct{ to, option, own, want string }{
		{"/exchange/x/k", "o", "m", "/exchange/x/k"}, {"/exchange/x", "o", "m", "/exchange/x/o"}, {"/exchange/x", "", "m/n %", "/exchange/x/m%2Fn %"}, {"/exchange/x", "", "", "/exchange/x"},
		{"/topic/k", "o", "m", "/topic/k"}, {"/queue/q", "o", "m", "/queue/q"},
	} {
		got, err := mustPlace(t, c.to).sends(m.WithHeader(optionKey, c.option).WithHeader(hub.HeaderRoutingKey, c.own))
		if err != nil || got != c.want {
			t.Errorf("%s %s %s: %s %v", c.to, c.option, c.own, got, err)
		}
	}
	_, err := mustPlace(t, "/exchange/x").sends(m.WithHeader(optionKey, strings.Repeat("k", 256)))
	hubtest.WantError(t, err, hub.Invalid, reasonTooLarge)

	_, err = mustPlace(t, "/exchange/x").sends(m.WithHeader(optionKey, "a%2Fb"))
	hubtest.WantError(t, err, hub.Invalid, reasonHeader)

	r := newRabbit(t)
	x, q := r.exchange("x", "topic"), r.queue("q", nil)
	r.ok(r.ch.QueueBind(q, "#", x, false, nil))
	r.ok(openAdapter(t, r.url, nil).target("/exchange/"+x).Send(background(t), m.WithHeader(optionKey, "a.žo/fie %41.*")))
	if d := r.get(q); d.RoutingKey != "a.žo/fie %41.*" || d.Headers["routing_key"] != nil {
		t.Errorf("%+v", d)
	}
	r.ok(openAdapter(t, r.url, nil).target("/exchange/"+x).Send(background(t), m.WithHeader(optionKey, "a.žo/fie %41.*")))
	var got hubtest.Seen
	hubtest.Feed(t, openAdapter(t, r.url, nil).source("/amq/queue/"+q, nil), &got)
	if key := got.First(t).Headers[hub.HeaderRoutingKey]; key != "a.žo/fie %41.*" {
		t.Errorf("came with %q", key)
	}
}

func TestCheck(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Config)
		want   []string
	}{
		"good":      {func(c *Config) {}, nil},
		"vhost":     {func(c *Config) { c.URL = "stomp://u:swordfish@host:1/%2Fa" }, nil},
		"tls":       {func(c *Config) { c.URL, c.TLS.CA = "stomp+ssl://host", "ca.pem" }, nil},
		"url":       {func(c *Config) { c.URL = "stomp://u:sword#fish@host" }, []string{"url"}},
		"http":      {func(c *Config) { c.URL = "http://u:swordfish@host" }, []string{"url"}},
		"no host":   {func(c *Config) { c.URL = "stomp:///x" }, []string{"url"}},
		"line end":  {func(c *Config) { c.URL = "stomp://u:swordfish%0Alogin:x@host" }, []string{"url"}},
		"plain tls": {func(c *Config) { c.TLS.Cert = "a" }, []string{"tls", "tls"}},
		"pauses":    {func(c *Config) { c.Reconnect.Max = time.Millisecond }, []string{"reconnect.max"}},
		"ops":       {func(c *Config) { c.Ops = map[string]string{"a": "stock", "b": "/queue/x", "c": "/queue/a/b"} }, []string{"ops.a", "ops.c"}},
	} {
		cfg := defaultConfig()
		cfg.URL = "stomp://u:swordfish@host"
		c.change(cfg)
		var got []string
		for _, f := range Component().Check(cfg, &hub.Env{}) {
			got = append(got, f.Path)
			if strings.Contains(f.Message, "sword") || f.Help == "" {
				t.Errorf("%s: %+v", name, f)
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: faults at %q, want %q", name, got, c.want)
		}
		if _, err := Component().Open(cfg, &hub.Env{Name: "x"}); (err == nil) != (len(c.want) == 0) && name != "tls" {
			t.Errorf("%s: opened: %v", name, err)
		}
	}
	for text, want := range map[hub.Secret]server{
		"stomp://host":                {address: "host:61613", host: "host", vhost: "/"},
		"stomp+ssl://u@host/":         {address: "host:61614", host: "host", vhost: "/", user: "u", secure: true},
		"stomp://u:p%40@[::1]:5/%2Fv": {address: "[::1]:5", host: "::1", vhost: "/v", user: "u", password: "p@"},
	} {
		if got, err := parseURL(text); err != nil || got != want {
			t.Errorf("%s: %+v %v", text.Reveal(), got, err)
		}
	}
}

func TestCheckPlaces(t *testing.T) {
	a := openAdapter(t, "stomp://nobody", nil)
	for text, c := range map[string]struct {
		change func(*SourceConfig)
		want   string
	}{
		"/queue/a":      {func(c *SourceConfig) {}, ""},
		"/topic/a.#":    {func(c *SourceConfig) { c.Durable, c.ID = true, "hub" }, ""},
		"/queue/b":      {func(c *SourceConfig) { c.Durable, c.ID = true, "hub" }, "durable"},
		"/topic/b":      {func(c *SourceConfig) { c.Durable = true }, "durable"},
		"/topic/c":      {func(c *SourceConfig) { c.ID = "hub" }, "id"},
		"/topic/d":      {func(c *SourceConfig) { c.Durable, c.ID = true, "/temp-queue/x" }, "id"},
		"/queue/c":      {func(c *SourceConfig) { c.Arguments = map[string]string{"Ack": "auto"} }, "arguments.Ack"},
		"/queue/d":      {func(c *SourceConfig) { c.Arguments = map[string]string{"x": "a\nb"} }, "arguments.x"},
		"/queue/e":      {func(c *SourceConfig) { c.Selector = "a\nb" }, "selector"},
		"/temp-queue/a": {func(c *SourceConfig) {}, "."},
	} {
		cfg := defaultSource()
		c.change(cfg)
		var got []string
		for _, f := range Component().CheckSource(text, cfg) {
			if f.Path == "" {
				f.Path = "."
			}
			if got = append(got, f.Path); f.Help == "" {
				t.Errorf("%s: no help: %s", text, f.Message)
			}
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: faults at %q, want %q", text, got, c.want)
		}
		if _, err := a.OpenSource(text, cfg); (err == nil) != (c.want == "") {
			t.Errorf("%s: opened: %v", text, err)
		}
	}
	for text, ok := range map[string]bool{"/queue/a": true, "/queue/#": true, "/topic/a.*": false, "/exchange/a/#": false, "/exchange/a": true, "x": false} {
		if faults := Component().CheckTarget(text); (len(faults) == 0) != ok {
			t.Errorf("%s: %v", text, faults)
		}
	}
	for _, op := range []string{"none", ""} {
		if _, err := a.OpenCaller(op); err == nil {
			t.Errorf("op %q is opened", op)
		}
	}
}
