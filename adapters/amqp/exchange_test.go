package amqp

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"

	"orderhub/hub"
	"orderhub/hub/hubtest"
)

func TestExchangeSources(t *testing.T) {
	r := newRabbit(t)
	a := openAdapter(t, r.url, nil)
	x, y := r.exchange("x", ""), r.exchange("y", headers)
	q := r.drop("collect")
	var got hubtest.Seen
	hubtest.Feed(t, a.source("exchange "+x+" type topic key stock.*", func(c *SourceConfig) {
		c.Queue = q
		c.Bind = []Bind{{Exchange: y, Headers: map[string]string{"x-match": "any", "a": "1", "b": "2"}}}
	}), &got)
	hubtest.Until(t, "nothing was declared", func() bool {
		_, err := r.channel().QueueDeclarePassive(q, true, false, false, false, nil)
		return err == nil
	})
	hubtest.Until(t, "nothing was bound", func() bool {
		r.ok(r.channel().PublishWithContext(background(t), x, "stock.b", true, false, amqp.Publishing{MessageId: "x"}))
		return got.Count("x") > 0
	})
	hubtest.Until(t, "no header binding", func() bool {
		r.put(y, "", amqp.Publishing{MessageId: "y", Headers: amqp.Table{"b": "2"}})
		r.put(y, "", amqp.Publishing{MessageId: "n", Headers: amqp.Table{"c": "2"}})
		return got.Count("y") > 0
	})
	if got.Count("n") > 0 {
		t.Error("a message came that no binding takes")
	}
	r.ok(a.target("exchange "+x+" key stock.z").Send(background(t), message1("z", "{}"))) // of the type that the source says
	hubtest.Until(t, "the target's message did not come", func() bool { return got.Count("z") > 0 })
}

// What differs from the configuration is told, with what to do, and nothing is changed.
func TestInspect(t *testing.T) {
	r := newRabbit(t)
	a := openAdapter(t, r.url, nil)
	there := r.queue("there", nil)
	other := r.queue("other", amqp.Table{"x-max-length": int32(5)})
	a.source("queue "+there, nil)
	a.source("queue "+other, nil)
	a.source("exchange "+r.exchange("x", topic)+" type direct key a", func(c *SourceConfig) { c.Queue = r.drop("new") })
	a.target("queue " + r.queue("quorum", amqp.Table{"x-queue-type": "quorum"})) // any queue will do
	a.target("exchange " + r.name + ".no")
	a.carryTarget(hub.Carried{Name: r.exchange("channel", fanout), Type: headers})
	findings, err := a.Inspect(background(t))
	if err != nil {
		t.Fatal(err)
	}
	wantLines(t, findings, []string{
		"exchange " + r.name + ".x: declared with other arguments: inequivalent arg 'type'",
		"exchange " + r.name + ".no: not there: no exchange '" + r.name + ".no' in vhost '/'; declare it, or write its type",
		"exchange " + r.name + ".channel: declared with other arguments: inequivalent arg 'type'",
		"queue " + other + ": declared with other arguments: inequivalent arg 'x-max-length'",
	})
	for _, f := range findings {
		if !strings.Contains(f, "; ") {
			t.Errorf("%q does not say what to do", f)
		}
	}
	if _, err := r.channel().QueueDeclarePassive(r.name+".new", true, false, false, false, nil); err == nil {
		t.Error("it declared something")
	}
	only := openAdapter(t, r.url, func(c *Config) { c.CheckOnly = true })
	only.source("queue "+other, nil)
	only.source("queue "+r.name+".no", nil)
	if findings, err = only.Inspect(background(t)); err != nil {
		t.Fatal(err)
	}
	wantLines(t, findings, []string{"queue " + r.name + ".no: not there: no queue '" + r.name + ".no' in vhost '/'; declare it, or leave check_only out"})
	if _, err := openAdapter(t, "amqp://guest@127.0.0.1:1/", nil).Inspect(background(t)); err == nil {
		t.Error("no error without a server")
	}
}

// A user without rights is told what it can't do, and nothing is done to find out.
func TestFault_B9_Rights(t *testing.T) {
	r := newRabbit(t)
	there, dead := r.queue("there", nil), r.queue("dead", nil)
	x := r.exchange("x", topic)
	r.put("", there, amqp.Publishing{MessageId: "kept"})
	user := "u" + r.name
	uri, err := amqp.ParseURI(r.url)
	r.ok(err)
	manage := func(method, path, body string) {
		t.Helper()
		req, err := http.NewRequest(method, fmt.Sprintf("http://%s:%d/api/%s", uri.Host, uri.Port+10000, path), strings.NewReader(body))
		r.ok(err)
		req.SetBasicAuth(uri.Username, uri.Password)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Skipf("no management plugin: %v", err)
		}
		defer resp.Body.Close()
		if resp.StatusCode >= 300 {
			t.Fatalf("%s %s: %s", method, path, resp.Status)
		}
	}
	rights := func(pattern string) {
		manage("PUT", "permissions/%2F/"+user, fmt.Sprintf(`{"configure":%[1]q,"write":%[1]q,"read":%[1]q}`, pattern))
	}
	manage("PUT", "users/"+user, `{"password":"secret","tags":""}`)
	t.Cleanup(func() {
		manage("DELETE", "users/"+user, "")
		http.DefaultClient.CloseIdleConnections()
	})
	rights("^$")
	a := openAdapter(t, fmt.Sprintf("amqp://%s:secret@%s:%d/", user, uri.Host, uri.Port), nil)
	a.source("queue "+there, nil)
	a.source("exchange "+x+" key a", func(c *SourceConfig) { c.Queue = r.name + ".new" })
	a.target("queue " + dead)
	a.target("exchange " + x)
	findings, err := a.Inspect(background(t))
	r.ok(err)
	for _, want := range []string{"read queue " + there, "declare queue " + r.name + ".new", "send to queue " + dead, "send to exchange " + x, "make the binding of queue " + r.name + ".new"} {
		if !slices.ContainsFunc(findings, func(f string) bool { return strings.HasPrefix(f, want+":") || strings.HasPrefix(f, want+" ") }) {
			t.Errorf("%q is not in %q", want, findings)
		}
	}
	rights(".*")
	b := openAdapter(t, fmt.Sprintf("amqp://%s:secret@%s:%d/", user, uri.Host, uri.Port), nil)
	b.source("queue "+there, nil)
	b.source("exchange "+x+" key a", func(c *SourceConfig) { c.Queue = r.name + ".new" })
	b.target("queue " + dead)
	b.target("exchange " + x)
	if findings, err := b.Inspect(background(t)); err != nil || len(findings) > 0 {
		t.Errorf("%q, %v", findings, err)
	}
	if r.depth(there) != 1 || r.depth(dead) != 0 || r.get(there).Redelivered {
		t.Error("it touched the messages")
	}
	if _, err := r.channel().QueueDeclarePassive(r.name+".new", true, false, false, false, nil); err == nil {
		t.Error("it declared something")
	}
	only := openAdapter(t, r.url, func(c *Config) { c.CheckOnly = true })
	only.source("exchange "+x+" key a", func(c *SourceConfig) { c.Queue = there })
	if findings, err := only.Inspect(background(t)); err != nil || len(findings) != 1 || !strings.HasPrefix(findings[0], hub.Unasked+"binding of queue") {
		t.Errorf("%q, %v", findings, err)
	}
}

// wantLines compares the beginnings of lines.
func wantLines(t *testing.T, got, want []string) {
	t.Helper()
	if !slices.EqualFunc(got, want, strings.HasPrefix) {
		t.Errorf("%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
