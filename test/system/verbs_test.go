package system

import (
	"bufio"
	"encoding/json"
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
	if err != nil || time.Since(began) > soon {
		t.Fatalf("sandbox: %v after %v\n%s", err, time.Since(began), out)
	}
	for _, name := range []string{"web-orders.1-approved.json", "web-orders.2-declined.json", "web-orders.3-expired-card.json",
		"web-orders.4-out-of-stock.json", "web-orders.5-wrong-total.json", "sales-orders.1-invoice.json"} {
		has(t, out, "== "+name+"  POST ")
	}
	for _, id := range []string{"W-1001", "W-1002", "W-1003", "W-1004", "W-1005", "S-3001", "P-2001", "P-2002"} {
		has(t, out, "\n"+id+"  done\n")
	}
	has(t, out, "== phone-orders.calls.csv  dropped into phone", "7 samples in ", "billing charge 3", "billing refund 1", "shipping book 4")
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

// TestEventsInAnyOrder: the customer's view is the same in whatever order the events of an order come, and however often.
func TestEventsInAnyOrder(t *testing.T) {
	t.Parallel()
	s := running(t)
	event := map[string]string{
		"received":  `"rank":1,"state":"received","source":"web","email":"e@example.com","name":"Ada","total":50.00,"currency":"EUR"`,
		"paid":      `"rank":2,"state":"paid","source":"web","email":"e@example.com","name":"Ada","reason":"approved"`,
		"packed":    `"rank":3,"state":"packed","source":"web","email":"e@example.com","name":"Ada"`,
		"booked":    `"rank":4,"state":"booked","source":"web","email":"e@example.com","name":"Ada","carrier":"parcelpost","tracking":"TRK1"`,
		"shipped":   `"rank":5,"state":"shipped","source":null,"email":null,"name":null,"tracking":null`, // the webhook was faster than the view
		"delivered": `"rank":6,"state":"delivered","source":"web","email":"e@example.com","name":"Ada","tracking":"TRK1"`,
	}
	want := ""
	for i, states := range []string{"received paid packed booked shipped delivered", "delivered shipped booked packed paid received",
		"shipped booked delivered received paid packed", "paid received delivered delivered booked shipped packed paid"} {
		id := "E-" + string(rune('0'+i))
		for _, state := range strings.Fields(states) {
			if out, err := s.hub("send", "order-view", `{"order_id":"`+id+`",`+event[state]+`}`); err != nil {
				t.Fatalf("send %s: %v\n%s", state, err, out)
			}
		}
		a := s.do("GET", "/orders/"+id, "")
		var row map[string]any
		if err := json.Unmarshal([]byte(a.body), &row); err != nil {
			t.Fatalf("%s: %v", a, err)
		}
		delete(row, "order_id")
		b, _ := json.Marshal(row)
		if want == "" {
			want = string(b)
			has(t, a.body, `"total":50.00`, `"carrier":"parcelpost"`, `"tracking":"TRK1"`, `"state":"delivered"`)
			if strings.Contains(a.body, "e@example.com") {
				t.Errorf("who guesses a number sees an address: %s", a.body)
			}
		}
		same(t, "the view after "+states, string(b), want)
	}
}
