package amqp

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"orderhub/hub"
	"orderhub/hub/hubtest"
)

const pika = "pika==1.3.2"

// client is a run of testdata/client.py.
type client struct {
	t      *testing.T
	cmd    *exec.Cmd
	out, e bytes.Buffer
}

// pikaRuns begins a run of the client.
func (r *rabbit) pikaRuns(dir string, args ...string) *client {
	t := r.t.(*testing.T)
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	c := &client{t: t, cmd: exec.CommandContext(ctx, "python3", append([]string{"testdata/client.py", r.url}, args...)...)}
	c.cmd.Env = append(os.Environ(), "PYTHONPATH="+dir)
	c.cmd.Stdout, c.cmd.Stderr = &c.out, &c.e
	r.ok(c.cmd.Start())
	t.Cleanup(cancel)
	return c
}

// told is a message as the client prints it.
type told struct {
	ID, Correlation, Type, Body, Key string
	Mode                             int
	Headers                          map[string]string
}

// done waits for its end, and gives what it printed.
func (c *client) done() (out []told) {
	c.t.Helper()
	if err := c.cmd.Wait(); err != nil {
		c.t.Fatalf("%v: %v\n%s", c.cmd.Args, err, c.e.String())
	}
	for d := json.NewDecoder(&c.out); d.More(); {
		var m told
		if err := d.Decode(&m); err != nil {
			c.t.Fatal(err)
		}
		out = append(out, m)
	}
	return out
}

func TestPikaToHub(t *testing.T) {
	t.Parallel()
	r, dir := newRabbit(t), hubtest.PythonClient(t, pika)
	q := r.queue("q", nil)
	var got hubtest.Seen
	hubtest.Feed(t, openAdapter(t, r.url, nil).source("queue "+q, func(c *SourceConfig) { c.Key = "sku" }), &got)
	r.pikaRuns(dir, "produce", q, "50").done()
	hubtest.Until(t, "not all came", func() bool { return len(got.All()) == 50 })
	byID := map[string]*hub.Message{}
	for _, m := range got.All() {
		byID[m.ID] = m
	}
	m := byID["p-7"]
	if m == nil || m.Correlation != "order-7" || m.Key != "s-1" || string(m.Body.Bytes()) != `{"n": 7}` || m.Time.Unix() != 1700000000 {
		t.Fatalf("%+v", m)
	}
	for name, want := range map[string]string{"content-type": "application/json", "sku": "s-1", "n": "7", "price": "1.5", "list": `["a",1]`, "nested": `{"deep":{"er":true}}`, "nothing": ""} {
		if m.Headers[name] != want {
			t.Errorf("%s: %q, want %q", name, m.Headers[name], want)
		}
	}
}

func TestHubToPika(t *testing.T) {
	t.Parallel()
	r, dir := newRabbit(t), hubtest.PythonClient(t, pika)
	a := openAdapter(t, r.url, nil)
	ch := r.carried(direct)
	for i, target := range []hub.Target{a.carryTarget(ch), a.target("queue " + ch.Name)} {
		m := message1("m-1", `{"name":"Žofie"}`).WithCorrelation("order-7").WithKey("k").WithHeader("x-own", "ä")
		r.ok(target.Send(background(t), m))
		got := r.pikaRuns(dir, "consume", ch.Name, "1").done()
		if len(got) != 1 || got[0].ID != "m-1" || got[0].Correlation != "order-7" || got[0].Type != "application/json" || got[0].Mode != 2 ||
			got[0].Body != `{"name":"Žofie"}` || got[0].Headers["x-own"] != "ä" {
			t.Errorf("%+v", got)
		}
		if key := got[0].Headers["hub-key"]; key != []string{"k", ""}[i] {
			t.Errorf("key %q", key)
		}
	}
}

func TestPikaAnswers(t *testing.T) {
	t.Parallel()
	r, dir := newRabbit(t), hubtest.PythonClient(t, pika)
	a := openAdapter(t, r.url, nil)
	ch := r.carried(direct)
	service := r.pikaRuns(dir, "answer", ch.Name, "2")
	for _, caller := range []hub.Caller{a.carryCaller(ch), a.caller("queue " + ch.Name)} {
		reply, err := caller.Call(background(t), message1("m-1", "lamp").WithCorrelation("order-7").WithKey("k"))
		if err != nil {
			t.Fatal(err)
		}
		if string(reply.Body.Bytes()) != "LAMP" || reply.Correlation != "order-7" || reply.Headers["status"] != "201" || reply.Headers["answered"] != "m-1" ||
			reply.Headers["content-type"] != "text/plain" || reply.ID == "" {
			t.Errorf("%+v", reply)
		}
	}
	service.done()
}

func TestPikaAsks(t *testing.T) {
	t.Parallel()
	r, dir := newRabbit(t), hubtest.PythonClient(t, pika)
	a := openAdapter(t, r.url, nil)
	ch := r.carried(direct)
	q := r.queue("q", nil)
	h := hubtest.Replier(func(_ context.Context, m *hub.Message) (*hub.Message, error) {
		if string(m.Body.Bytes()) == "bad" {
			return nil, hub.Fail(hub.Invalid, "schema", "no sku")
		}
		return &hub.Message{ID: m.ID + "/reply", Time: time.Now(), Headers: hub.Headers{"status": "201", "content-type": "text/plain"},
			Body: hub.NewBody([]byte(strings.ToUpper(string(m.Body.Bytes()))))}, nil
	})
	hubtest.Feed(t, a.source("queue "+q, nil), h)
	hubtest.Feed(t, a.carrySource(ch, reader("p")), h)
	hubtest.Until(t, "the channel was not declared", func() bool {
		_, err := r.channel().QueueDeclarePassive(ch.Name, true, false, false, false, nil)
		return err == nil
	})
	for _, queue := range []string{q, ch.Name} {
		got := r.pikaRuns(dir, "ask", queue, "lamp", "15").done()
		if len(got) != 1 || got[0].Correlation != "c-1" || got[0].Body != "LAMP" || got[0].Headers["status"] != "201" || got[0].Type != "text/plain" {
			t.Errorf("%+v", got)
		}
	}
	got := r.pikaRuns(dir, "ask", q, "bad", "15").done()
	if len(got) != 1 || got[0].Correlation != "c-1" || got[0].Headers["error-class"] != "invalid" || got[0].Headers["error-reason"] != "schema" || got[0].Headers["status"] != "422" {
		t.Errorf("%+v", got)
	}
}
