package kafka

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"orderhub/hub"
	"orderhub/hub/broker"
	"orderhub/hub/hubtest"
)

const (
	kafkaPython = "kafka-python==3.0.12"
	kafkaTools  = "org.apache.kafka:kafka-tools:3.9.1" // has the console consumer; the broker itself doesn't need it
)

// need is a client that is kept in a folder of the user's cache, brought once for all runs. Where it can't be, the test is skipped, and with
// HUB_TEST_SERVERS=1 it fails.
func need(t *testing.T, name string, bring func(dir string) *exec.Cmd) (dir string) {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err == nil {
		dir = filepath.Join(cache, "orderhub-test", strings.ReplaceAll(name, ":", "-"))
		err = kept(dir, bring)
	}
	switch {
	case err == nil:
		return dir
	case os.Getenv("HUB_TEST_SERVERS") == "1":
		t.Fatalf("no %s: %v", name, err)
	}
	t.Skipf("no %s: %v", name, err)
	return ""
}

func kept(dir string, bring func(string) *exec.Cmd) error {
	if _, err := os.Stat(dir); err == nil {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return err
	}
	fresh, err := os.MkdirTemp(filepath.Dir(dir), "new-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(fresh)
	cmd := bring(fresh)
	stop := time.AfterFunc(2*time.Minute, func() { cmd.Process.Kill() })
	defer stop.Stop()
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", cmd.Args[0], err, bytes.TrimSpace(out))
	}
	if err := os.Rename(fresh, dir); err != nil {
		if _, there := os.Stat(dir); there != nil { // else another run was faster
			return err
		}
	}
	return nil
}

func needPython(t *testing.T) string {
	return need(t, kafkaPython, func(dir string) *exec.Cmd {
		return exec.Command("python3", "-m", "pip", "install", "--quiet", "--target", dir, kafkaPython)
	})
}

// needConsole is the class path of Kafka's console clients.
func needConsole(t *testing.T) string {
	t.Helper()
	lib := jars()
	if lib == "" {
		if os.Getenv("HUB_TEST_SERVERS") == "1" {
			t.Fatal("no jars of Kafka: HUB_TEST_KAFKA_LIB names their folder")
		}
		t.Skip("no jars of Kafka: HUB_TEST_KAFKA_LIB names their folder")
	}
	if tools, _ := filepath.Glob(filepath.Join(lib, "kafka-tools-[0-9]*.jar")); len(tools) > 0 {
		return lib + "/*"
	}
	tools := need(t, kafkaTools, func(dir string) *exec.Cmd {
		return exec.Command("mvn", "-q", "-B", "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy", "-Dartifact="+kafkaTools, "-DoutputDirectory="+dir)
	})
	return tools + "/*:" + lib + "/*"
}

// client is a run of a program that is no hub.
type client struct {
	t        *testing.T
	cmd      *exec.Cmd
	out, err bytes.Buffer
}

func (s *server) runs(env, input, program string, args ...string) *client {
	t := s.t.(*testing.T)
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	c := &client{t: t, cmd: exec.CommandContext(ctx, program, args...)}
	c.cmd.Env = append(os.Environ(), env)
	c.cmd.Stdin, c.cmd.Stdout, c.cmd.Stderr = strings.NewReader(input), &c.out, &c.err
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cancel)
	return c
}

func (s *server) python(dir string, args ...string) *client {
	return s.runs("PYTHONPATH="+dir, "", "python3", append([]string{"testdata/client.py", s.addr}, args...)...)
}

func (s *server) console(jars, input, verb string, args ...string) *client {
	return s.runs("LC_ALL=C.UTF-8", input, "testdata/console", append([]string{jars, verb, s.addr}, args...)...)
}

// done waits for its end, and gives what it printed.
func (c *client) done() string {
	c.t.Helper()
	if err := c.cmd.Wait(); err != nil {
		c.t.Fatalf("%v: %v\n%s%s", c.cmd.Args, err, c.out.String(), c.err.String())
	}
	return c.out.String()
}

// printed is a record as client.py prints it.
type printed struct {
	Key, Value string
	Partition  int
	Time       int64
	Headers    map[string]string
}

func (c *client) records() (out []printed) {
	c.t.Helper()
	for d := json.NewDecoder(strings.NewReader(c.done())); d.More(); {
		var r printed
		if err := d.Decode(&r); err != nil {
			c.t.Fatal(err)
		}
		out = append(out, r)
	}
	return out
}

// orders are what the hub sends to foreign clients, and how they should see it.
func orders() (out []*hub.Message) {
	for i := range 20 {
		out = append(out, &hub.Message{ID: fmt.Sprint("m-", i), Key: fmt.Sprint("k-", i%7), Correlation: "order-7", Time: time.UnixMilli(1_700_000_000_000),
			Headers: hub.Headers{"x-own": "ä"}, Body: hub.NewBody([]byte(`{"name":"Žofie"}`))})
	}
	return out
}

