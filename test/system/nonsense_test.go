package system

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"orderhub/hub/hubtest"
	"orderhub/stub"
)

// nonsense are answers with which a gateway that took the money says something else. They get the true answer.
var nonsense = map[string]func(w http.ResponseWriter, truth string){
	"wrong JSON":      say("application/json", `{"result": approved}`),
	"missing fields":  say("application/json", `{"status":"fine"}`),
	"other types":     change(`"amount":50.00`, `"amount":"50.00"`),
	"other currency":  change(`"EUR"`, `"USD"`),
	"another amount":  change(`"amount":50.00`, `"amount":49.99`),
	"HTML":            say("text/html", `<html><body>approved</body></html>`),
	"empty":           say("application/json", ``),
	"an array":        func(w http.ResponseWriter, truth string) { say("application/json", "["+truth+"]")(w, truth) },
	"huge":            say("application/json", `{"result":"approved","note":"`+strings.Repeat("x", 2<<20)+`"}`),
	"duplicate keys":  change(`"amount":50.00`, `"amount":50.00,"amount":50.00`),
	"unknown result":  change(`"approved"`, `"pending"`),
	"another status":  func(w http.ResponseWriter, _ string) { w.WriteHeader(http.StatusAccepted) },
	"null":            say("application/json", `null`),
	"refusal as good": say("application/json", `{"result":"declined","amount":50.00,"currency":"EUR"}`),
	"cut off": func(w http.ResponseWriter, truth string) {
		w.Header().Set("Content-Length", fmt.Sprint(len(truth)+1))
		say("application/json", truth)(w, truth)
	},
}

func say(media, body string) func(http.ResponseWriter, string) {
	return func(w http.ResponseWriter, _ string) {
		w.Header().Set("Content-Type", media)
		io.WriteString(w, body)
	}
}

// change is the true answer with a part of it changed.
func change(part, to string) func(http.ResponseWriter, string) {
	return func(w http.ResponseWriter, truth string) {
		say("application/json", strings.Replace(truth, part, to, 1))(w, truth)
	}
}

// madGateway stands before the billing gateway. While it is mad it passes charges on, and tells those of some orders nonsense.
type madGateway struct {
	behind string
	client *http.Client
	mu     sync.Mutex
	kinds  map[string]string    // by order
	said   map[string]time.Time // when nonsense was said of an order first
	mad    bool
}

func (g *madGateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	req, _ := http.NewRequest(r.Method, g.behind+r.URL.Path, bytes.NewReader(body))
	req.Header = r.Header.Clone()
	res, err := g.client.Do(req)
	if err != nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	defer res.Body.Close()
	truth, _ := io.ReadAll(res.Body)
	var asked struct{ Order string }
	json.Unmarshal(body, &asked)
	g.mu.Lock()
	kind, lie := g.kinds[asked.Order]
	if lie = lie && g.mad && r.URL.Path == "/charges"; lie && g.said[asked.Order].IsZero() {
		g.said[asked.Order] = time.Now()
	}
	g.mu.Unlock()
	if lie {
		nonsense[kind](w, string(truth))
		return
	}
	maps.Copy(w.Header(), res.Header)
	w.WriteHeader(res.StatusCode)
	w.Write(truth)
}

func (g *madGateway) heal() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.mad = false
}

// nonsenseSite is a hub on the shipped configuration whose gateway is mad, and the orders that it is mad about.
func nonsenseSite(t *testing.T) (*site, *madGateway) {
	s := newSite(t, "", stub.Options{})
	g := &madGateway{behind: s.world.URLs()["billing"], client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}},
		kinds: map[string]string{}, said: map[string]time.Time{}, mad: true}
	for i, kind := range slices.Sorted(maps.Keys(nonsense)) {
		g.kinds[fmt.Sprintf("N-%02d", i)] = kind
	}
	front := httptest.NewServer(g)
	t.Cleanup(func() { front.Close(); g.client.CloseIdleConnections() })
	s.env = append(s.env, "BILLING_URL="+front.URL)
	s.start()
	return s, g
}

// place is what hub process list tells of an instance.
type place struct {
	ID     string `json:"id"`
	State  string `json:"state"`
	Places []struct {
		Phase string `json:"phase"`
		Error *struct {
			Class, Reason, Message string
			Time                   time.Time
		} `json:"error"`
	} `json:"places"`
}

func (s *site) stuck(t *testing.T) map[string]place {
	t.Helper()
	out, err := s.hub("process", "list", "order", "--stuck", "--limit", "1000", "-o", "json")
	var list struct{ Instances []place }
	if err != nil || json.Unmarshal([]byte(out), &list) != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	found := map[string]place{}
	for _, p := range list.Instances {
		found[p.ID] = p
	}
	return found
}

