package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"orderhub/cmd/hub/internal/api"
	"orderhub/cmd/hub/internal/config"
	"orderhub/cmd/hub/internal/exit"
)

// site is a folder with a configuration, and the hub that runs it in this process.
type site struct {
	t      *testing.T
	dir    string
	config string
	cancel context.CancelFunc
	exit   chan int
	ready  api.Ready
	talk   *syncBuffer
}

const shop = `
hub: {name: shop, store: "sqlite:STORE", drain: 2s}
adapters:
  web: {type: http-server, listen: "127.0.0.1:0"}
channels:
  orders: {type: direct, key: body.id}
pipelines:
  intake:
    from: {web: POST /orders}
    steps:
      - reply: {status: 202, body: {id: =body.id}}
      - send: orders
  work:
    from: orders
    steps:
      - validate: [{rule: body.total > 0, say: the total is not positive}]
      - count: {name: orders, by: body.kind}
`

// newSite writes the configuration; STORE in it stands for the store's file.
func newSite(t *testing.T, config string) *site {
	t.Helper()
	dir := t.TempDir()
	s := &site{t: t, dir: dir, config: filepath.Join(dir, "pipelines.yaml")}
	s.write(config)
	return s
}

func (s *site) write(config string) {
	s.t.Helper()
	text := strings.ReplaceAll(config, "STORE", filepath.Join(s.dir, "hub.db"))
	if err := os.WriteFile(s.config, []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// start runs the hub until it is ready.
func (s *site) start(flags ...string) {
	s.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	out, in := io.Pipe()
	s.cancel, s.exit, s.talk = cancel, make(chan int, 1), &syncBuffer{}
	go func() {
		code := run(ctx, append([]string{"run", s.config, "-o", "json", "--hub", s.dir}, flags...), nil, in, s.talk)
		in.Close()
		s.exit <- code
	}()
	if err := json.NewDecoder(out).Decode(&s.ready); err != nil {
		s.t.Fatalf("the hub is not ready: %v\n%s%s", err, s.talk, s.hub(0, "validate", s.config))
	}
	go io.Copy(io.Discard, out)
	s.t.Cleanup(func() { s.stop() })
}

// stop ends the hub gracefully and gives its exit code.
func (s *site) stop() int {
	if s.cancel == nil {
		return 0
	}
	s.cancel()
	s.cancel = nil
	select {
	case code := <-s.exit:
		return code
	case <-time.After(20 * time.Second):
		s.t.Fatal("the hub does not end")
		return -1
	}
}

// hub runs another verb against the running hub.
func (s *site) hub(want int, args ...string) string {
	s.t.Helper()
	var out, talk bytes.Buffer
	code := run(context.Background(), append(args, "--hub", s.dir), strings.NewReader(""), &out, &talk)
	if code != want {
		s.t.Fatalf("hub %s: exit %d, expected %d\n%s%s", strings.Join(args, " "), code, want, out.String(), talk.String())
	}
	return out.String() + talk.String()
}

func (s *site) post(path, body string) *http.Response {
	s.t.Helper()
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Post(s.ready.URLs["web"]+path, "application/json", strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	io.Copy(io.Discard, res.Body)
	res.Body.Close()
	return res
}

// await asks until the condition holds.
func await(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("never:", what)
		}
	}
}

func has(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, p := range parts {
		if !strings.Contains(text, p) {
			t.Errorf("%q is missing in\n%s", p, text)
		}
	}
}

func TestSendTraceStatus(t *testing.T) {
	t.Cleanup(func() { goleak.VerifyNone(t) })
	s := newSite(t, shop)
	s.start()
	has(t, s.hub(0, "send", "intake", `{"id":"A-1","total":5,"kind":"web"}`, "--wait"), "done", "received", "replied", "work/count", "pipelines.yaml:17")
	if res := s.post("/orders", `{"id":"A-2","total":7,"kind":"web"}`); res.StatusCode != http.StatusAccepted {
		t.Fatal(res.Status)
	} else {
		await(t, "the order is done", func() bool {
			return strings.Contains(s.hub(0, "trace", res.Header.Get("Hub-Trace")), "work/count")
		})
	}
	has(t, s.hub(0, "trace", "last", "-o", "json"), `"state": "done"`, `"where": "intake"`)
	await(t, "both are counted", func() bool { return strings.Contains(s.hub(0, "status"), "orders   web  2") })
	has(t, s.hub(0, "status"), "shop", s.config, "intake#1", "work")
	has(t, s.hub(0, "status", "-o", "json"), `"name": "shop"`, `"done": 2`)
	top := s.hub(0, "top")
	if has(t, top, "PIPELINE", "P99", "work"); strings.Contains(top, "intake ") && regexp.MustCompile(`(?m)^intake .* - +- +- `).MatchString(top) {
		t.Errorf("what just ran has no times:\n%s", top)
	}
	has(t, s.hub(1, "send", "intak", `{}`), `no pipeline "intak". Did you mean "intake"?`)
	has(t, s.hub(1, "trace", "nobody"), "nothing is known of nobody")
	has(t, s.hub(1, "trace", "nobody", "-o", "json"), `"status": 404`, `"type": "about:blank"`)
	if code := s.stop(); code != 0 {
		t.Errorf("exit %d", code)
	}
	has(t, s.hub(3, "status"), "no hub is running at "+s.dir)
}

func TestControlSocket(t *testing.T) {
	s := newSite(t, shop)
	s.start()
	socket := filepath.Join(s.dir, "hub.sock")
	st, err := os.Stat(socket)
	if err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("socket: %v %v, expected mode 0600", st.Mode(), err)
	}
	has(t, s.hub(exit.Config, "run", s.config), "in use by process")
	t.Setenv("HUB_STORE", "sqlite:"+filepath.Join(s.dir, "other.db"))
	has(t, s.hub(1, "run", s.config), "a hub is running at "+socket)
	if code := s.stop(); code != 0 {
		t.Errorf("exit %d", code)
	}
	if config.Exists(socket) {
		t.Error("the socket stays behind a hub that ended")
	}
}

