package system

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"orderhub/stub"
)

func (s *site) fault(f stub.Fault) {
	s.t.Helper()
	if err := s.world.Fault(f); err != nil {
		s.t.Fatal(err)
	}
}

// once waits until the orders are done, and checks that the money and the parcel of each moved once, and that nothing is left.
func (s *site) once(orders ...string) {
	s.t.Helper()
	for _, id := range orders {
		s.reach(id, "done")
		same(s.t, "charges of "+id, len(s.effects("billing", "charge", id)), 1)
		same(s.t, "shipments of "+id, len(s.effects("shipping", "book", id)), 1)
		same(s.t, "reservations of "+id, len(s.effects("stock", "reserve", id)), 1)
	}
	same(s.t, "dead letters", s.quiet().dead(), 0)
}

// TestGatewayAway: what waits for the gateway survives a kill and is charged once.
func TestGatewayAway(t *testing.T) {
	t.Parallel()
	s := running(t, append(quick, "5/30s", "50/1s")...)
	s.fault(stub.Fault{Service: "billing", Op: "charge", Status: 503})
	s.post("/orders", order("F-1", `"total":5.00`))
	arrivals := func() int { return s.world.Ledger().Arrivals("billing", "charge") }
	s.until("the gateway is tried again", func() bool { return arrivals() >= 2 })
	if out, err := s.hub("trace", "F-1"); err != nil || !strings.Contains(out, "answered 503") {
		t.Errorf("the trace does not tell what it waits for: %v\n%s", err, out)
	}
	s.kill()
	before := arrivals()
	s.start()
	s.until("the gateway is tried after the restart", func() bool { return arrivals() > before })
	same(t, "charges", s.world.Ledger().Count("billing", "charge"), 0)
	s.world.ClearFaults()
	s.once("F-1")
}

// TestCarrierDown: a carrier that closes every connection for 3 s gets its parcels then, once.
func TestCarrierDown(t *testing.T) {
	t.Parallel()
	s := running(t, append(quick, "5/30s", "5/500ms", "5/30s", "5/500ms", "times: 8", "times: 30")...)
	s.fault(stub.Fault{Service: "shipping", Down: 3 * time.Second})
	s.fault(stub.Fault{Service: "courier", Down: 3 * time.Second})
	ids := []string{"F-1", "F-2", "F-3"}
	for _, id := range ids {
		s.post("/orders", order(id, `"total":5.00`))
	}
	s.once(ids...)
}

// TestCourierAnswersAlone: the cheapest carrier is away, the one that answers gets the parcel's quote.
func TestCourierAnswersAlone(t *testing.T) {
	t.Parallel()
	s := running(t)
	s.fault(stub.Fault{Service: "shipping", Op: "quote", Status: 503})
	s.post("/orders", order("F-1", `"total":5.00`))
	v := s.reach("F-1", "done")
	same(t, "the carrier", v.Carrier, "courier")
	s.once("F-1")
}

// TestAnswerLost: the partner did it, and its answer got lost: the next attempt has the same key, and nothing happens twice.
func TestAnswerLost(t *testing.T) {
	t.Parallel()
	for _, f := range []stub.Fault{
		{Service: "billing", Op: "charge", Down: time.Minute},
		{Service: "billing", Op: "charge", Status: 502},
		{Service: "stock", Op: "reserve", Down: time.Minute},
		{Service: "shipping", Op: "book", Down: time.Minute, Delay: 300 * time.Millisecond}, // so it is picked up before the hub knows that it is booked
	} {
		t.Run(fmt.Sprint(f.Service, f.Status), func(t *testing.T) {
			t.Parallel()
			s := running(t, quick...)
			f.After, f.Times = true, 2
			s.fault(f)
			s.post("/orders", order("F-1", `"total":5.00`))
			s.once("F-1")
			v := s.view("F-1")
			if v.Carrier != "parcelpost" || v.Tracking == "" || v.Total != "5.00" {
				t.Errorf("the view has lost something: %+v", v)
			}
			same(t, "mails", len(s.mails("f-1@example.com")), 2)
			if n := s.world.Ledger().Arrivals(f.Service, f.Op); n < 3 {
				t.Errorf("%d arrivals: no answer was lost", n)
			}
		})
	}
}

// TestConfirmationLost: a mail whose confirmation got lost may have been delivered. It is not sent again for half an hour, and ops see why.
func TestConfirmationLost(t *testing.T) {
	t.Parallel()
	s := running(t, quick...)
	s.fault(stub.Fault{Service: "mail", Op: "send", Down: time.Minute, After: true, Times: 1})
	s.post("/orders", order("F-1", `"total":5.00`))
	s.reach("F-1", "done")
	s.until("the status says that it may be delivered", func() bool {
		out, err := s.hub("status")
		return err == nil && strings.Contains(out, "it may be delivered") && strings.Contains(out, "next try in 29m")
	})
	same(t, "mails that reached the server", s.world.Ledger().Arrivals("mail", "send"), 1)
	same(t, "charges", s.world.Ledger().Count("billing", "charge"), 1)
}

// TestThrottled: being told to slow down costs no attempt.
func TestThrottled(t *testing.T) {
	t.Parallel()
	s := running(t, "gateway: {times: 8, wait: 1s..5m,", "gateway: {times: 1, wait: 50ms..100ms,")
	s.fault(stub.Fault{Service: "billing", Op: "charge", Status: 429, Times: 3})
	began := time.Now()
	s.post("/orders", order("F-1", `"total":5.00`))
	s.reach("F-1", "done")
	if took := time.Since(began); took < 3*time.Second {
		t.Errorf("Retry-After: 1 was not waited for three times: delivered after %v", took)
	}
	s.once("F-1")
}

