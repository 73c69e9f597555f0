// Package browser drives the console with a real browser: Chromium, in front of a hub that is a process of its own.
package browser

import (
	"bufio"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// site is a hub on testdata/desk.yaml, with the gateway that it charges.
type site struct {
	t       testing.TB
	dir     string
	config  string
	env     []string // beside the store
	gateway *httptest.Server
	hub     *exec.Cmd
	web     string       // where it takes orders
	console string       // where its pages are
	text    string       // stands wherever a customer, a partner or a colleague may write
	away    atomic.Bool  // the gateway answers 503
	charged atomic.Int64 // by the gateway
}

var binary = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "hub-browser-")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "hub")
	build := exec.Command("go", "build", "-o", path, "./cmd/hub")
	build.Dir = filepath.Join("..", "..")
	if out, err := build.CombinedOutput(); err != nil {
		return dir, fmt.Errorf("%w\n%s", err, out)
	}
	return path, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if path, err := binary(); err == nil {
		os.RemoveAll(filepath.Dir(path))
	}
	os.Exit(code)
}

// newSite starts a hub, with nothing in it.
func newSite(t testing.TB) *site {
	t.Helper()
	s := &site{t: t, dir: t.TempDir(), config: "testdata/desk.yaml"}
	s.gateway = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		if s.away.Load() {
			http.Error(w, "closed for maintenance "+s.text, http.StatusServiceUnavailable)
			return
		}
		s.charged.Add(1)
		json.NewEncoder(w).Encode(map[string]string{"result": "approved" + s.text})
	}))
	t.Cleanup(s.gateway.Close)
	s.env = []string{"BILLING_URL=" + s.gateway.URL}
	s.start()
	t.Cleanup(s.stop)
	return s
}

// start starts the hub on what its store has.
func (s *site) start() {
	s.t.Helper()
	path, err := binary()
	if err != nil {
		s.t.Fatal(err)
	}
	s.hub = exec.Command(path, "run", "--stubs", "all", "-o", "json", s.config)
	s.hub.Env = slices.Concat(os.Environ(), []string{"HUB_HOME=" + s.dir, "HUB_STORE=" + s.store()}, s.env)
	log, err := os.Create(filepath.Join(s.dir, "hub.log"))
	if err != nil {
		s.t.Fatal(err)
	}
	s.hub.Stderr = log
	out, err := s.hub.StdoutPipe()
	if err == nil {
		err = s.hub.Start()
	}
	if err != nil {
		s.t.Fatal(err)
	}
	var ready struct {
		Console string
		URLs    map[string]string
	}
	line, err := bufio.NewReader(out).ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &ready)
	}
	if err != nil {
		raw, _ := os.ReadFile(log.Name())
		s.t.Fatalf("the hub does not start: %v %s\n%s", err, line, raw)
	}
	s.web, s.console = ready.URLs["web"], strings.TrimSuffix(ready.Console, "/")
}

// store is the URL of the hub's store.
func (s *site) store() string { return "sqlite:" + filepath.Join(s.dir, "hub.db") }

// stop ends the hub, if it runs.
func (s *site) stop() {
	s.hub.Process.Signal(syscall.SIGTERM) // it may have ended
	s.hub.Wait()
	if raw, _ := os.ReadFile(filepath.Join(s.dir, "hub.log")); strings.Contains(string(raw), "panic") {
		s.t.Errorf("the hub's log has a panic:\n%.3000s", raw)
	}
}

// order is an order as the web store sends it. One for 13 fails for good.
type order struct {
	ID    string  `json:"id"`
	Email string  `json:"email"`
	Total float64 `json:"total"`
	Note  string  `json:"note,omitempty"`
}

// post sends an order to a route, and gives the status.
func (s *site) post(route string, o any) int {
	s.t.Helper()
	raw, err := json.Marshal(o)
	if err != nil {
		s.t.Fatal(err)
	}
	req, err := http.NewRequest("POST", s.web+route, strings.NewReader(string(raw)))
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-Note", "a header "+s.text)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	res.Body.Close()
	return res.StatusCode
}

// act sends the form of an act, in the name of somebody and with a reason.
func (s *site) act(path string, fields ...string) {
	s.t.Helper()
	form := url.Values{"by": {"eve" + s.text}, "why": {"because " + s.text}}
	for i := 0; i < len(fields); i += 2 {
		form.Set(fields[i], fields[i+1])
	}
	res, err := http.PostForm(s.console+path, form)
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		raw, _ := io.ReadAll(res.Body)
		s.t.Fatalf("%s %v: %s\n%.2000s", path, form, res.Status, raw)
	}
}

// get is a page of the console as text.
func (s *site) get(path string) string {
	s.t.Helper()
	res, err := http.Get(s.console + path)
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return string(raw)
}

// until waits for a condition of the hub.
func (s *site) until(what string, ok func() bool) {
	s.t.Helper()
	for end := time.Now().Add(30 * time.Second); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			raw, _ := os.ReadFile(filepath.Join(s.dir, "hub.log"))
			s.t.Fatalf("not within 30 s: %s\n%.3000s", what, raw)
		}
	}
}

// fill brings n of everything: orders that are paid, that fail for good, that are refused, parcels that ask somebody, and at last an outage
// that makes orders wait, and what people do. The site's text stands wherever somebody may write.
func (s *site) fill(n int) {
	s.t.Helper()
	text := s.text
	mail := text + "@example.com"
	for i := range n {
		s.post("/orders", order{fmt.Sprintf("W-%d%s", 1000+i, text), mail, 20, text})
		s.post("/orders", order{fmt.Sprintf("W-%d%s", 5000+i, text), mail, 13, text})
		s.post("/orders", map[string]any{"id": fmt.Sprintf("R-%d%s", i, text), text: true})
		s.post("/parcels", order{fmt.Sprintf("P-%d%s", 1000+i, text), mail, 7, text})
	}
	s.until("the orders are handled", func() bool {
		return s.charged.Load() >= int64(n) && strings.Contains(s.get("/errors"), fmt.Sprintf(`<td class="num">%s</td>`, thousands(n))) && strings.Contains(s.get("/tasks"), "/task?")
	})
	s.act("/pause?name=parcels")
	s.act("/silence?name=gateway-away", "for", "2h")
	task := regexp.MustCompile(`"/task\?([^"]*)"`).FindStringSubmatch(s.get("/tasks"))
	s.act("/hand-over?"+html.UnescapeString(task[1]), "to", "frank "+text)
	s.away.Store(true)
	for i := range n {
		s.post("/orders", order{fmt.Sprintf("W-%d%s", 9000+i, text), mail, 30, text})
	}
	s.until("the outage is known", func() bool { return strings.Contains(s.get("/"), "adapter billing") })
}

// thousands is a number as pages write it.
func thousands(n int) string {
	text := fmt.Sprint(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "\u202f" + text[i:]
	}
	return text
}

var link = regexp.MustCompile(`href="(/[^"#]*)"`)

// pages are the addresses of all pages that links lead to, one for each kind: the first that is found.
func (s *site) pages() []string {
	s.t.Helper()
	out, seen := []string{"/"}, map[string]bool{"/": true}
	for i := 0; i < len(out); i++ {
		for _, m := range link.FindAllStringSubmatch(s.get(out[i]), -1) {
			to := html.UnescapeString(m[1])
			kind, _, _ := strings.Cut(to, "?")
			if !seen[kind] && !strings.HasPrefix(kind, "/static/") {
				seen[kind] = true
				out = append(out, to)
			}
		}
	}
	return out
}