func TestPauseOutlivesRestart(t *testing.T) {
	t.Cleanup(func() { goleak.VerifyNone(t) })
	s := newSite(t, shop)
	s.start()
	has(t, s.hub(0, "pause", "work", "--why", "stock count"), "work is paused")
	s.post("/orders", `{"id":"A-1","total":5,"kind":"web"}`)
	await(t, "the order waits", func() bool { return strings.Contains(s.hub(0, "status", "-o", "json"), `"ready": 1`) })
	has(t, s.hub(0, "status"), "paused: stock count")
	has(t, s.hub(1, "send", "work", `{}`), "pipeline work is paused: hub resume work")
	s.stop()
	s.start()
	has(t, s.hub(0, "status"), "paused: stock count")
	has(t, s.hub(0, "resume", "work"), "work runs")
	await(t, "the order is done", func() bool { return strings.Contains(s.hub(0, "status"), "orders   web  1") })
	has(t, s.hub(1, "pause", "wrk"), `Did you mean "work"?`)
}

func TestReload(t *testing.T) {
	t.Cleanup(func() { goleak.VerifyNone(t) })
	s := newSite(t, shop)
	s.start()
	has(t, s.hub(0, "reload"), "nothing changed")
	s.write(strings.Replace(shop, "count:", "cuont:", 1))
	has(t, s.hub(1, "reload"), `unknown step "cuont"`, "help: did you mean", "keeps running")
	has(t, s.hub(0, "send", "intake", `{"id":"A-1","total":5,"kind":"web"}`, "--wait"), "done")
	s.write(strings.Replace(shop, "POST /orders", "POST /purchases", 1))
	has(t, s.hub(0, "reload"), s.ready.Revision+" -> ")
	await(t, "the new route answers", func() bool {
		var v api.Status
		if err := json.Unmarshal([]byte(s.hub(0, "status", "-o", "json")), &v); err != nil {
			t.Fatal(err)
		}
		s.ready.URLs = v.URLs
		return s.post("/purchases", `{"id":"A-2","total":1,"kind":"web"}`).StatusCode == http.StatusAccepted
	})
	if res := s.post("/orders", `{}`); res.StatusCode != http.StatusNotFound {
		t.Errorf("the old route answers %s", res.Status)
	}
}

func TestReloadThatCannotStart(t *testing.T) {
	t.Cleanup(func() { goleak.VerifyNone(t) })
	s := newSite(t, shop)
	s.start()
	busy, err := newListener()
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	s.write(strings.Replace(shop, "127.0.0.1:0", busy.Addr().String(), 1))
	has(t, s.hub(1, "reload"), "is used by another program", "did not start; "+s.ready.Revision+" runs again")
	has(t, s.hub(0, "send", "intake", `{"id":"A-1","total":5,"kind":"web"}`, "--wait"), "done")
}

func TestDeadLetterReplay(t *testing.T) {
	t.Cleanup(func() { goleak.VerifyNone(t) })
	s := newSite(t, shop)
	s.start()
	for i := range 3 {
		s.post("/orders", fmt.Sprintf(`{"id":"A-%d","total":0,"kind":"web"}`, i))
	}
	var groups []api.DeadGroup
	await(t, "three dead letters of one cause", func() bool {
		if err := json.Unmarshal([]byte(s.hub(0, "dlq", "-o", "json")), &groups); err != nil {
			t.Fatal(err)
		}
		return len(groups) == 1 && groups[0].Count == 3
	})
	g := groups[0].Group
	has(t, s.hub(0, "dlq"), "GROUP", g, "work/validate", "the total is not positive")
	var list []api.Stored
	if err := json.Unmarshal([]byte(s.hub(0, "dlq", "--group", g, "-o", "json")), &list); err != nil || len(list) != 3 {
		t.Fatalf("%d dead letters, %v", len(list), err)
	}
	seq := fmt.Sprint(list[0].Seq)
	has(t, s.hub(0, "dlq", "show", seq), "invalid", `"total":0`, "work/validate")
	has(t, s.hub(0, "replay", "--group", g, "--dry-run"), "3 dead letters", "config then "+s.ready.Revision+" (3)", "(unchanged)", "3 to orders")
	has(t, s.hub(2, "dlq", "drop", seq), "nothing was deleted; say --yes")
	has(t, s.hub(0, "dlq", "drop", seq, "--yes"), "1 dead letter deleted")
	has(t, s.hub(1, "replay", seq), "no dead letter "+seq)
	s.write(strings.Replace(shop, "body.total > 0", "body.total >= 0", 1))
	s.hub(0, "reload")
	if strings.Contains(s.hub(0, "replay", "--all", "--dry-run"), "unchanged") {
		t.Error("the dry run does not see that the configuration changed")
	}
	has(t, s.hub(0, "replay", "--all"), "2 dead letters replayed")
	await(t, "both are counted", func() bool { return strings.Contains(s.hub(0, "status"), "orders   web  2") })
	has(t, s.hub(0, "dlq"), "no dead letters")
	has(t, s.hub(1, "send", "work", `{"id":"A-9","total":-1}`, "--wait"), "dead letter")
}
