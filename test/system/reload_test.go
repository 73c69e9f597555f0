package system

import (
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"orderhub/hub/hubtest"
	"orderhub/stub"
)

const webReply = "reply: {status: 202, body: {order: =body.orderNumber, status: ="

// TestReload: a bad file keeps the old one running and says why; a good one takes effect, and nothing on its way is lost.
func TestReload(t *testing.T) {
	t.Parallel()
	s := newSite(t, "", stub.Options{})
	s.edit(quick...)
	s.start()
	first := s.status().Revision
	s.post("/orders", order("R-1", `"total":5.00`))

	s.edit("state: rejected, source", "state: rejcted, source", "=body.orderNumber", "=body.ordrNumber")
	out, err := s.hub("reload")
	if exit, ok := err.(*exec.ExitError); !ok || exit.ExitCode() != 1 {
		t.Errorf("reload of a bad file: %v", err)
	}
	has(t, out, "ordrNumber", `did you mean "orderNumber"`, "pipelines.yaml:", "keeps running")
	same(t, "the revision that runs", s.status().Revision, first)
	s.post("/orders", order("R-2", `"total":5.00`))

	s.edit("state: rejcted, source", "state: rejected, source", "=body.ordrNumber", "=body.orderNumber", webReply, "reply: {status: 202, body: {new: true, order: =body.orderNumber, status: =")
	s.fault(stub.Fault{Service: "billing", Op: "charge", Status: 503, Times: 2})
	s.post("/orders", order("R-3", `"total":5.00`)) // it waits for its retry while the hub reloads
	if out, err = s.hub("reload"); err != nil {
		t.Errorf("reload of a good file: %v\n%s", err, out)
	}
	second := s.status().Revision
	has(t, out, first+" -> "+second)
	same(t, "the answer", s.do("POST", "/orders", order("R-4", `"total":5.00`)), `202 {"new":true,"order":"R-4","status":"/orders/R-4"}`)
	same(t, "the answer to an order of before", s.do("POST", "/orders", order("R-1", `"total":5.00`)), `202 {"order":"R-1","status":"/orders/R-1"}`)
	if out, err = s.hub("reload"); err != nil || !strings.Contains(out, "nothing changed") {
		t.Errorf("reload of the same file: %v\n%s", err, out)
	}

	// SIGHUP does the same
	s.edit("new: true", "new: maybe")
	s.process.Process.Signal(syscall.SIGHUP)
	s.until("SIGHUP reloads", func() bool { return s.status().Revision != second })
	same(t, "the answer", s.do("POST", "/orders", order("R-5", `"total":5.00`)), `202 {"new":"maybe","order":"R-5","status":"/orders/R-5"}`)
	third := s.status().Revision
	s.edit("type: http-server", "type: http-servr")
	s.process.Process.Signal(syscall.SIGHUP)
	s.until("the log says why not", func() bool { b, _ := os.ReadFile(s.log.Name()); return strings.Contains(string(b), "http-servr") })
	same(t, "the revision that runs", s.status().Revision, third)
	for _, id := range []string{"R-1", "R-2", "R-3", "R-4", "R-5"} {
		s.once(id)
	}
}

// TestReloadUnderLoad: orders that come while the hub reloads are refused with Retry-After or taken, and what is taken is done once.
func TestReloadUnderLoad(t *testing.T) {
	t.Parallel()
	s := newSite(t, "", stub.Options{})
	s.edit(quick...)
	s.start()
	l := newLoad(s, 100, "L")
	stood := hubtest.Standstill(t)
	old, longest := "the order has no items", time.Duration(0)
	for _, text := range []string{"no items", "nothing is ordered", "an empty order"} {
		await(t, soon, "orders come in", func() bool { n := l.count.Load(); return n > 0 && n >= int64(20*len(text)/8) })
		s.edit("say: "+old, "say: "+text)
		old = text
		began := time.Now()
		if out, err := s.hub("reload"); err != nil {
			t.Fatalf("reload: %v\n%s", err, out)
		}
		longest = max(longest, time.Since(began))
	}
	t.Logf("longest reload %v", longest.Round(time.Millisecond))
	if longest > 5*time.Second+stood() {
		t.Error("a reload takes too long")
	}
	began := time.Now()
	l.stop()
	if took := time.Since(began); took > 5*time.Second+stood() { // a request that nobody answers ends after 10 s
		t.Errorf("a request hangs: the last answer came %v after the last reload", took)
	}
	l.judge(t)
}

// TestPause: what comes for a paused pipeline waits, also over a restart; resumed, it goes on.
func TestPause(t *testing.T) {
	t.Parallel()
	s := running(t)
	if out, err := s.hub("pause", "order", "--why", "the bank moves"); err != nil || !strings.Contains(out, "order is paused") {
		t.Fatalf("pause: %v\n%s", err, out)
	}
	ids := []string{"P-1", "P-2", "P-3"}
	for _, id := range ids {
		s.post("/orders", order(id, `"total":5.00`))
	}
	waiting := func() bool { n, _ := s.status().queue("process order"); return n == 3 }
	s.until("the orders wait", waiting)
	for range 2 {
		out, err := s.hub("status")
		if err != nil {
			t.Error(err)
		}
		has(t, out, "paused: the bank moves")
		st := s.status()
		if len(st.Paused) != 1 || st.Paused[0].Pipeline != "order" || st.Paused[0].Reason != "the bank moves" {
			t.Errorf("paused %+v", st.Paused)
		}
		same(t, "all wait", waiting(), true)
		s.kill()
		s.start()
	}
	if out, err := s.hub("resume", "order"); err != nil {
		t.Fatalf("resume: %v\n%s", err, out)
	}
	s.once(ids...)

	// a paused source takes nothing, and says when to come again
	if out, err := s.hub("pause", "web-orders"); err != nil {
		t.Fatalf("pause: %v\n%s", err, out)
	}
	var a answer
	s.until("the route is closed", func() bool {
		a = s.do("POST", "/orders", order("P-4", `"total":5.00`))
		return a.status == http.StatusServiceUnavailable
	})
	if a.header.Get("Retry-After") == "" {
		t.Errorf("no Retry-After: %s", a)
	}
	same(t, "another route", s.do("GET", "/orders/P-1", "").status, 200)
	if out, err := s.hub("resume", "web-orders"); err != nil {
		t.Fatalf("resume: %v\n%s", err, out)
	}
	s.until("the route is open", func() bool { return s.do("POST", "/orders", order("P-4", `"total":5.00`)).status == 202 })
	s.once("P-4")
	if out, err := s.hub("pause", "order-intak"); err == nil || !strings.Contains(out, `Did you mean "order-intake"?`) {
		t.Errorf("a wrong name: %v\n%s", err, out)
	}
}
