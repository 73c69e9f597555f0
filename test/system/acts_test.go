package system

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"orderhub/stub"
)

// byHand is work that people have to see to: a pipeline that charges before it looks at the address, and a process that books a parcel.
const byHand = `hub: {name: hand, store: "${HUB_STORE}"}
schemas: {order: order.json}
adapters:
  web: {type: http-server, listen: "${HUB_LISTEN}"}
  billing: {type: http-client, url: "${BILLING_URL}", ops: {charge: {http: POST /charges, expect: [200, 402]}, refund: POST /refunds}, timeout: 2s}
  shipping: {type: http-client, url: "${SHIPPING_URL}", ops: {book: POST /shipments}, timeout: 2s}
channels:
  todo: {type: direct, schema: order, key: body.id}
  shipped: {type: direct}
pipelines:
  orders: {from: {web: POST /orders}, steps: [{reply: 202}, {send: todo}]}
  work:
    from: todo
    steps:
      - validate: [{rule: body.id != "", say: no id}]
      - {call: billing.charge, with: {order: =body.id, amount: 10, currency: EUR, card: =body.card}, as: charge}
      - validate: [{rule: 'body.zip != "?"', say: the zip is not known}]
      - send: shipped
  parcels: {from: {web: POST /parcels}, steps: [{reply: 202}, {start: parcel}]}
processes:
  parcel:
    id: order.id
    data: {order: order}
    states:
      booking:
        steps: [{call: shipping.book, with: {order: =id, parcels: {a: [1]}, service: standard, address: {zip: =order.zip}}, retry: never, as: shipment}]
        next: [{goto: booked}]
      booked: {receive: {picked_up: {goto: done}}}
      done: {final: true}
`

const handOrder = `{"type": "object", "required": ["id", "zip"], "additionalProperties": false,
	"properties": {"id": {"type": "string"}, "card": {"type": "string"}, "zip": {"type": "string", "minLength": 1, "maxLength": 5}}}`

func handSite(t *testing.T) *site {
	s := newSite(t, "", stub.Options{LedgerPath: filepath.Join(t.TempDir(), "ledger")})
	s.world.SetWebhook("", "")
	s.config = filepath.Join(s.dir, "hand.yaml")
	s.file("hand.yaml", byHand)
	s.file("order.json", handOrder)
	s.start()
	return s
}

func (s *site) file(name, text string) string {
	s.t.Helper()
	path := filepath.Join(s.dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
	return path
}

// says runs a verb that must end with a code and gives what it prints, which must have the parts.
func (s *site) says(code int, args []string, parts ...string) string {
	s.t.Helper()
	out, err := s.hub(args...)
	if got := exitCode(err); got != code {
		s.t.Fatalf("hub %s: exit %d, expected %d\n%s", strings.Join(args, " "), got, code, out)
	}
	has(s.t, out, parts...)
	return out
}

func exitCode(err error) int {
	if exit, ok := err.(interface{ ExitCode() int }); ok {
		return exit.ExitCode()
	}
	if err != nil {
		return -1
	}
	return 0
}

// shipped is how many orders got to the end of the pipeline.
func (s *site) shipped() int {
	n, _ := s.status().queue("shipped")
	return n
}

func words(line string) []string { return strings.Fields(line) }

// verified is the audit log, which must be whole, as its acts.
func (s *site) verified() (acts []string) {
	s.t.Helper()
	s.says(0, words("audit verify"), "the audit log is whole")
	out := s.says(0, words("audit export"))
	for line := range strings.Lines(out) {
		var r struct{ Who, Act, On, Why, Outcome string }
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			s.t.Fatalf("%v: %s", err, line)
		}
		acts = append(acts, strings.Join([]string{r.Who, r.Act, r.On, r.Why, r.Outcome}, "|"))
	}
	return acts
}

