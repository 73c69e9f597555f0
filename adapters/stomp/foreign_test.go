package stomp

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"orderhub/hub"
	"orderhub/hub/hubtest"
)

const stompPy = "stomp.py==9.0.0"

// client is a run of testdata/client.py.
type client struct {
	t      *testing.T
	cmd    *exec.Cmd
	out, e bytes.Buffer
}

// python begins a run of the client.
func (r *rabbit) python(dir string, args ...string) *client {
	to, err := parseURL(hub.Secret(r.url))
	r.ok(err)
	host, port, err := net.SplitHostPort(to.address)
	r.ok(err)
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	c := &client{t: r.t.(*testing.T), cmd: exec.CommandContext(ctx, "python3", append([]string{"testdata/client.py", host, port}, args...)...)}
	c.cmd.Env = append(os.Environ(), "PYTHONPATH="+dir)
	c.cmd.Stdout, c.cmd.Stderr = &c.out, &c.e
	r.ok(c.cmd.Start())
	r.t.Cleanup(cancel)
	return c
}

// told is a message as the client prints it.
type told struct {
	Body    string
	Headers map[string]string
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

func TestPythonToHub(t *testing.T) {
	t.Parallel()
	r, dir := newRabbit(t), hubtest.PythonClient(t, stompPy)
	q := r.queue("q", nil)
	var got hubtest.Seen
	hubtest.Feed(t, openAdapter(t, r.url, nil).source("/queue/"+q, nil), &got)
	r.python(dir, "produce", "/queue/"+q, "50").done()
	hubtest.Until(t, "not all came", func() bool { return len(got.All()) == 50 })
	for _, m := range got.All() {
		n, _ := strconv.Atoi(strings.TrimPrefix(m.ID, "s-"))
		if m.ID != fmt.Sprintf("s-%d", n) || m.Correlation != fmt.Sprintf("order-%d", n) || m.Key != fmt.Sprintf("k-%d", n%3) || string(m.Body.Bytes()) != fmt.Sprintf(`{"n": %d}`, n) ||
			m.Time.Unix() != 1700000000 || m.Headers["sku"] != fmt.Sprintf("a:b\\c\nd %d", n) || m.Headers["content-type"] != "application/json" {
			t.Fatalf("%+v", m)
		}
	}
}

func TestHubToPython(t *testing.T) {
	t.Parallel()
	r, dir := newRabbit(t), hubtest.PythonClient(t, stompPy)
	q := r.queue("q", nil)
	m := message1("m-1", `{"name":"Žofie"}`).WithCorrelation("order-7").WithKey("k").WithHeader("x-own", "ä:\\\nb")
	r.ok(openAdapter(t, r.url, nil).target("/queue/"+q).Send(background(t), m))
	got := r.python(dir, "consume", "/queue/"+q, "1").done()
	if len(got) != 1 || got[0].Body != `{"name":"Žofie"}` {
		t.Fatalf("%+v", got)
	}
	for name, want := range map[string]string{"hub-id": "m-1", "amqp-message-id": "m-1", "hub-key": "k", "correlation-id": "order-7", "content-type": "application/json", "persistent": "true", "x-own": "ä:\\\nb"} {
		if got[0].Headers[name] != want {
			t.Errorf("%s: %q, want %q", name, got[0].Headers[name], want)
		}
	}
	hubtest.Until(t, "it was not acknowledged", func() bool { return r.depth(q) == 0 })
}

func TestPythonAnswers(t *testing.T) {
	t.Parallel()
	r, dir := newRabbit(t), hubtest.PythonClient(t, stompPy)
	q := r.queue("q", nil)
	service := r.python(dir, "answer", "/queue/"+q, "3")
	stock := openAdapter(t, r.url, nil).caller("/queue/" + q)
	for range 3 {
		reply, err := stock.Call(background(t), message1("m-1", "lamp").WithCorrelation("order-7"))
		if err != nil {
			t.Fatal(err)
		}
		if string(reply.Body.Bytes()) != "LAMP" || reply.Correlation != "order-7" || reply.Headers["status"] != "201" || reply.Headers["answered"] != "m-1" || reply.Headers["content-type"] != "text/plain" {
			t.Errorf("%+v", reply)
		}
	}
	service.done()
}

func TestPythonAsks(t *testing.T) {
	t.Parallel()
	r, dir := newRabbit(t), hubtest.PythonClient(t, stompPy)
	q := r.queue("q", nil)
	hubtest.Feed(t, openAdapter(t, r.url, nil).source("/queue/"+q, nil), hubtest.Replier(func(_ context.Context, m *hub.Message) (*hub.Message, error) {
		if string(m.Body.Bytes()) == "bad" {
			return nil, hub.Fail(hub.Invalid, "schema", "no sku")
		}
		return &hub.Message{ID: m.ID + "/reply", Time: time.Now(), Headers: hub.Headers{"status": "201", "content-type": "text/plain"},
			Body: hub.NewBody([]byte(strings.ToUpper(string(m.Body.Bytes()))))}, nil
	}))
	got := r.python(dir, "ask", "/queue/"+q, "lamp", "15").done()
	if len(got) != 1 || got[0].Body != "LAMP" || got[0].Headers["correlation-id"] != "c-1" || got[0].Headers["status"] != "201" || got[0].Headers["content-type"] != "text/plain" || got[0].Headers["hub-id"] != "ask-lamp/reply" {
		t.Errorf("%+v", got)
	}
	got = r.python(dir, "ask", "/queue/"+q, "bad", "15").done()
	if len(got) != 1 || got[0].Headers["correlation-id"] != "c-1" || got[0].Headers["error-class"] != "invalid" || got[0].Headers["error-reason"] != "schema" || got[0].Headers["status"] != "422" {
		t.Errorf("%+v", got)
	}
}
