package partners

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"gopkg.in/yaml.v3"
	"orderhub/hub/hubtest"
)

// soon is how long a test waits for what takes milliseconds on an idle machine.
const soon = 30 * time.Second

// runner is a hub that runs all blocks of a page at once, with the real binary. What the blocks send to channels that none of them reads comes out.
type runner struct {
	dir     string
	web     string // address of its server
	admin   *http.Client
	mu      sync.Mutex
	wanted  map[string]int       // how many messages are to come out of a channel, when the hub has ended
	arrived map[string][]outcome // by channel
}

// outcome is a message that came out.
type outcome struct {
	media string
	body  string
}

// newRunner runs the hub until the test ends, in a folder that may hold files which the blocks name. env are variables of its environment, as NAME=value.
func newRunner(t *testing.T, dir string, blocks []block, env ...string) *runner {
	t.Helper()
	s := &runner{dir: dir, wanted: map[string]int{}, arrived: map[string][]outcome{}}
	sink := httptest.NewServer(http.HandlerFunc(s.take))
	t.Cleanup(func() {
		sink.Close()
		for channel, n := range s.wanted {
			if got := s.came(channel); len(got) != n {
				t.Errorf("%d messages came out of %s, and %d are wanted: %q", len(got), channel, n, got)
			}
		}
	})
	config, unread := merge(t, blocks)
	adapters, pipelines := entry(config, "adapters"), entry(config, "pipelines")
	if slices.Contains(names(adapters), "web") {
		put(t, entry(adapters, "web"), "listen", "127.0.0.1:0")
	}
	ops := ""
	for _, channel := range unread {
		ops += channel + ": POST /" + channel + ", "
		put(t, pipelines, "sink-"+channel, "{from: "+channel+", steps: [{call: sink."+channel+"}]}")
	}
	put(t, adapters, "sink", "{type: http-client, url: '"+sink.URL+"', ops: {"+ops+"}}")
	put(t, config, "hub", "{name: partners, store: 'sqlite:hub.db', drain: 2s}")
	text, err := yaml.Marshal(config)
	if err == nil {
		err = os.WriteFile(filepath.Join(s.dir, "pipelines.yaml"), text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	s.start(t, env)
	return s
}

func (s *runner) start(t *testing.T, env []string) {
	t.Helper()
	bin, err := hubtest.Binary()
	if err != nil {
		t.Fatal(err)
	}
	var talk bytes.Buffer
	cmd := exec.Command(bin, "run", "-o", "json", filepath.Join(s.dir, "pipelines.yaml"))
	cmd.Dir, cmd.Env, cmd.Stderr = s.dir, append(os.Environ(), append(env, "HUB_HOME="+s.dir)...), &talk
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGTERM)
		if err := cmd.Wait(); err != nil {
			t.Errorf("the hub ended with %v\n%s", err, &talk)
		}
		if t.Failed() {
			t.Logf("%s", &talk)
		}
	})
	var ready struct{ URLs map[string]string }
	lines := bufio.NewReader(out)
	line, err := lines.ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &ready)
	}
	if err != nil {
		rest, _ := io.ReadAll(lines)
		t.Fatalf("the hub is not ready: %v\n%s%s", err, line, rest)
	}
	go io.Copy(io.Discard, out)
	s.web = ready.URLs["web"]
	s.admin = &http.Client{Timeout: soon, Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", filepath.Join(s.dir, "hub.sock"))
	}}}
}

// take keeps what came out.
func (s *runner) take(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	s.mu.Lock()
	defer s.mu.Unlock()
	channel := strings.TrimPrefix(r.URL.Path, "/")
	if r.Method == http.MethodPost {
		s.arrived[channel] = append(s.arrived[channel], outcome{r.Header.Get("Content-Type"), string(body)})
	}
	w.WriteHeader(http.StatusNoContent)
}

// came is what came out of a channel so far.
func (s *runner) came(channel string) []outcome {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]outcome(nil), s.arrived[channel]...)
}

// wants says how many messages are to come out of a channel in all.
func (s *runner) wants(channel string, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wanted[channel] = n
}

// ask makes a request of the admin API and reads its answer into to.
func (s *runner) ask(t *testing.T, method, path, body string, to any) {
	t.Helper()
	req, err := http.NewRequest(method, "http://hub"+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := s.admin.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode >= 300 {
		err = fmt.Errorf("%s", res.Status)
	}
	if err == nil && to != nil {
		err = json.Unmarshal(raw, to)
	}
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", method, path, err, raw)
	}
}

// stored is a message in the store, or a dead letter.
type stored struct {
	Seq   int64
	Error struct{ Class, Reason, Message string }
}

// traced is what the hub tells of a message.
type traced struct {
	State  string
	Events []struct{ Where, What, Detail string }
	Stored []stored
}

func (s *runner) trace(t *testing.T, id string) (out traced) {
	t.Helper()
	s.ask(t, "GET", "/trace?id="+id, "", &out)
	return out
}

// await waits until ok; report says more when it never is.
func await(t *testing.T, what string, ok func() bool, report func() string) {
	t.Helper()
	for end := time.Now().Add(soon); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not in %v: %s\n%s", soon, what, report())
		}
	}
}
