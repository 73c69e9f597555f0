package system

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"orderhub/hub/hubtest"
	"orderhub/stub"
)

// chapters are the tasks of docs/on-call.md, by their numbers: the commands of each, as they stand on the page.
func chapters(t *testing.T) map[string][]string {
	t.Helper()
	page, err := os.ReadFile(filepath.Join(root(t), "docs", "on-call.md"))
	if err != nil {
		t.Fatal(err)
	}
	found := map[string][]string{}
	for _, chapter := range strings.Split(string(page), "\n## ")[1:] {
		n, _, _ := strings.Cut(chapter, ".")
		for _, block := range regexp.MustCompile("(?ms)^```sh\n(.*?)^```").FindAllStringSubmatch(chapter, -1) {
			found[n] = append(found[n], strings.Split(strings.TrimSpace(block[1]), "\n")...)
		}
	}
	return found
}

// shell runs a command of the page, which must end with the code.
func (s *site) shell(code int, command string, parts ...string) string {
	s.t.Helper()
	bin := s.dir + "/bin"
	if err := os.MkdirAll(bin, 0o700); err != nil {
		s.t.Fatal(err)
	}
	if err := os.Symlink(s.bin, bin+"/hub"); err != nil && !os.IsExist(err) {
		s.t.Fatal(err)
	}
	cmd := exec.Command("sh", "-c", command)
	cmd.Env, cmd.Dir = append(s.env, "PATH="+bin+":"+os.Getenv("PATH")), filepath.Dir(s.config)
	out, err := cmd.CombinedOutput()
	if got := exitCode(err); got != code {
		s.t.Fatalf("%s: exit %d, expected %d\n%s", command, got, code, out)
	}
	has(s.t, string(out), parts...)
	return string(out)
}