// TestFault_M1_NonsenseOfTheGateway: a gateway that takes the money and answers nonsense with a good status, beside
// orders whose charges it answers well. No order is told to be cancelled while its money is gone; each is seen within a second;
// all are right when the gateway is well again and they are tried again.
func TestFault_M1_NonsenseOfTheGateway(t *testing.T) {
	s, g := nonsenseSite(t)
	good := times("HUB_TEST_NONSENSE", 60)
	l := &load{s: s, client: &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 64}}, done: make(chan struct{})}
	orders := slices.Sorted(maps.Keys(g.kinds))
	for i := range good {
		orders = append(orders, fmt.Sprintf("G-%04d", i))
	}
	stood := hubtest.Standstill(t)
	var posts sync.WaitGroup
	for w := range 8 {
		posts.Go(func() {
			for i := w; i < len(orders); i += 8 {
				l.order(orders[i])
			}
		})
	}
	posts.Wait()
	await(t, 30*time.Second, "every nonsense is seen", func() bool { return len(s.stuck(t)) >= len(g.kinds) })
	latest, second := time.Duration(0), time.Second+stood()
	for id, p := range s.stuck(t) {
		kind := g.kinds[id]
		said := g.said[id]
		for _, at := range p.Places {
			if at.Error == nil {
				continue
			}
			latest = max(latest, at.Error.Time.Sub(said))
			if at.Phase != "failed" || at.Error.Class != "rejected" || at.Error.Reason != "bad_response" || at.Error.Time.Sub(said) > second {
				t.Errorf("%s: %+v, %v after it was said", kind, at.Error, at.Error.Time.Sub(said))
			}
		}
	}
	t.Logf("%d kinds of nonsense beside %d good orders: the last is seen after %v", len(g.kinds), good, latest)
	if status, _ := s.hub("status"); !strings.Contains(status, "N-00") || !strings.Contains(status, "stuck") {
		t.Errorf("status does not tell:\n%s", status)
	}
	if n := len(s.world.Ledger().Effects("billing", "refund")); n != 0 {
		t.Errorf("%d refunds before anybody was asked", n)
	}
	if mails := s.cancelledMails(); mails != 0 {
		t.Errorf("%d customers are told that their order is cancelled, and it is paid", mails)
	}
	g.heal()
	for id := range g.kinds {
		if out, err := s.hub("process", "retry", id); err != nil {
			t.Errorf("retry %s: %v\n%s", id, err, out)
		}
	}
	l.judge(t)
	if left := s.stuck(t); len(left) != 0 {
		t.Errorf("still stuck: %v", left)
	}
	if n := len(s.world.Ledger().Effects("billing", "refund")) + s.cancelledMails(); n != 0 {
		t.Errorf("%d refunds and mails of cancelled orders", n)
	}
	l.client.CloseIdleConnections()
}

// cancelledMails are the mails that tell a customer of these orders that it is cancelled.
func (s *site) cancelledMails() (n int) {
	for _, subject := range s.mails("ada@example.com") {
		if strings.Contains(subject, "cancelled") {
			n++
		}
	}
	return n
}

// TestFault_M1_CancelledInDoubt: who cancels an order whose charge got nonsense gets the money back. While nobody knows whether
// there was a charge, a person is asked; the order is not told to be cancelled.
func TestFault_M1_CancelledInDoubt(t *testing.T) {
	s, g := nonsenseSite(t)
	l := &load{s: s, client: http.DefaultClient, done: make(chan struct{})}
	ids := slices.Sorted(maps.Keys(g.kinds))[:2]
	for _, id := range ids {
		l.order(id)
	}
	s.until("both are stuck", func() bool { return len(s.stuck(t)) == 2 })
	if out, err := s.hub("process", "cancel", ids[0], "--why", "nobody answers"); err != nil {
		t.Fatal(out)
	}
	task := ""
	s.until("a person is asked", func() bool {
		out, _ := s.hub("task", "list", "-o", "json")
		var list []struct{ ID, Instance, Why string }
		json.Unmarshal([]byte(out), &list)
		for _, k := range list {
			if k.Instance == ids[0] && strings.Contains(k.Why, "it is not known whether") {
				task = k.ID
			}
		}
		return task != ""
	})
	if n := len(s.world.Ledger().Effects("billing", "refund")); n != 0 || s.cancelledMails() != 0 {
		t.Errorf("%d refunds, and %d mails, before it is known", n, s.cancelledMails())
	}
	g.heal()
	if out, err := s.hub("task", "answer", task, "done=false", "--by", "ann"); err != nil {
		t.Fatal(out)
	}
	if out, err := s.hub("process", "cancel", ids[1], "--why", "the gateway is well"); err != nil {
		t.Fatal(out)
	}
	s.until("both have their money back", func() bool { return len(s.world.Ledger().Effects("billing", "refund")) == 2 && s.cancelledMails() == 2 })
	if n := perOrder(s.world, "billing", "charge"); n[ids[0]] != 1 || n[ids[1]] != 1 {
		t.Errorf("charges %v", n)
	}
}
