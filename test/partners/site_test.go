package partners

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"orderhub/hub/hubtest"
)

// site is a folder with one configuration, and the binary that runs it: see runner for one that runs all blocks of a page.
type site struct {
	t        testing.TB
	dir, bin string
}

func newSite(t testing.TB, config string) *site {
	t.Helper()
	bin, err := hubtest.Binary()
	if err != nil {
		t.Fatal(err)
	}
	s := &site{t, t.TempDir(), bin}
	if err := os.WriteFile(filepath.Join(s.dir, "pipelines.yaml"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	return s
}

// command is a verb of the hub in the site's folder.
func (s *site) command(args ...string) *exec.Cmd {
	cmd := exec.Command(s.bin, args...)
	cmd.Dir = s.dir
	cmd.Env = append(os.Environ(), "HUB_HOME="+s.dir, "HUB_STORE=sqlite:"+filepath.Join(s.dir, "hub.db"))
	return cmd
}

// hub runs a verb to its end; want is its exit code.
func (s *site) hub(want int, args ...string) string {
	s.t.Helper()
	cmd := s.command(args...)
	late := time.AfterFunc(time.Minute, func() { cmd.Process.Kill() })
	defer late.Stop()
	out, err := cmd.CombinedOutput()
	if code := cmd.ProcessState.ExitCode(); code != want {
		s.t.Errorf("hub %s: exit %d, expected %d, %v\n%s", strings.Join(args, " "), code, want, err, out)
	}
	return string(out)
}

// asked runs the hub, sends it a request as it stands, and returns status and body of the answer.
func (s *site) asked(request string) string {
	s.t.Helper()
	cmd := s.command("run", "pipelines.yaml", "-o", "json")
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { cmd.Process.Signal(syscall.SIGTERM); cmd.Wait() }()
	var ready struct{ URLs map[string]string }
	for lines := bufio.NewScanner(out); ready.URLs == nil && lines.Scan(); {
		if err := json.Unmarshal(lines.Bytes(), &ready); err != nil {
			s.t.Fatal(err)
		}
	}
	conn, err := net.Dial("tcp", strings.TrimPrefix(ready.URLs["web"], "http://"))
	if err != nil {
		s.t.Fatal(err)
	}
	defer conn.Close()
	head, body, _ := strings.Cut(request, "\r\n\r\n")
	fmt.Fprintf(conn, "%s\r\nContent-Length: %d\r\n\r\n%s", head, len(body), body)
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return res.Status + "\n" + string(answer)
}