// TestOperate: the ten tasks of docs/on-call.md, by the very commands of the page.
func TestOperate(t *testing.T) {
	t.Parallel()
	page := chapters(t)
	if len(page) != 10 {
		t.Fatalf("the page has %d tasks: %v", len(page), page)
	}
	for n, commands := range page {
		if len(commands) == 0 || len(commands) > 2 {
			t.Errorf("task %s takes %d commands", n, len(commands))
		}
	}
	s := running(t, "due: 1d", "due: 1s")
	do := func(task string, f func(t *testing.T, commands []string)) {
		t.Run(task, func(t *testing.T) {
			now := *s
			now.t = t
			outer := s
			s = &now
			defer func() { outer.process, s = now.process, outer }()
			f(t, page[task])
		})
	}
	once := func(id string) {
		s.t.Helper()
		s.reach(id, "done")
		same(s.t, "charges of "+id, len(s.effects("billing", "charge", id)), 1)
		same(s.t, "parcels of "+id, len(s.effects("shipping", "book", id)), 1)
	}
	large := func(id, zip string) string { // the order desk is asked
		return order(id, fmt.Sprintf(`"lines":[{"sku":"SKU-1","qty":1000,"price":5.00}],"total":5000.00,"shipTo":{"name":"Ada","street":"Long 5","zip":%q,"city":"Berlin","country":"DE"}`, zip))
	}
	do("1", func(t *testing.T, c []string) {
		s.fault(stub.Fault{Service: "billing", Op: "charge", Status: 503})
		s.post("/orders", order("W-1001", `"total":5.00`))
		s.until("the outage is seen", func() bool { return strings.Contains(strings.Join(s.attention(), "\n"), "answered 503") })
		s.shell(0, c[0], "NEEDS ATTENTION", "billing", "answered 503")
	})
	do("2", func(t *testing.T, c []string) {
		s.post("/orders", order("W-1002", `"total":5.00`))
		s.post("/orders", order("W-2", `"pay":{"type":"invoice"}`)) // is not charged
		s.reach("W-2", "done")
		s.until("both wait", func() bool {
			out, _ := s.hub("find", "--partner", "billing")
			return strings.Contains(out, "show order/W-1001") && strings.Contains(out, "show order/W-1002")
		})
		if out := s.shell(0, c[0], "W-1001", "W-1002", "answered 503", "hub process show order/W-1001"); strings.Contains(out, "W-2 ") {
			t.Errorf("an order that is not affected:\n%s", out)
		}
		s.world.ClearFaults()
		once("W-1001")
		once("W-1002")
	})
	do("3", func(t *testing.T, c []string) {
		for _, id := range []string{"W-1003", "W-3"} {
			s.post("/orders", order(id, `"user":{"id":"NO-7","name":"Ada","email":"ada@example.com"}`))
		}
		s.until("both are dead letters", func() bool { return s.status().dead() == 2 })
		s.shell(0, c[0]+" --dry-run", "2 dead letters", "2 to catalog.customer")
		s.shell(0, c[0], "2 dead letters replayed, 0 left")
		once("W-1003")
		once("W-3")
		out := s.shell(0, c[1], "W-1003")
		for _, call := range []string{"billing.charge → 200", "shipping.book → 201"} {
			same(t, "lines of "+call, strings.Count(out, call), 1)
		}
		has(t, s.shell(0, "hub audit --act replay"), "the shop sent the number of nobody")
	})
	do("4", func(t *testing.T, c []string) {
		s.post("/orders", order("W-1004", `"pay":{"type":"card","token":"tok_expired"}`))
		s.reach("W-1004", "awaiting_card")
		s.shell(0, c[0], "W-1004", "state awaiting_card")
		s.shell(0, c[1], "billing.charge → 402", "awaiting_card")
	})
	do("5", func(t *testing.T, c []string) {
		s.post("/orders", large("W-1005", "00000"))
		s.reach("W-1005", "review")
		s.shell(0, c[0], "W-1005")
		s.review("W-1005", true)
		once("W-1005") // the carrier books nothing for 00000
	})
	do("6", func(t *testing.T, c []string) {
		s.post("/orders", order("W-1006", `"total":5.00`))
		once("W-1006")
		charge := regexp.MustCompile(`ch_\w+`).FindString(s.shell(0, c[0]))
		body := filepath.Join(filepath.Dir(s.config), "refund.json")
		if err := os.WriteFile(body, fmt.Appendf(nil, `{"charge": %q, "amount": 2.00}`, charge), 0o600); err != nil {
			t.Fatal(err)
		}
		s.shell(0, c[1], "billing.refund 200", "refunded")
		s.shell(0, c[1], "was called so before")
		refunds := s.effects("billing", "refund", "W-1006")
		if len(refunds) != 1 || refunds[0].Get("amount") != "2.00" {
			t.Errorf("refunds: %v", refunds)
		}
	})
	do("7", func(t *testing.T, c []string) {
		s.post("/orders", large("W-1007", "10115"))
		s.reach("W-1007", "review")
		schema := filepath.Join(filepath.Dir(s.config), "schemas", "order-event.json")
		text, err := os.ReadFile(schema)
		if err == nil {
			err = os.WriteFile(schema, bytes.Replace(text, []byte(`"review"`), []byte(`"review", "look"`), 1), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		s.edit("    version: 1\n", "    version: 2\n    in_flight: {v1: move}\n", "goto: review}", "goto: look}", "      review:  ", "      look:  ")
		s.shell(1, c[0], "STRANDED", "review", "help: ")
		s.shell(1, c[1], "would strand instances", "keeps running")
		s.edit("{v1: move}", "{v1: {move: {review: look}}}")
		s.shell(0, c[0], "moves to look")
		s.shell(0, c[1], "->")
		s.until("it is on the new version", func() bool { return strings.Contains(s.shell(0, "hub process show W-1007"), "state look") })
	})
	do("8", func(t *testing.T, c []string) {
		s.post("/orders", large("W-1008", "10115"))
		s.until("nobody answered in time", func() bool { return strings.Contains(s.shell(0, c[0]), "W-1008") })
		s.shell(0, c[1], "W-1008")
		once("W-1008")
	})
	do("9", func(t *testing.T, c []string) {
		s := newSite(t, "", stub.Options{})
		dir := hubtest.SmallDisk(t, s.dir)
		s.env = append(s.env, "HUB_STORE=sqlite:"+filepath.Join(dir, "hub.db"))
		s.start()
		fill := hubtest.Fill(t, dir)
		s.until("nothing is taken", func() bool { return s.do("POST", "/orders", order("W-1009", `"total":5.00`)).status == 507 })
		s.shell(1, c[0], "problem  disk", "free some space")
		s.shell(0, c[1], "NEEDS ATTENTION", "store")
		if err := os.Remove(fill); err != nil {
			t.Fatal(err)
		}
		s.until("it goes on", func() bool { return s.do("POST", "/orders", order("W-1009", `"total":5.00`)).status == 202 })
		s.reach("W-1009", "done")
		s.until("no outage is left", func() bool {
			return !slices.ContainsFunc(s.attention(), func(a string) bool { return strings.HasPrefix(a, "outage ") })
		})
		s.shell(0, c[0], "MiB are free at "+dir)
	})
	do("10", func(t *testing.T, c []string) {
		s.post("/orders", order("W-1010", `"total":50.00`))
		s.reach("W-1010", "rejected")
		s.shell(0, c[0], "W-1010")
		s.shell(0, c[1], "1 message moved: 1 to orders")
		once("W-1010")
		if out := s.shell(0, c[0]); strings.Contains(out, "W-1010") {
			t.Errorf("it lies there still:\n%s", out)
		}
	})
}
