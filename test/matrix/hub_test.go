package matrix

import (
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"orderhub/hub/hubtest"
)

// hub is the real binary on one pipeline.
type hub struct {
	dir     string
	env     []string
	process *exec.Cmd
	exited  chan error
}

const configuration = `adapters:
  in: %s
  out: %s
retries:
  soon: {times: 1000, wait: 200ms..2s}
  usual: {times: 12, wait: 1s..5m}
pipelines:
  cell:
    from: %s
    steps:
%s      - %s
        retry: %s
`

// startHub runs a hub from in to out.
func startHub(t testing.TB, dir string, in source, out target) *hub {
	t.Helper()
	reply := ""
	if in.reply {
		reply = "      - reply: 202\n"
	}
	return runHub(t, dir, fmt.Sprintf(configuration, in.adapter, out.adapter, in.from, reply, out.step, cmp.Or(out.retry, "soon")))
}

// runHub runs a hub in dir until the test ends. It is ready when runHub returns. env is what its environment has besides.
func runHub(t testing.TB, dir, yaml string, env ...string) *hub {
	t.Helper()
	bin, err := hubtest.Binary()
	if err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(dir, "pipelines.yaml")
	if err := os.WriteFile(config, []byte(yaml), 0o600); err != nil {
		t.Fatal(err)
	}
	log, err := os.Create(filepath.Join(dir, "hub.log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	h := &hub{dir: dir, exited: make(chan error, 1)}
	h.env = append(append(os.Environ(), "HUB_STORE=sqlite:"+filepath.Join(dir, "hub.db"), "HUB_HOME="+dir), env...)
	h.process = exec.Command(bin, "run", "--no-stubs", "-o", "json", config)
	h.process.Dir, h.process.Env, h.process.Stderr = dir, h.env, log
	h.process.Stdout = log
	if err := h.process.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { h.exited <- h.process.Wait() }()
	t.Cleanup(func() {
		h.process.Process.Kill() // in case it runs still
		h.exited <- <-h.exited
	})
	for end := time.Now().Add(time.Minute); !strings.Contains(h.log(), `{"event":"ready"`); {
		select {
		case err := <-h.exited:
			h.exited <- err
			t.Fatalf("the hub ended: %v\n%s", err, h.tail())
		case <-time.After(20 * time.Millisecond):
		}
		if time.Now().After(end) {
			t.Fatalf("the hub is not ready after a minute\n%s", h.tail())
		}
	}
	return h
}

// stop ends it with SIGTERM, as an operator does.
func (h *hub) stop() error {
	h.process.Process.Signal(syscall.SIGTERM)
	select {
	case err := <-h.exited:
		h.exited <- err
		return err
	case <-time.After(time.Minute):
		return fmt.Errorf("it did not end within a minute")
	}
}

// replay runs all dead letters again, as a person does who has seen that the far end is well.
func (h *hub) replay(t testing.TB) {
	t.Helper()
	if out, err := h.verb("replay", "--all"); err != nil && !strings.Contains(out, "no dead letter is selected") {
		t.Errorf("hub replay: %v\n%s", err, out)
	}
}

// verb runs `hub verb ...` on it.
func (h *hub) verb(args ...string) (string, error) {
	cmd := exec.Command(h.process.Path, args...)
	cmd.Dir, cmd.Env = h.dir, h.env
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// report is its own view of what happened.
func (h *hub) report() string {
	text := ""
	for _, verb := range []string{"status", "dlq"} {
		out, _ := h.verb(verb)
		text += "hub " + verb + ":\n" + out
	}
	return text + h.tail()
}

func (h *hub) log() string {
	b, _ := os.ReadFile(filepath.Join(h.dir, "hub.log"))
	return string(b)
}

func (h *hub) tail() string {
	text := h.log()
	return text[max(0, len(text)-4000):]
}