func TestPython(t *testing.T) {
	t.Parallel()
	s, dir := newServer(t), needPython(t)
	in, out := s.topic(4), s.topic(4)
	s.python(dir, "produce", in, "50").done()
	var got seen
	feed(t, s.source(s.adapter(nil), "topic "+in, "g."+in, nil), hub.HandlerFunc(got.take))
	hubtest.Until(t, "not all came", func() bool { return len(got.all()) == 50 })
	byValue, homes := map[string]*hub.Message{}, map[string]int{}
	for _, m := range got.all() {
		byValue[string(m.Body.Bytes())] = m
	}
	if m := byValue[`{"n": 9}`]; m == nil || m.Key != "k-2" || m.Time.UnixMilli() != 1_700_000_000_009 || m.Headers["raw"] != "/wA=" || m.Headers["sku"] != "s-9" {
		t.Errorf("%+v", m)
	}
	for _, m := range s.read(in, 4) {
		homes[string(m.Key)] = m.Partition
	}
	target := s.target(s.adapter(nil), "topic "+out)
	for _, m := range orders() {
		if err := target.Send(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	s.dropGroup("g." + out)
	records := s.python(dir, "consume", out, "g."+out, "20").records()
	if len(records) != 20 {
		t.Fatalf("%d records", len(records))
	}
	for _, r := range records {
		if h := r.Headers; r.Value != `{"name":"Žofie"}` || r.Time != 1_700_000_000_000 || h["x-own"] != "ä" || h["hub-correlation"] != "order-7" || !strings.HasPrefix(h["hub-id"], "m-") {
			t.Errorf("%+v", r)
		}
		if home, ok := homes[r.Key]; !ok || home != r.Partition {
			t.Errorf("key %s lies in partition %d, theirs in %d", r.Key, r.Partition, home)
		}
	}
}

// TestPythonRequests: a hub asks and Python answers; Python asks and a hub answers.
func TestPythonRequests(t *testing.T) {
	t.Parallel()
	s, dir := newServer(t), needPython(t)
	topic, back := s.topic(2), s.topic(2)
	s.dropGroup("answers." + topic)
	service := s.python(dir, "answer", topic, "2")
	a := s.asking(topic)
	carry, err := a.CarryCaller(hub.Carried{Name: topic, Type: "direct"})
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range []hub.Caller{s.caller(a, "topic "+topic), carry} {
		reply, err := c.Call(patiently(t), message(fmt.Sprint("q-", i), "k", "lamp", nil).WithCorrelation("order-7"))
		if err != nil {
			t.Fatal(err)
		}
		if string(reply.Body.Bytes()) != "LAMP" || reply.Correlation != "order-7" || fmt.Sprint(reply.Headers) != "map[status:201]" || reply.ID != hub.DeriveID(fmt.Sprint("q-", i), "reply") {
			t.Errorf("%+v", reply)
		}
	}
	service.done()

	feed(t, s.source(s.adapter(nil), "topic "+topic, "g."+topic, func(c *SourceConfig) { c.Start = startLast }), replier(func(_ context.Context, m *hub.Message) (*hub.Message, error) {
		if string(m.Body.Bytes()) == "bad" {
			return nil, hub.Fail(hub.Invalid, "schema", "no sku").Tell()
		}
		return m.WithBody(hub.NewBody([]byte("hub"))), nil
	}))
	hubtest.Until(t, "the source does not run", func() bool {
		c := s.committed("g."+topic, topic, 2)
		return c[0] >= 0 && c[1] >= 0
	})
	for value, want := range map[string]string{"lamp": "hub ", "bad": `{"class":"invalid","detail":"no sku","reason":"schema"} invalid`} {
		got := s.python(dir, "ask", topic, back, value).records()
		if len(got) != 1 || got[0].Value+" "+got[0].Headers["error-class"] != want {
			t.Errorf("%s: %+v, want %s", value, got, want)
		}
	}
}

func TestConsole(t *testing.T) {
	t.Parallel()
	s, jars := newServer(t), needConsole(t)
	in, out := s.topic(4), s.topic(4)
	var lines strings.Builder
	for i := range 20 {
		fmt.Fprintf(&lines, "Sku:s-%d,x:ä\tk-%d\t{\"n\":%d}\n", i, i%7, i)
	}
	s.console(jars, lines.String(), "produce", in).done()
	var got seen
	feed(t, s.source(s.adapter(nil), "topic "+in, "g."+in, nil), hub.HandlerFunc(got.take))
	hubtest.Until(t, "not all came", func() bool { return len(got.all()) == 20 })
	homes := map[string]string{}
	for _, m := range got.all() {
		var n int
		fmt.Sscanf(string(m.Body.Bytes()), `{"n":%d}`, &n)
		if m.Key != fmt.Sprint("k-", n%7) || fmt.Sprint(m.Headers.With(broker.HeaderExact, "")) != fmt.Sprintf("map[sku:s-%d x:ä]", n) {
			t.Errorf("%+v", m)
		}
	}
	for _, m := range s.read(in, 4) {
		homes[string(m.Key)] = fmt.Sprint("Partition:", m.Partition)
	}
	target := s.target(s.adapter(nil), "topic "+out)
	for _, m := range orders() {
		if err := target.Send(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	records := strings.Split(strings.TrimSpace(s.console(jars, "", "consume", out, "20").done()), "\n")
	if len(records) != 20 {
		t.Fatalf("%q", records)
	}
	for _, r := range records {
		f := strings.Split(r, "\t")
		if len(f) != 4 || f[0] != homes[f[2]] || !strings.HasPrefix(f[1], "x-own:ä,hub-id:m-") || !strings.HasSuffix(f[1], ",hub-correlation:order-7") || f[3] != `{"name":"Žofie"}` {
			t.Errorf("%q, the partition of theirs is %s", r, homes[f[min(2, len(f)-1)]])
		}
	}
}
