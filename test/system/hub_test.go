// Package system tests the real binary with real partners: processes are
// killed, requests go over real sockets, and the partners' ledger is the judge.
package system

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"orderhub/hub/hubtest"
	"orderhub/stub"
)

// hookSecret is what the shipping partner signs its calls with.
const hookSecret = "the secret of the shipping hook"

// root is the checkout.
func root(t testing.TB) string {
	t.Helper()
	dir, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

var (
	builds   sync.Map // tags -> path
	building sync.Mutex
)

// build makes the hub's binary once per set of tags.
func build(t testing.TB, tags string) string {
	t.Helper()
	building.Lock()
	defer building.Unlock()
	if p, ok := builds.Load(tags); ok {
		return p.(string)
	}
	out := filepath.Join(os.TempDir(), fmt.Sprintf("hub-system-%d-%s", os.Getpid(), tags))
	cmd := exec.Command("go", "build", "-ldflags", "-s -w", "-tags", tags, "-o", out, "./cmd/hub")
	cmd.Dir = root(t)
	if b, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, b)
	}
	builds.Store(tags, out)
	return out
}

func TestMain(m *testing.M) {
	_ = flag.Set("test.parallel", fmt.Sprint(3*runtime.GOMAXPROCS(0))) // those that run side by side mostly wait
	code := m.Run()
	endRabbit()
	builds.Range(func(_, p any) bool { os.Remove(p.(string)); return true })
	os.Exit(code)
}

// site is a folder with a hub in it and partners that outlive it.
type site struct {
	t       testing.TB
	dir     string
	bin     string
	addr    string
	config  string // the file that run gets
	world   *stub.World
	env     []string
	process *exec.Cmd
	log     *os.File
	exited  chan error
}

// newSite starts partners and prepares a hub on the shipped configuration.
func newSite(t testing.TB, tags string, options stub.Options) *site {
	t.Helper()
	world, err := stub.Start(options)
	if err != nil {
		t.Fatal(err)
	}
	s := &site{t: t, dir: t.TempDir(), bin: build(t, tags), world: world, addr: hubtest.FreePort(t), config: filepath.Join(root(t), "config", "pipelines.yaml")}
	t.Cleanup(func() {
		if s.process != nil {
			s.process.Process.Kill()
			<-s.exited
		}
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		world.Close(ctx)
	})
	urls := world.URLs()
	s.env = append(os.Environ(),
		"HUB_LISTEN="+s.addr, "HUB_STORE=sqlite:"+filepath.Join(s.dir, "hub.db"), "HUB_HOME="+s.dir,
		"PHONE_INBOX="+filepath.Join(s.dir, "phone"), "PHONE_STABLE=100ms", "PARTNER_OUTBOX="+filepath.Join(s.dir, "partner"),
		"BILLING_URL="+urls["billing"], "SHIPPING_URL="+urls["shipping"], "COURIER_URL="+urls["courier"], "CATALOG_URL="+urls["catalog"],
		"STOCK_URL="+urls["stock"], "MAIL_URL="+urls["mail"], "HUB_SECRET_BILLING=b", "HUB_SECRET_SHIPPING=s", "HUB_SECRET_SHIPPING_HOOK="+hookSecret, "HUB_SECRET_LINKS=the secret key of links", "HUB_SECRET_DESK=desk-pass")
	world.SetWebhook("http://"+s.addr+"/hooks/shipping", hookSecret)
	s.log, err = os.Create(filepath.Join(s.dir, "hub.log"))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// start runs the hub and waits until it is ready. It tells how long that took.
func (s *site) start() time.Duration {
	s.t.Helper()
	began := time.Now()
	s.launch()
	for time.Since(began) < 60*time.Second {
		res, err := http.Get("http://" + s.addr + "/readyz")
		if err == nil {
			res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return time.Since(began)
			}
		}
		select {
		case err := <-s.exited:
			s.exited <- err
			s.t.Fatalf("the hub ended: %v\n%s", err, s.tail())
		case <-time.After(5 * time.Millisecond):
		}
	}
	s.t.Fatalf("the hub is not ready after 60 s\n%s", s.tail())
	return 0
}

func (s *site) launch() {
	cmd := exec.Command(s.bin, "run", s.config)
	cmd.Env, cmd.Stdout, cmd.Stderr, cmd.Dir = s.env, s.log, s.log, s.dir
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.process, s.exited = cmd, make(chan error, 1)
	exited := s.exited
	go func() { exited <- cmd.Wait() }()
}

// kill ends the hub at once, as kill -9 does.
func (s *site) kill() {
	s.process.Process.Signal(syscall.SIGKILL)
	<-s.exited
	s.process = nil
}

// stop ends the hub with SIGTERM and tells how long it took and its exit error.
func (s *site) stop() (time.Duration, error) {
	began := time.Now()
	s.process.Process.Signal(syscall.SIGTERM)
	select {
	case err := <-s.exited:
		s.process = nil
		return time.Since(began), err
	case <-time.After(60 * time.Second):
		s.kill()
		return time.Since(began), fmt.Errorf("did not end in 60 s")
	}
}

func (s *site) tail() string {
	b, _ := os.ReadFile(s.log.Name())
	return string(b[max(0, len(b)-4000):])
}

