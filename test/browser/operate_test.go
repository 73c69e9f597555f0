package browser

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"orderhub/stub"
)

const hookSecret = "the secret of the webhooks"

// shop is a hub with the shipped configuration, beside partners.
type shop struct {
	*site
	world *stub.World
}

// newShop starts partners, and a hub with a configuration of its own: pairs of texts of it that are changed.
func newShop(t testing.TB, edits ...string) *shop {
	t.Helper()
	world, err := stub.Start(stub.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		world.Close(ctx)
	})
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := free.Addr().String()
	free.Close()
	s := &shop{&site{t: t, dir: t.TempDir()}, world}
	s.config = filepath.Join(s.dir, "config", "pipelines.yaml")
	if err := os.CopyFS(filepath.Dir(s.config), os.DirFS(filepath.Join("..", "..", "config"))); err != nil {
		t.Fatal(err)
	}
	s.edit("  name: order-hub\n", "  name: order-hub\n  console: {address: \"127.0.0.1:0\"}\n")
	s.edit(edits...)
	s.env = []string{"HUB_LISTEN=" + address, "PHONE_INBOX=" + filepath.Join(s.dir, "phone"), "PARTNER_OUTBOX=" + filepath.Join(s.dir, "partner"),
		"HUB_SECRET_BILLING=b", "HUB_SECRET_SHIPPING=s", "HUB_SECRET_SHIPPING_HOOK=" + hookSecret, "HUB_SECRET_LINKS=the secret key of links", "HUB_SECRET_DESK=desk-pass"}
	for name, url := range world.URLs() {
		s.env = append(s.env, strings.ToUpper(name)+"_URL="+url)
	}
	world.SetWebhook("http://"+address+"/hooks/shipping", hookSecret)
	s.start()
	t.Cleanup(s.stop)
	s.web = "http://" + address
	return s
}