// TestMendedAndReplayed: who is affected is listed, tried on a copy, mended as its schema has it, and replayed; the card, which was charged
// before it failed, is charged once.
func TestMendedAndReplayed(t *testing.T) {
	t.Parallel()
	s := handSite(t)
	for i := range 5 {
		zip := "?"
		if i == 4 {
			zip = "01069"
		}
		s.post("/orders", fmt.Sprintf(`{"id":"W-%d","card":"tok_visa","zip":%q}`, i, zip))
	}
	s.until("four are dead letters", func() bool { return s.status().dead() == 4 })
	group := words(strings.Split(s.says(0, words("dlq"), "the zip is not known"), "\n")[1])[0]
	list := s.says(0, words("dlq --group "+group), "W-0", "W-1", "W-2", "W-3")
	seq := regexp.MustCompile(`(?m)^(\d+) +W-0 `).FindStringSubmatch(list)[1]

	s.says(2, words("replay"), "give one of SEQ, --all, and what to choose by")
	s.says(1, words("replay --match body.zip>"), "match: ")
	s.says(0, []string{"replay", "--match", `body.id == "W-1"`, "--dry-run"}, "1 dead letter", "(unchanged)", "would succeed 0, get to a call 1, still fail 0", "1 to billing.charge")
	s.says(0, words("replay --cause rule --pipeline work --limit 2 --dry-run"), "2 dead letters")
	s.says(1, words("replay --cause nothing --dry-run"), "no dead letter is selected")
	s.says(1, words("replay --partner shipping"), "no dead letter is selected")
	s.says(1, []string{"replay", seq, "--set", "zip=010699"}, "dead letter "+seq+" is not mended so, and nothing was done", "at most 5 characters")
	s.says(1, []string{"replay", seq, "--set", "town=Dresden"}, "nothing was done")
	s.says(1, []string{"replay", seq, "--from", "send shipped"}, "can't go on at \"send shipped\": all steps of work run in one stage")
	s.says(0, []string{"replay", seq, "--set", `id=""`, "--dry-run"}, "still fail 1", "no id")
	s.says(0, []string{"replay", seq, "--set", "zip=01067", "--by", "ann", "--why", "the customer called"}, "1 dead letter replayed", "hub audit --act replay")
	body := s.file("order.mended", `{"id":"W-1","card":"tok_visa","zip":"01069"}`)
	second := regexp.MustCompile(`(?m)^(\d+) +W-1 `).FindStringSubmatch(list)[1]
	s.says(0, []string{"replay", second, "--body", body})
	s.says(0, []string{"replay", "--match", `body.zip == "?"`, "--set", "zip=01069"}, "2 dead letters replayed")
	s.until("all went on", func() bool { return s.shipped() == 5 })
	for order, n := range perOrder(s.world, "billing", "charge") {
		if n != 1 {
			t.Errorf("%s was charged %d times", order, n)
		}
	}
	s.says(1, words("replay "+seq), "no dead letter "+seq)
	acts := strings.Join(s.verified(), "\n")
	has(t, acts, "ann|replay||the customer called|done", "refused: dead letter "+seq)
	log := s.says(0, words("audit export"))
	has(t, log, `\"set\":[\"zip\"]`, `\"body\":\"44 bytes\"`)
	if strings.Contains(log, "01067") {
		t.Errorf("the audit log has values of messages: %s", log)
	}
	s.stop()
	if got := strings.Join(s.kept("shipped"), " "); strings.Count(got, `"01069"`) != 4 || strings.Count(got, `"01067"`) != 1 {
		t.Errorf("shipped: %s", got)
	}
}