// hub runs another verb of the binary beside the daemon.
func (s *site) hub(args ...string) (string, error) {
	cmd := exec.Command(s.bin, args...)
	cmd.Env, cmd.Dir = s.env, s.dir
	b, err := cmd.CombinedOutput()
	return string(b), err
}

func webOrder(id string) []byte {
	return fmt.Appendf(nil, `{"orderNumber":%q,"user":{"id":"C-%d-eu","name":"Ada Martin","email":"ada@example.com"},"pay":{"type":"card","token":"tok_visa"},"currency":"EUR","lines":[{"sku":"SKU-00017","qty":3,"price":5.20},{"sku":"SKU-00018","qty":1,"price":34.40}],"total":50.00,"shipTo":{"name":"Ada","street":"Long 5","zip":"10115","city":"Berlin","country":"DE"}}`, id, len(id))
}

// load posts orders at a rate until stop is closed. A client that got no
// answer sends the same order again, as a web store does. accepted holds
// every order that was answered with 202.
type load struct {
	s        *site
	accepted sync.Map
	count    atomic.Int64
	refused  atomic.Int64
	client   *http.Client
	done     chan struct{}
	group    sync.WaitGroup

	quarantine bool // some orders may be at work at three kills: judge replays them, as somebody would
}

func newLoad(s *site, rate int, prefix string) *load {
	l := &load{s: s, done: make(chan struct{}), client: &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 64}}}
	l.group.Go(func() {
		tick := time.NewTicker(time.Second / time.Duration(rate))
		defer tick.Stop()
		for i := 0; ; i++ {
			select {
			case <-l.done:
				return
			case <-tick.C:
				id := fmt.Sprintf("%s-%06d", prefix, i)
				l.group.Go(func() { l.order(id) })
			}
		}
	})
	return l
}

func (l *load) order(id string) {
	body := webOrder(id)
	for try := 0; try < 600; try++ {
		req, _ := http.NewRequest("POST", "http://"+l.s.addr+"/orders", bytes.NewReader(body))
		req.Header.Set("Content-Type", "application/json")
		res, err := l.client.Do(req)
		if err == nil {
			res.Body.Close()
			if res.StatusCode == http.StatusAccepted {
				l.accepted.Store(id, true)
				l.count.Add(1)
				return
			}
			if res.StatusCode < 500 && res.StatusCode != http.StatusConflict && res.StatusCode != http.StatusTooManyRequests {
				l.refused.Add(1)
				return
			}
		}
		select {
		case <-l.done:
			return // not answered: it may go either way
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// some waits until n orders more are accepted.
func (l *load) some(n int64) {
	l.s.t.Helper()
	want := l.count.Load() + n
	await(l.s.t, time.Minute, fmt.Sprintf("%d orders more are accepted", n), func() bool { return l.count.Load() >= want })
}

func (l *load) stop() {
	close(l.done)
	l.group.Wait()
	l.client.CloseIdleConnections()
}

// judge compares what was accepted with what the partners did, once they have done all of it. How long that takes depends on the machine.
func (l *load) judge(t *testing.T) {
	t.Helper()
	deadline := time.Now().Add(8 * time.Minute)
	var lost, doubled, uncharged []string
	for {
		charges, books := perOrder(l.s.world, "billing", "charge"), perOrder(l.s.world, "shipping", "book")
		lost, doubled, uncharged = nil, nil, nil
		l.accepted.Range(func(k, _ any) bool {
			id := k.(string)
			if charges[id] == 0 {
				uncharged = append(uncharged, id)
			}
			if books[id] == 0 {
				lost = append(lost, id)
			}
			return true
		})
		for id, n := range charges {
			if n > 1 {
				doubled = append(doubled, id+" charged")
			}
		}
		for id, n := range books {
			if n > 1 {
				doubled = append(doubled, id+" shipped")
			}
		}
		if len(lost)+len(uncharged) == 0 || time.Now().After(deadline) {
			break
		}
		if l.quarantine {
			l.s.replayKilled()
			time.Sleep(time.Second)
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Logf("accepted %d, refused %d, lost %d, not charged %d, doubled %d", l.count.Load(), l.refused.Load(), len(lost), len(uncharged), len(doubled))
	if l.count.Load() == 0 || l.refused.Load() > 0 || len(lost)+len(uncharged)+len(doubled) > 0 {
		out, _ := l.s.hub("dlq")
		status, _ := l.s.hub("status")
		t.Errorf("lost %.200s\nnot charged %.200s\ndoubled %.200s\n%s\n%s\n%s", strings.Join(lost, " "), strings.Join(uncharged, " "), strings.Join(doubled, " "), out, status, l.s.tail())
	}
}

// replayKilled replays what three kills hit at work, as somebody would. What died of anything else stays dead.
func (s *site) replayKilled() {
	groups, _ := s.hub("dlq")
	for line := range strings.Lines(groups) {
		if strings.Contains(line, "uncleanly") {
			s.hub("replay", "--group", strings.Fields(line)[0])
		}
	}
}

func perOrder(w *stub.World, service, op string) map[string]int {
	n := map[string]int{}
	for _, e := range w.Ledger().Effects(service, op) {
		n[e.Ref]++
	}
	return n
}