// edit changes texts of the configuration.
func (s *shop) edit(edits ...string) {
	s.t.Helper()
	raw, err := os.ReadFile(s.config)
	if err != nil {
		s.t.Fatal(err)
	}
	text := string(raw)
	for pair := range slices.Chunk(edits, 2) {
		if !strings.Contains(text, pair[0]) {
			s.t.Fatalf("the configuration has no %q", pair[0])
		}
		text = strings.Replace(text, pair[0], pair[1], 1)
	}
	if err := os.WriteFile(s.config, []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// order sends an order of the web store, with fields of its own.
func (s *shop) order(id, fields string) int {
	s.t.Helper()
	o := map[string]any{}
	base := fmt.Sprintf(`{"orderNumber":%q,"user":{"id":"C-1-eu","name":"Ada","email":"ada@example.com"},"pay":{"type":"card","token":"tok_visa"},
		"lines":[{"sku":"SKU-1","qty":1,"price":5.00}],"total":5.00}`, id)
	for _, text := range []string{base, "{" + fields + "}"} {
		part := map[string]any{}
		if err := json.Unmarshal([]byte(text), &part); err != nil {
			s.t.Fatal(err)
		}
		maps.Copy(o, part)
	}
	return s.post("/orders", o)
}

// large sends an order that the order desk is asked about.
func (s *shop) large(id, zip string) {
	s.t.Helper()
	s.order(id, fmt.Sprintf(`"lines":[{"sku":"SKU-1","qty":1000,"price":5.00}],"total":5000.00,"shipTo":{"name":"Ada","street":"Long 5","zip":%q,"city":"Berlin","country":"DE"}`, zip))
}

// reach waits until an order is in a state.
func (s *shop) reach(id, state string) {
	s.t.Helper()
	s.until(id+" is "+state, func() bool { return strings.Contains(s.get("/instance?id=order/"+id), ">"+state+"</span>") })
}

// once waits until an order is done; it was paid once, and shipped once.
func (s *shop) once(id string) {
	s.t.Helper()
	s.reach(id, "done")
	for service, op := range map[string]string{"billing": "charge", "shipping": "book"} {
		if n := len(s.world.Ledger().Select(stub.Query{Service: service, Op: op, Ref: id})); n != 1 {
			s.t.Errorf("%s: %d x %s.%s", id, n, service, op)
		}
	}
}

// TestOperate: the ten tasks of docs/operate.md in the console, against partners, each in three clicks from the overview at most; with and
// without scripts.
func TestOperate(t *testing.T) {
	for _, scripts := range []bool{true, false} {
		t.Run(fmt.Sprint("scripts ", scripts), func(t *testing.T) {
			s := newShop(t, "due: 1d", "due: 1s")
			b := open(t, s.console)
			b.expected = []string{"409 (Conflict)", "/live?at=%2F", "net::ERR_CONNECTION_REFUSED"} // a refused reload, and a hub that is stopped
			if !scripts {
				b.withoutScripts()
			}
			for _, task := range []struct {
				name string
				play func(t *testing.T, s *shop, b *browser)
			}{{"outage", outage}, {"affected orders", affected}, {"mend and replay", mendAndReplay}, {"where is it", whereIsIt}, {"address", address}, {"refund", refund},
				{"late task", lateTask}, {"wrong data", wrongData}, {"stranded deploy", stranded}, {"full disk", fullDisk}} {
				t.Run(task.name, func(t *testing.T) {
					s.t, b.t = t, t
					b.begin()
					task.play(t, s, b)
					if t.Logf("%d clicks", b.clicks); b.clicks > 3 {
						t.Errorf("it took %d clicks", b.clicks)
					}
				})
			}
			s.t, b.t = t, t
		})
	}
}

func outage(t *testing.T, s *shop, b *browser) {
	if err := s.world.Fault(stub.Fault{Service: "billing", Op: "charge", Status: 503}); err != nil {
		t.Fatal(err)
	}
	s.order("W-1001", "")
	s.until("the outage is known", func() bool { return strings.Contains(s.get("/"), "adapter billing") })
	b.begin()
	b.sees("Needs attention", "adapter billing", "answered 503")
}

func affected(t *testing.T, s *shop, b *browser) {
	s.order("W-1002", "")
	s.order("W-2", `"pay":{"type":"invoice"}`) // is not charged
	s.reach("W-2", "done")
	s.until("both wait", func() bool {
		page := s.get("/messages?partner=billing")
		return strings.Contains(page, "W-1001") && strings.Contains(page, "W-1002")
	})
	b.begin()
	b.click("adapter billing")
	b.click("What it affects")
	b.sees("that failed at billing", "W-1001", "W-1002", "503")
	if strings.Contains(b.text(), "W-2\t") {
		t.Error("an order that is not affected is listed")
	}
	s.world.ClearFaults()
	s.once("W-1001")
	s.once("W-1002")
}

func mendAndReplay(t *testing.T, s *shop, b *browser) {
	for _, id := range []string{"W-1003", "W-3"} {
		s.order(id, `"user":{"id":"NO-7","name":"Ada","email":"ada@example.com"}`)
	}
	s.until("two dead letters", func() bool { return strings.Contains(s.get("/"), "2 dead letters") })
	b.begin()
	b.click("Preview a replay")
	b.sees("Replay 2 dead letters")
	b.fill("set", "customer.id=C-7-eu")
	b.fill("by", "ann")
	b.fill("why", "the shop sent the number of nobody")
	b.click("Replay 2 messages")
	b.sees("With the values that you wrote", "catalog.customer", "--set customer.id=C-7-eu")
	b.click("Replay 2 messages")
	b.sees("2 dead letters replayed, 0 left.")
	s.once("W-1003")
	s.once("W-3")
	b.search("W-1003")
	b.sees("done", "billing.charge → 200", "shipping.book → 201")
	for _, call := range []string{"billing.charge → 200", "shipping.book → 201"} {
		if n := strings.Count(s.get("/instance?id=order/W-1003"), call); n != 1 {
			t.Errorf("%d lines of %s: %s", n, call, b.text())
		}
	}
}

func whereIsIt(_ *testing.T, s *shop, b *browser) {
	s.order("W-1004", `"pay":{"type":"card","token":"tok_expired"}`)
	s.reach("W-1004", "awaiting_card")
	b.begin()
	b.search("W-1004")
	b.sees("awaiting_card", "billing.charge → 402")
}

func address(t *testing.T, s *shop, b *browser) {
	s.large("W-1005", "00000") // the carrier books nothing for 00000
	s.reach("W-1005", "review")
	b.begin()
	b.search("W-1005")
	b.click("Change data")
	b.fill("set", "ship_to.street=Short 7\nship_to.zip=01069")
	b.fill("by", "ann")
	b.fill("why", "the customer called")
	b.click("See what it would do")
	b.sees("What it changes", "01069")
	b.click("Change it")
	b.sees("W-1005 is in review.")
	task := regexp.MustCompile(`"/task\?(id=[^"]*W-1005[^"]*)"`).FindStringSubmatch(s.get("/tasks"))
	s.act("/answer?"+task[1], "answer.approve", "true")
	s.once("W-1005")
}

func refund(t *testing.T, s *shop, b *browser) {
	s.order("W-1006", "")
	s.once("W-1006")
	b.search("W-1006")
	b.click("Its data")
	b.sees("ch_")
	charge := regexp.MustCompile(`ch_\w+`).FindString(b.text())
	b.begin()
	b.search("W-1006")
	b.click("Call a partner")
	b.fill("operation", "billing.refund")
	b.fill("body", fmt.Sprintf(`{"charge": %q, "amount": 2.00}`, charge))
	b.fill("by", "ann")
	b.fill("why", "a scratch, 2 EUR back")
	b.click("See what it would do")
	b.sees("billing.refund", charge)
	b.clickIn("main form.act", "", "Call")
	b.sees("billing.refund answered 200", "refunded")
	if made := s.world.Ledger().Select(stub.Query{Service: "billing", Op: "refund", Ref: "W-1006"}); len(made) != 1 || made[0].Get("amount") != "2.00" {
		t.Errorf("refunds: %v", made)
	}
}

func lateTask(_ *testing.T, s *shop, b *browser) {
	s.large("W-1008", "10115")
	s.until("nobody answered in time", func() bool { return strings.Contains(s.get("/"), "order W-1008") })
	b.begin()
	b.click("order W-1008")
	b.clickIn("main tr", "W-1008", "Answer")
	b.fill("answer.approve", "true")
	b.fill("answer.note", "by phone")
	b.fill("by", "kim")
	b.clickIn("main form.act", "", "Answer")
	b.sees("Answered: ")
	s.once("W-1008")
}

func wrongData(_ *testing.T, s *shop, b *browser) {
	s.order("W-1010", `"total":50.00`)
	s.until("it is kept", func() bool { return strings.Contains(s.get("/channel?name=orders.invalid"), "W-1010") })
	b.begin()
	b.search("W-1010")
	b.sees("orders.invalid")
	b.click("Move …")
	b.fill("to", "orders")
	b.fill("set", "total=5.00")
	b.fill("by", "ann")
	b.fill("why", "the shop has confirmed the total")
	b.click("See what it would do")
	b.click("Move 1 message")
	b.sees("1 message moved to orders.")
	s.once("W-1010")
}

func stranded(t *testing.T, s *shop, b *browser) {
	s.large("W-1007", "10115")
	s.reach("W-1007", "review")
	schema := filepath.Join(filepath.Dir(s.config), "schemas", "order-event.json")
	text, err := os.ReadFile(schema)
	if err == nil {
		err = os.WriteFile(schema, []byte(strings.Replace(string(text), `"review"`, `"review", "look"`, 1)), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	s.edit("    version: 1\n", "    version: 2\n    in_flight: {v1: move}\n", "goto: review}", "goto: look}", "      review:  ", "      look:  ")
	reload := func() {
		b.begin()
		b.clickIn("header nav", "", "Configuration")
		b.click("Reload …")
		b.fill("by", "ann")
		b.clickIn("main form.act", "", "Reload")
	}
	reload()
	b.sees("would strand", "review")
	s.edit("{v1: move}", "{v1: {move: {review: look}}}")
	reload()
	b.sees(" -> ")
	s.reach("W-1007", "look")
}

func fullDisk(_ *testing.T, s *shop, b *browser) {
	s.stop()
	s.edit("  name: order-hub\n", "  name: order-hub\n  reserve: 900TiB\n") // more than there is
	s.start()
	b.at = s.console
	s.until("nothing is taken", func() bool { return s.order("W-1009", "") == http.StatusInsufficientStorage })
	full := func() bool { return strings.Contains(s.get("/"), "no space left") }
	s.until("the full disk is known", full)
	b.begin()
	b.sees("Needs attention", "store", "no space left")
	s.stop()
	s.edit("  reserve: 900TiB\n", "")
	s.start()
	b.at = s.console
	s.until("it goes on", func() bool { return s.order("W-1009", "") == http.StatusAccepted })
	s.once("W-1009")
	s.until("nothing about the disk is left", func() bool { return !full() })
}
