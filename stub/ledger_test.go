package stub

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestLedgerFileSurvives(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger.ndjson")
	w := world(t, Options{LedgerPath: path})
	url := w.URLs()["billing"] + "/charges"
	const body = `{"amount":12.50,"card":"tok_1","order":"W-<1>"}`
	first := post(t, url, "k1", body)
	post(t, url, "k1", body)
	post(t, url, "k1", `{"amount":1,"card":"tok_1"}`) // refused
	post(t, url, "f", `{"amount":1,"card":"tok_flaky"}`)
	post(t, url, "f", `{"amount":1,"card":"tok_flaky"}`)
	post(t, url, "", `{"amount":1,"card":"tok_1"}`)
	if _, err := OpenLedger(path); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Errorf("a second owner: %v", err)
	}
	seen, err := readLedger(path)
	if err != nil || seen.Count("billing", "charge") != 2 {
		t.Errorf("reading beside the owner: %v, %d charges", err, seen.Count("billing", "charge"))
	}
	before := mustJSON([]any{w.Ledger().Effects("", ""), w.Ledger().Arrivals("", "")})
	closeWorld(t, w)

	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(f, `{"service":"billing","op":"char`) // the power went
	f.Close()
	w = world(t, Options{LedgerPath: path})
	url = w.URLs()["billing"] + "/charges"
	if text, err := os.ReadFile(path); err != nil || !strings.HasSuffix(string(text), "}\n") {
		t.Errorf("the cut line stays: %v %s", err, text)
	}
	if after := mustJSON([]any{w.Ledger().Effects("", ""), w.Ledger().Arrivals("", "")}); string(after) != string(before) {
		t.Errorf("before %s\nafter  %s", before, after)
	}
	r := post(t, url, "k1", body)
	if r.body != first.body || r.status != first.status || r.header.Get("Idempotent-Replayed") != "true" {
		t.Errorf("replay after a restart: %+v, first %+v", r, first)
	}
	if r := post(t, url, "f", `{"amount":1,"card":"tok_flaky"}`); r.status != 200 {
		t.Errorf("the third try is approved: %+v", r)
	}
	again := post(t, url, "", `{"amount":1,"card":"tok_1"}`).get(t, "id")
	for _, e := range w.Ledger().Effects("billing", "charge")[:2] {
		if e.Get("id") == again {
			t.Errorf("ID %s given out twice", again)
		}
	}
}

func TestLedgerByHTTP(t *testing.T) {
	w := world(t, Options{})
	post(t, w.URLs()["billing"]+"/charges", "a", `{"amount":12.50,"card":"tok_1","order":"W-1"}`)
	post(t, w.URLs()["stock"]+"/widgets/reserve", "a", `{"sku":"W-100","quantity":2,"order":"W-1"}`)
	root := strings.TrimSuffix(w.URLs()["billing"], "/billing")
	for url, want := range map[string]int{
		root + "/_ledger": 2, root + "/_ledger?service=billing&op=charge&ref=W-1": 1, root + "/_ledger?ref=W-1": 2,
		root + "/_ledger?ref=W-2": 0, root + "/stock/_ledger": 1, root + "/courier/_ledger": 0, root + "/_ledger?last=1": 1,
	} {
		var got ledgerAnswer
		if err := json.Unmarshal([]byte(do(t, "GET", url, "", "").body), &got); err != nil || got.Count != want || len(got.Effects) != want {
			t.Errorf("%s: %v %+v", url, err, got)
		}
	}
	if body := do(t, "GET", root+"/_ledger?op=charge", "", "").body; !strings.Contains(body, `"amount":12.50`) {
		t.Errorf("amounts stay exact: %s", body)
	}
}

func TestUnwritableLedgerHasNoEffect(t *testing.T) {
	w := world(t, Options{LedgerPath: filepath.Join(t.TempDir(), "l")})
	w.Ledger().Close()
	r := post(t, w.URLs()["billing"]+"/charges", "a", `{"amount":1,"card":"tok_1"}`)
	if r.status != 500 || r.get(t, "code") != "ledger_unwritable" || w.Ledger().Count("", "") != 0 {
		t.Errorf("%+v, %d effects", r, w.Ledger().Count("", ""))
	}
}

func TestBrokenLedgerFileIsNamed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "l")
	os.WriteFile(path, []byte("{\"arrival\":true}\nnot json\n"), 0o600)
	if _, err := Start(Options{LedgerPath: path}); err == nil || !strings.Contains(err.Error(), "line 2") {
		t.Error(err)
	}
}

func BenchmarkApply(b *testing.B) {
	for _, path := range []string{"", filepath.Join(b.TempDir(), "l")} {
		b.Run(fmt.Sprintf("file=%t", path != ""), func(b *testing.B) {
			l, err := OpenLedger(path)
			if err != nil {
				b.Fatal(err)
			}
			defer l.Close()
			body := []byte(`{"amount":12.50,"card":"tok_1","order":"W-1"}`)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				a := arrival{service: "billing", op: "charge", key: fmt.Sprintf("order/W-%d/billing/1/charge", i), hash: hashOf("charge", "/charges", body)}
				if _, err := l.apply(a, func(t turn) outcome { return reads(charge)(&call{turn: t, body: body}) }); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// readLedger reads the ledger in a file that another process may be writing; it changes nothing.
func readLedger(path string) (*Ledger, error) {
	l, err := OpenLedger("")
	if err != nil {
		return nil, err
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("ledger: %w", err)
	}
	defer f.Close()
	if _, err := readLines(f, l.fold); err != nil {
		return nil, fmt.Errorf("ledger %s: %w", path, err)
	}
	return l, nil
}
