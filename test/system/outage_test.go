package system

import (
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"orderhub/hub/hubtest"
	"orderhub/stub"
)

// attention is what the status leads with.
func (s *site) attention() []string {
	var v struct {
		Attention []struct{ What, Of, Text string }
	}
	s.ask(&v, "status")
	out := []string{}
	for _, a := range v.Attention {
		out = append(out, a.What+" "+a.Of+": "+a.Text)
	}
	return out
}

// TestFault_V3_ChargesRefused: one operation of the shipped billing answers 503, all else of it works. The status says so within 5 s, and is
// clear again 5 s after it healed, though its breaker is open for 30 s and retries grow to 5 minutes; an order's trace has a line for the
// first refusal and one that counts, instead of two for each try.
func TestFault_V3_ChargesRefused(t *testing.T) {
	s := running(t)
	s.post("/orders", order("V-0", `"total":5.00`))
	s.reach("V-0", "done")
	s.fault(stub.Fault{Service: "billing", Op: "charge", Status: 503})
	s.post("/orders", order("V-1", `"total":5.00`))
	began := time.Now()
	promised(t, 5*time.Second, "the outage is seen", func() bool { return len(s.attention()) == 1 })
	if a := s.attention(); !strings.HasPrefix(a[0], "outage adapter billing: ") || !strings.Contains(a[0], "answered 503") {
		t.Errorf("%q", a)
	}
	s.until("the charge of V-1 is tried again", func() bool { return s.world.Ledger().Arrivals("billing", "charge") >= 3 })
	for i := range 10 {
		s.post("/orders", order("W-"+string(rune('a'+i)), `"total":5.00`))
	}
	s.until("all that wait are told", func() bool {
		out, _ := s.hub("status")
		return strings.Contains(out, "NEEDS ATTENTION") && strings.Contains(out, "11 messages wait") && strings.Contains(out, "11 wait since")
	})
	s.world.ClearFaults()
	healed := time.Now()
	promised(t, 5*time.Second, "the outage is gone", func() bool { return len(s.attention()) == 0 })
	t.Logf("billing refused charges for %s; gone %s after it healed", healed.Sub(began).Round(time.Millisecond), time.Since(healed).Round(time.Millisecond))
	s.once("V-1", "W-a", "W-j")
	v := s.trace("V-1")
	if called, failed := v.happened("order/money/call billing.charge", "called", "billing.charge failed"), v.happened("order/money", "failed", ""); called != 1 || failed != 1 {
		t.Errorf("%d calls that failed and %d failures in the trace, want 1 of each: %+v", called, failed, v.Events)
	}
	if n := v.happened("order/money", "retried", "failed "); n != 1 {
		t.Errorf("%d lines that count the tries, want 1: %+v", n, v.Events)
	}
	if log := s.tail(); strings.Count(log, "level=WARN") != 1 || strings.Count(log, "works again") != 1 {
		t.Errorf("want one warning, and one line when it is over:\n%s", log)
	}
}

// TestFault_V6_DiskFull: a disk that runs full is told to whoever asks, and heals by itself.
func TestFault_V6_DiskFull(t *testing.T) {
	s := newSite(t, "", stub.Options{})
	dir := hubtest.SmallDisk(t, s.dir)
	for i, v := range s.env {
		if strings.HasPrefix(v, "HUB_STORE=") {
			s.env[i] = "HUB_STORE=sqlite:" + filepath.Join(dir, "hub.db")
		}
	}
	s.start()
	s.post("/orders", order("D-1", `"total":5.00`))
	s.reach("D-1", "done")
	s.quiet()
	ready := func() int {
		res, err := http.Get("http://" + s.addr + "/readyz")
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		return res.StatusCode
	}
	fill := hubtest.Fill(t, dir)
	outages := func() []string { // without the alert about a disk that is as small as this one
		return slices.DeleteFunc(s.attention(), func(a string) bool { return strings.HasPrefix(a, "alert ") })
	}
	promised(t, 5*time.Second, "the full disk is seen", func() bool { return len(outages()) == 1 && ready() == http.StatusServiceUnavailable })
	if a := outages()[0]; !strings.HasPrefix(a, "outage store: ") || !strings.Contains(a, "no space left") {
		t.Error(a)
	}
	for range 20 {
		got := s.do("POST", "/orders", order("D-2", `"total":5.00`))
		if p := got.problem(t); got.status != http.StatusInsufficientStorage || p.Code != "disk_full" || got.header.Get("Retry-After") == "" {
			t.Fatalf("answered %v", got)
		}
	}
	phone := filepath.Join(s.dir, "phone", "late.csv")
	if err := os.WriteFile(phone, []byte(s.sample("phone-orders.calls.csv")), 0o600); err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Second)
	if _, err := os.Stat(phone); err != nil {
		t.Errorf("the source of files did not pause: %v", err)
	}
	if err := os.Remove(fill); err != nil {
		t.Fatal(err)
	}
	promised(t, 10*time.Second, "it heals", func() bool { return len(outages()) == 0 && ready() == http.StatusOK })
	s.post("/orders", order("D-2", `"total":5.00`))
	s.reach("D-2", "done")
	await(t, soon, "the file is read", func() bool { _, err := os.Stat(phone); return os.IsNotExist(err) })
	for _, id := range []string{"D-1", "D-2"} {
		same(t, "charges of "+id, len(s.effects("billing", "charge", id)), 1)
	}
	if log := s.tail(); strings.Count(log, "level=WARN")+strings.Count(log, "level=ERROR") != 1 || strings.Count(log, "store works again") != 1 {
		t.Errorf("want one warning, and one line when it is over:\n%s", log)
	}
}
