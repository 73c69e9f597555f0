package system

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"orderhub/stub"
)

// alone is the environment without what points to a hub.
func alone() []string {
	return slices.DeleteFunc(os.Environ(), func(e string) bool {
		name, _, _ := strings.Cut(e, "=")
		return strings.HasPrefix(name, "HUB_") || strings.HasSuffix(name, "_URL") || name == "PHONE_INBOX" || name == "PARTNER_OUTBOX"
	})
}

// TestSandbox: the samples as a newcomer plays them: from the checkout, without any setting.
func TestSandbox(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.CopyFS(filepath.Join(dir, "config"), os.DirFS(filepath.Join(root(t), "config"))); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(build(t, ""), "sandbox")
	cmd.Dir, cmd.Env = dir, alone()
	began := time.Now()
	b, err := cmd.CombinedOutput()
	out := string(b)
	if err != nil || time.Since(began) > 3*soon { // it ends by itself
		t.Fatalf("sandbox: %v after %v\n%s", err, time.Since(began), out)
	}
	for _, name := range []string{"web-orders.1-approved.json", "web-orders.2-declined.json", "web-orders.3-expired-card.json",
		"web-orders.4-out-of-stock.json", "web-orders.5-wrong-total.json", "sales-orders.1-invoice.json"} {
		has(t, out, "== "+name+"  POST ")
	}
	for id, state := range map[string]string{"W-1001": "ended in done", "W-1002": "ended in cancelled", "W-1003": "state awaiting_card", "W-1004": "ended in cancelled",
		"W-1006": "ended in done", "W-1007": "state review", "S-3001": "ended in done", "P-2001": "state review", "P-2002": "state review"} {
		has(t, out, "\n"+id+"  order process v1  "+state+"  (")
	}
	has(t, out, "\nW-1005  done\n", "== phone-orders.calls.csv  dropped into phone", "9 samples in ", "billing charge 3", "billing refund 2", "shipping book 3")
	if list, err := os.ReadDir(dir); err != nil || len(list) != 1 {
		t.Errorf("the sandbox left something behind: %v %v", list, err)
	}
}

// TestBusyPort: `hub run` takes the next free port when the default one is busy, and says which.
func TestBusyPort(t *testing.T) {
	t.Parallel()
	if l, err := net.Listen("tcp", ":8080"); err == nil { // else somebody else has it: as good
		defer l.Close()
	}
	s := newSite(t, "", stub.Options{})
	cmd := exec.Command(s.bin, "run", s.config, "-o", "json")
	cmd.Dir = s.dir
	cmd.Env = append(alone(), "HUB_STORE=sqlite:"+filepath.Join(s.dir, "hub.db"), "PHONE_INBOX="+filepath.Join(s.dir, "phone"), "PARTNER_OUTBOX="+filepath.Join(s.dir, "partner"))
	cmd.Stderr = s.log
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Process.Kill()
	line, err := bufio.NewReader(out).ReadBytes('\n')
	var ready struct {
		Event string
		URLs  map[string]string
		Stubs []string
	}
	if err == nil {
		err = json.Unmarshal(line, &ready)
	}
	if err != nil || ready.Event != "ready" || strings.HasSuffix(ready.URLs["web"], ":8080") {
		t.Fatalf("ready: %v\n%s%s", err, line, s.tail())
	}
	same(t, "stubs", len(ready.Stubs), 6)
	res, err := http.Post(ready.URLs["web"]+"/orders", "application/json", strings.NewReader(order("V-1", `"total":5.00`)))
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	same(t, "status", res.StatusCode, http.StatusAccepted)
	cmd.Process.Signal(syscall.SIGTERM)
	if err := cmd.Wait(); err != nil {
		t.Errorf("SIGTERM: %v\n%s", err, s.tail())
	}
}

// TestEventsInAnyOrder: the customer's view is the same in whatever order the carrier tells of the parcel, and however often.
func TestEventsInAnyOrder(t *testing.T) {
	t.Parallel()
	s := running(t)
	s.world.SetWebhook("", "") // the test is the carrier
	want := ""
	for i, told := range []string{"order picked_up delivered", "order delivered picked_up", "delivered order picked_up", "picked_up delivered order",
		"delivered delivered order picked_up delivered picked_up"} {
		id := "E-" + string(rune('0'+i))
		for _, what := range strings.Fields(told) {
			if what == "order" {
				s.post("/orders", order(id, `"total":5.00,"user":{"id":"C-1-eu","name":"Ada","email":"e@example.com"}`))
				s.until(id+" is booked", func() bool { return s.view(id).Tracking != "" })
				continue
			}
			body := fmt.Sprintf(`{"reference":%q,"shipment":"shp_%s","seq":%d,"status":%q}`, id, id, 1+strings.Index(" picked_up delivered", what)/10, what)
			stamp := strconv.FormatInt(time.Now().Unix(), 10)
			same(t, what, s.do("POST", "/hooks/shipping", body, "X-Timestamp", stamp, "X-Sig", stub.Sign(hookSecret, stamp, []byte(body))), "204 ")
		}
		s.reach(id, "done")
		a := s.do("GET", "/orders/"+id, "")
		var row map[string]any
		if err := json.Unmarshal([]byte(a.body), &row); err != nil {
			t.Fatalf("%s: %v", a, err)
		}
		for _, name := range []string{"order_id", "since", "ordered", "way", "tracking"} { // times, and what is the order's own
			delete(row, name)
		}
		b, _ := json.Marshal(row)
		if want == "" {
			want = string(b)
			has(t, a.body, `"total":5.00`, `"carrier":"parcelpost"`, `"tracking":"TRK`, `"state":"done"`)
			if strings.Contains(a.body, "e@example.com") || strings.Contains(a.body, "Ada") {
				t.Errorf("who guesses a number sees an address: %s", a.body)
			}
		}
		same(t, "the view after "+told, string(b), want)
	}
	same(t, "dead letters", s.quiet().dead(), 0)
	same(t, "mails", len(s.mails("e@example.com")), 10)
}