// TestReplayIsKilled: the hub is killed in the midst of a batch. The same command goes on; nothing is lost, and nothing done twice.
func TestReplayIsKilled(t *testing.T) {
	t.Parallel()
	s := handSite(t)
	const orders = 300 // a minute at the rate of 5/s, so that the kill comes in the midst of it on any machine
	for i := range orders {
		s.post("/orders", fmt.Sprintf(`{"id":"W-%d","card":"tok_visa","zip":"?"}`, i))
	}
	s.until("all are dead letters", func() bool { return s.status().dead() == orders })
	ended := make(chan string, 1)
	go func() {
		out, err := s.hub("replay", "--all", "--set", "zip=01069", "--rate", "5/s")
		ended <- fmt.Sprint(out, " exit ", exitCode(err))
	}()
	s.until("some are replayed", func() bool { return s.shipped() >= 10 })
	s.kill()
	out := <-ended
	has(t, out, fmt.Sprint(" of ", orders, " done. The rest is as it was; go on with the same command and --until "))
	until := regexp.MustCompile(`--until (\S+)`).FindStringSubmatch(out)[1]
	s.start()
	left := s.status().dead()
	if left == 0 || left >= orders {
		t.Fatalf("%d of %d are left: the kill came too late or too early\n%s", left, orders, out)
	}
	s.says(0, []string{"replay", "--all", "--set", "zip=01069", "--until", until}, strconv.Itoa(left)+" dead letters replayed")
	s.until("all went on", func() bool { return s.shipped() == orders })
	charges := perOrder(s.world, "billing", "charge")
	if len(charges) != orders {
		t.Errorf("%d orders were charged, expected %d", len(charges), orders)
	}
	for order, n := range charges {
		if n != 1 {
			t.Errorf("%s was charged %d times", order, n)
		}
	}
	replayed := 0
	for _, act := range s.verified() {
		if strings.Contains(act, "|replay|") {
			replayed++
		}
	}
	if replayed < 2 {
		t.Errorf("%d records of the replay", replayed)
	}
}

// TestProcessByHand: an address is changed before the parcel is booked, a refund is made once however often it is asked, and what is stuck
// is retried in a batch.
func TestProcessByHand(t *testing.T) {
	t.Parallel()
	s := handSite(t)
	for i := range 3 {
		s.post("/parcels", fmt.Sprintf(`{"id":"P-%d","card":"tok_visa","zip":"00000"}`, i)) // the carrier never answers for this zip
	}
	s.until("all are stuck", func() bool { return strings.Count(s.says(0, words("process list --stuck")), "P-") == 3 })
	s.says(0, words("replay --partner shipping --dry-run"), "3 dead letters", "would succeed 0, get to a call 3, still fail 0", "3 to shipping.book")
	s.says(0, words("replay --pipeline parcel --cause timeout --dry-run"), "3 dead letters")
	s.says(1, words("replay --partner billing --dry-run"), "no dead letter is selected")
	s.says(1, words("process set P-0 zip=010699"), "at most 5 characters")
	s.says(1, words("process set P-0 town=Dresden"), "town")
	s.says(2, words("process set P-0 zip"), "is no path=value")
	s.says(2, words("process set --state booking --yes"), "PATH=VALUE")
	s.says(0, words("process set P-0 zip=01069 --by ann --why moved"), "hub audit --on")
	s.says(2, words("process set zip=01069 --state booking"), "3 instances: parcel/P-0 … parcel/P-2; nothing was done: say --yes")
	s.says(0, words("process set zip=01069 --state booking --yes"), "set: 3 instances done")
	s.says(2, words("process retry"), "give an ID, or what to choose by")
	s.says(2, words("process retry --state booking"), "3 instances: parcel/P-0 … parcel/P-2; nothing was done: say --yes")
	s.says(1, words("process retry --state booking --older 3d --yes"), "no instance is chosen")
	s.says(0, words("process retry --state booking --yes"), "retry: 3 instances done", "hub audit --act retry")
	s.until("all are booked", func() bool { return strings.Count(s.says(0, words("process list --state booked")), "P-") == 3 })
	for order, n := range perOrder(s.world, "shipping", "book") {
		if n != 1 {
			t.Errorf("%s was booked %d times", order, n)
		}
	}
	has(t, s.says(0, words("trace P-0")), "changed   zip of order by hand", "retried")

	body := s.file("refund.json", `{"charge":"ch_7","order":"P-0","amount":5}`)
	s.says(1, words("process call P-0 billing.refnd"), `did you mean "billing.refund"?`)
	s.says(1, words("process call P-0 billing.refund"), "the body is empty")
	s.says(0, []string{"process", "call", "P-0", "billing.refund", "--body", body, "--by", "ann", "--why", "goodwill"}, "billing.refund 200", `"result":"refunded"`, "hub trace P-0")
	s.kill()
	s.start()
	s.file("refund.json", `{"order": "P-0", "amount": 5.0, "charge": "ch_7"}`) // the same, written otherwise
	s.says(0, []string{"process", "call", "P-0", "billing.refund", "--body", body, "--by", "bob"}, "was called so before", "by ann", `"result":"refunded"`)
	if n := len(s.effects("billing", "refund", "P-0")); n != 1 {
		t.Errorf("%d refunds", n)
	}
	has(t, s.says(0, words("trace P-0")), "called    billing.refund by hand, by ann: answered 200", `"result":"refunded"`)
	has(t, strings.Join(s.verified(), "\n"), "ann|set|parcel/P-0|moved|done", "|retry|parcel/P-2||done", "ann|call|parcel/P-0 billing.refund|goodwill|answered 200", "bob|call|parcel/P-0 billing.refund||done before")
}

