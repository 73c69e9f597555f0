package examples

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"orderhub/hub/hubtest"
)

// soon is how long a test waits for what takes milliseconds on an idle machine.
const soon = 30 * time.Second

// place is a copy of an example, and the working directory of its hubs.
type place struct {
	t     testing.TB
	dir   string
	token string // in all names that are this test's own
	env   []string
}

// newPlace copies an example. The names, which stand for things at shared servers, get the place's token in all its files.
func newPlace(t testing.TB, example string, names ...string) *place {
	t.Helper()
	p := &place{t: t, dir: t.TempDir(), token: fmt.Sprintf("ex%08x", rand.Uint32()), env: os.Environ()}
	if err := os.CopyFS(p.dir, os.DirFS(filepath.Join("..", "..", "examples", example))); err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		p.rename(name, p.own(name))
	}
	return p
}

// rename puts other texts, each behind the one that it replaces, into the place's configurations.
func (p *place) rename(pairs ...string) {
	p.t.Helper()
	files, _ := filepath.Glob(filepath.Join(p.dir, "*.yaml"))
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err == nil {
			err = os.WriteFile(file, []byte(strings.NewReplacer(pairs...).Replace(string(b))), 0o600)
		}
		if err != nil {
			p.t.Fatal(err)
		}
	}
}

// own is a name at a shared server as it is in this place.
func (p *place) own(name string) string { return name + "-" + p.token }

func (p *place) set(name, value string) { p.env = append(p.env, name+"="+value) }

// unset takes variables of the test's own environment away from the hubs.
func (p *place) unset(names ...string) {
	p.env = slices.DeleteFunc(p.env, func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		return slices.Contains(names, name)
	})
}

func (p *place) sample(name string) string {
	p.t.Helper()
	b, err := os.ReadFile(filepath.Join(p.dir, "samples", name))
	if err != nil {
		p.t.Fatal(err)
	}
	return string(b)
}

// hub is the real binary on one file of a place.
type hub struct {
	place   *place
	name    string // of its folder for logs and the control socket
	args    []string
	env     []string
	process *exec.Cmd
	exited  chan error
	ready   struct {
		URLs   map[string]string
		Stored []string
	}
}

// run starts a hub on a file of the place; it answers when run returns, and ends with the test. env are pairs of name and value.
func (p *place) run(name, file string, args []string, env ...string) *hub {
	p.t.Helper()
	h := &hub{place: p, name: name, args: append([]string{"run", "-v", "-o", "json", filepath.Join(p.dir, file)}, args...)}
	home := filepath.Join(p.dir, "home", name)
	if err := os.MkdirAll(home, 0o700); err != nil {
		p.t.Fatal(err)
	}
	h.env = append(slices.Clone(p.env), "HUB_HOME="+home, "HUB_STORE=sqlite:"+filepath.Join(home, "hub.db"))
	for i := 0; i < len(env); i += 2 {
		h.env = append(h.env, env[i]+"="+env[i+1])
	}
	p.t.Cleanup(h.kill)
	h.start()
	return h
}

func (h *hub) start() {
	h.place.t.Helper()
	bin, err := hubtest.Binary()
	if err != nil {
		h.place.t.Fatal(err)
	}
	log, err := os.OpenFile(h.log(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		h.place.t.Fatal(err)
	}
	defer log.Close()
	cmd := exec.Command(bin, h.args...)
	cmd.Dir, cmd.Env, cmd.Stderr = h.place.dir, h.env, log
	out, err := cmd.StdoutPipe()
	if err != nil {
		h.place.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		h.place.t.Fatal(err)
	}
	exited, ready := make(chan error, 1), make(chan []byte, 1)
	h.process, h.exited = cmd, exited
	go func() {
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if strings.HasPrefix(lines.Text(), `{"event":"ready"`) {
				ready <- []byte(lines.Text())
			}
		}
		exited <- cmd.Wait()
	}()
	select {
	case line := <-ready:
		if err := json.Unmarshal(line, &h.ready); err != nil {
			h.place.t.Fatal(err)
		}
	case err := <-exited:
		exited <- err
		h.place.t.Fatalf("%s ended: %v\n%s", h.name, err, h.tail())
	case <-time.After(time.Minute):
		h.place.t.Fatalf("%s is not ready after a minute\n%s", h.name, h.tail())
	}
}

// kill ends it at once, as kill -9 does.
func (h *hub) kill() {
	if h.process != nil {
		h.process.Process.Kill()
		<-h.exited
		h.process = nil
	}
}

// stop ends it with SIGTERM, as an operator does.
func (h *hub) stop() {
	h.place.t.Helper()
	h.process.Process.Signal(syscall.SIGTERM)
	select {
	case err := <-h.exited:
		if h.process = nil; err != nil {
			h.place.t.Fatalf("%s: SIGTERM: %v\n%s", h.name, err, h.tail())
		}
	case <-time.After(time.Minute):
		h.kill()
		h.place.t.Fatalf("%s does not end\n%s", h.name, h.tail())
	}
}

// verb runs another verb beside it.
func (h *hub) verb(args ...string) (string, error) {
	bin, err := hubtest.Binary()
	if err != nil {
		return "", err
	}
	cmd := exec.Command(bin, args...)
	cmd.Dir, cmd.Env = h.place.dir, h.env
	out, err := cmd.Output()
	return string(out), err
}

// status is what its admin API tells, as `hub status` does.
type status struct {
	Stages []struct {
		Name         string
		Done, Failed int64
	}
	Queues   []struct{ Ready, Waiting, Held, Dead int }
	Counters map[string]map[string]int64
}

func (h *hub) status() (s status) {
	h.place.t.Helper()
	admin := &http.Client{Timeout: soon, Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", filepath.Join(h.place.dir, "home", h.name, "hub.sock"))
	}}}
	res, err := admin.Get("http://hub/status")
	if err == nil {
		err = json.NewDecoder(res.Body).Decode(&s)
		res.Body.Close()
	}
	if err != nil {
		h.place.t.Fatalf("%s: status: %v\n%s", h.name, err, h.tail())
	}
	return s
}

// open is how many messages are in its store, dead ones left out; dead is how many of those there are.
func (s status) open() (n int) {
	for _, q := range s.Queues {
		n += q.Ready + q.Waiting + q.Held
	}
	return n
}

func (s status) dead() (n int) {
	for _, q := range s.Queues {
		n += q.Dead
	}
	return n
}

// report is its own view of what happened.
func (h *hub) report() string {
	state, _ := h.verb("status")
	dead, _ := h.verb("dlq")
	return "== " + h.name + "\n" + state + dead + h.tail()
}

func (h *hub) log() string { return filepath.Join(h.place.dir, "home", h.name, "hub.log") }

func (h *hub) tail() string {
	b, _ := os.ReadFile(h.log())
	return string(b[max(0, len(b)-3000):])
}
