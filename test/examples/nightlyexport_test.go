package examples

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"orderhub/hub/hubtest"
)

// TestNightlyExport: what the night's file holds, byte by byte, though the hub was killed before and after; then the same with a clock that ticks each
// second while the hub is killed again and again: each order is in one file, once.
func TestNightlyExport(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "nightly-csv-export")
	exports := filepath.Join(p.dir, "exports")
	p.set("EXPORTS", exports)
	p.set("HUB_LISTEN", hubtest.FreePort(t))
	h := p.run("hub", "pipelines.yaml", nil)
	for _, name := range []string{"orders.1-euro.json", "orders.2-formula.json", "orders.1-euro.json"} {
		same(t, name, h.do("POST", "/orders", p.sample(name)).status, 202)
	}
	h.kill()
	h.start()
	if out, err := h.verb("send", "nightly", `{"due":"2026-03-27T01:00:00Z","previous":null}`, "--wait"); err != nil {
		t.Fatalf("%v\n%s\n%s", err, out, h.report())
	}
	h.kill()
	h.start()
	file := filepath.Join(exports, "orders-2026-03-27-0200.csv")
	var got []byte
	await(t, soon, file, func() (ok bool) { got, _ = os.ReadFile(file); return got != nil }, h.report)
	text := regexp.MustCompile(`\d\d\.\d\d\.\d{4} \d\d:\d\d`).ReplaceAllString(string(got), "AT")
	want := "Bestellung;Datum;Kunde;Betrag;W\xe4hrung\r\nW-1;AT;J\xfcrgen Gro\xdf;1234,50;EUR\r\n" +
		"W-2;AT;\"'=HYPERLINK(\"\"http://evil.example\"\")\";-5;EUR\r\n"
	if text != want {
		t.Errorf("the file is\n%q\nwant\n%q", text, want)
	}
	h.stop()

	p.rename(`schedule: "0 2 * * 1-5", zone: Europe/Berlin`, "every: 1s", "2006-01-02-1504", "2006-01-02-150405")
	h.start()
	const orders = 60
	for i := range orders {
		same(t, "an order", h.do("POST", "/orders", fmt.Sprintf(`{"order":"N-%d","customer":"C","total":1,"currency":"EUR"}`, i)).status, 202)
		if i%12 == 11 { // behind a tick, and before the next
			files := len(csvFiles(exports))
			await(t, soon, "the next file", func() bool { return len(csvFiles(exports)) > files }, h.report)
			h.kill()
			h.start()
		}
	}
	counts := func() (seen map[string]int) {
		seen = map[string]int{}
		for _, file := range csvFiles(exports) {
			b, _ := os.ReadFile(file)
			for _, row := range strings.Split(string(b), "\r\n") {
				if order, _, _ := strings.Cut(row, ";"); strings.HasPrefix(order, "N-") {
					seen[order]++
				}
			}
		}
		return seen
	}
	await(t, soon, "all orders are in files", func() bool { return len(counts()) == orders }, h.report)
	for order, n := range counts() {
		if n != 1 {
			t.Errorf("%s is in the files %d times", order, n)
		}
	}
	same(t, "dead letters", h.status().dead(), 0)
}

func csvFiles(dir string) []string {
	files, _ := filepath.Glob(filepath.Join(dir, "*.csv"))
	return files
}