// TestStrandedDeploy: a version that has no place for what runs is refused; with a way for it, instances whose version is gone move on.
func TestStrandedDeploy(t *testing.T) {
	t.Parallel()
	s := handSite(t)
	s.post("/parcels", `{"id":"P-1","card":"tok_visa","zip":"01069"}`)
	s.until("it is booked", func() bool { out, _ := s.hub("process", "show", "P-1"); return strings.Contains(out, "state booked") })
	second := strings.Replace(strings.NewReplacer("goto: booked", "goto: waiting", "      booked:", "      waiting:").Replace(byHand), "  parcel:\n", "  parcel:\n    version: 2\n    in_flight: {v1: move}\n", 1)
	s.file("hand.yaml", second)
	s.says(1, words("reload"), "would strand instances", "keeps running")
	s.file("hand.yaml", strings.Replace(second, "{v1: move}", "{v1: {move: {booked: waiting}}}", 1))
	s.says(0, words("reload --by ann"), "->")
	s.until("it is on the new version", func() bool {
		out, _ := s.hub("process", "show", "P-1")
		return strings.Contains(out, "process v2  state waiting")
	})
	s.says(0, words("process move --process parcel --yes"), "0 instances done", "1 refused: newest_version")
	s.says(0, words("process signal P-1 picked_up"), "ended in done")
	s.process.Process.Signal(syscall.SIGHUP)
	s.until("a reload by a signal is recorded", func() bool { return strings.Contains(strings.Join(s.verified(), "\n"), "|SIGHUP|done") })
	acts := strings.Join(s.verified(), "\n")
	has(t, acts, "refused: ", "ann|reload|", "|signal|parcel/P-1||done")
}

// TestReplayIsInterrupted: ^C ends a batch with how far it came and how it goes on; what is left is as it was.
func TestReplayIsInterrupted(t *testing.T) {
	t.Parallel()
	s := handSite(t)
	for i := range 3 {
		s.post("/orders", fmt.Sprintf(`{"id":"W-%d","card":"tok_visa","zip":"?"}`, i))
	}
	s.until("all are dead letters", func() bool { return s.status().dead() == 3 })
	cmd := exec.Command(s.bin, "replay", "--all", "--set", "zip=01069", "--rate", "1/h")
	cmd.Env, cmd.Dir = s.env, s.dir
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	s.until("one is replayed", func() bool { return s.shipped() == 1 })
	cmd.Process.Signal(syscall.SIGINT)
	if code := exitCode(cmd.Wait()); code != 130 {
		t.Errorf("exit %d", code)
	}
	has(t, out.String(), "1 of 3 done. The rest is as it was; go on with the same command and --until ")
	same(t, "dead letters", s.status().dead(), 2)
}