// TestMailServerBusy: the mail comes, once, when the server takes it.
func TestMailServerBusy(t *testing.T) {
	t.Parallel()
	s := running(t)
	s.fault(stub.Fault{Service: "mail", Op: "send", Status: 451, Times: 2})
	s.post("/orders", order("F-1", `"total":5.00`))
	s.reach("F-1", "done")
	s.until("both mails came", func() bool { return len(s.mails("f-1@example.com")) == 2 })
	s.once("F-1")
	same(t, "mails", s.world.Ledger().Count("mail", "send"), 2)
}

// TestBreaker: while the breaker is open the gateway is left in peace, and orders lose no attempts.
func TestBreaker(t *testing.T) {
	t.Parallel()
	s := running(t, append(quick, "5/30s", "2/250ms")...)
	s.fault(stub.Fault{Service: "billing", Op: "charge", Status: 503})
	var ids []string
	began := time.Now()
	for i := range 10 {
		ids = append(ids, fmt.Sprintf("F-%d", i))
		s.post("/orders", order(ids[i], `"total":5.00`))
	}
	s.until("the breaker opens", func() bool {
		return slices.ContainsFunc(ids, func(id string) bool {
			out, _ := s.hub("trace", id)
			return strings.Contains(out, "circuit breaker is open")
		})
	})
	for end := time.Now().Add(3 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if n := s.status().dead(); n > 0 {
			t.Fatalf("%d dead letters while the breaker was open\n%s", n, s.report())
		}
	}
	arrivals := s.world.Ledger().Arrivals("billing", "charge")
	took := time.Since(began)
	t.Logf("%d requests in %v", arrivals, took)
	if most := 16 + int(took.Seconds()*4); arrivals > most { // 2 to open it, at most 4 probes a second, and those that were under way
		t.Errorf("%d requests, %d at most: the breaker does not stop them", arrivals, most)
	}
	s.world.ClearFaults()
	s.once(ids...)
}

// TestDeadLetter: what a partner refuses for good is a dead letter with its history; with the cause gone it is replayed.
func TestDeadLetter(t *testing.T) {
	t.Parallel()
	s := running(t)
	if out, err := s.hub("dlq"); err != nil || !strings.Contains(out, "no dead letters") {
		t.Errorf("dlq of a fresh hub: %v\n%s", err, out)
	}
	s.fault(stub.Fault{Service: "shipping", Op: "book", Status: 422})
	for _, id := range []string{"F-1", "F-2"} {
		s.post("/orders", order(id, `"total":5.00`))
	}
	s.until("both are dead letters", func() bool { _, n := s.status().queue("process order"); return n == 2 })
	s.reach("F-1", "fulfilling") // for the customer

	out, err := s.hub("dlq")
	if err != nil {
		t.Error(err)
	}
	has(t, out, "order/fulfilling/call shipping.book", "answered 422")
	var groups []struct {
		Group, Where, Class, Cause string
		Count                      int
	}
	s.ask(&groups, "dlq")
	if len(groups) != 1 || groups[0].Count != 2 || groups[0].Class != "rejected" {
		t.Fatalf("groups %+v", groups)
	}
	var list []struct {
		Seq         int64
		Correlation string
	}
	s.ask(&list, "dlq", "--group", groups[0].Group)
	if len(list) != 2 || list[0].Correlation != "F-1" && list[0].Correlation != "F-2" {
		t.Fatalf("dead letters %+v", list)
	}
	var one struct {
		Queue string
		Error struct{ Class, Reason, Where, Message, Config string }
	}
	s.ask(&one, "dlq", "show", fmt.Sprint(list[0].Seq))
	same(t, "what is shown", one.Queue+" "+one.Error.Class+" "+one.Error.Reason+" "+one.Error.Where, "process order rejected http_422 order/fulfilling/call shipping.book")
	var stuck struct {
		State  string
		Data   json.RawMessage
		Places []struct{ Phase, Step string }
	}
	s.ask(&stuck, "process", "show", "--data", list[0].Correlation)
	same(t, "where it is stuck", fmt.Sprint(stuck.State, stuck.Places), "fulfilling[{failed order/fulfilling/call shipping.book}]")
	has(t, string(stuck.Data), list[0].Correlation, "5.00")
	tr := s.trace("F-1")
	same(t, "state of the trace", tr.State, "dead letter")
	same(t, "history: billed", tr.happened("order/money/call billing.charge", "called", ""), 1)
	same(t, "history: failed", tr.happened("order/fulfilling/call shipping.book", "called", "shipping.book failed"), 1)

	var dry struct {
		Count  int
		DryRun bool `json:"dry_run"`
		Then   map[string]int
		Now    string
		Queues map[string]int
	}
	s.ask(&dry, "replay", "--all", "--dry-run")
	same(t, "the dry run", fmt.Sprint(dry.Count, dry.DryRun, dry.Then[dry.Now], dry.Queues["process order"]), "2 true 2 2")
	same(t, "dead letters after it", s.status().dead(), 2)

	s.world.ClearFaults()
	if out, err := s.hub("replay", "--group", groups[0].Group); err != nil || !strings.Contains(out, "2 dead letters replayed") {
		t.Errorf("replay: %v\n%s", err, out)
	}
	s.once("F-1", "F-2")
	same(t, "state of the trace", s.trace("F-1").State, "done")
	if out, err := s.hub("replay", "--all"); err == nil {
		t.Errorf("replay of nothing is a success: %s", out)
	}
}
