package system

import (
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"orderhub/hub/figures"
	"orderhub/hub/hubtest"
	"orderhub/stub"
)

// unseen are the families that the shipped configuration has no series of: it has no certificate and no collector, and nothing fails here.
var unseen = []*figures.Family{figures.Expiry, figures.Spans, figures.DeadLetters}

// TestMetricsUnderLoad: a scrape of the shipped hub under load names each family, and no counter that was told once goes back, though the
// hub is killed: Prometheus would take all that it ever counted for new.
func TestMetricsUnderLoad(t *testing.T) {
	s := newSite(t, "", stub.Options{})
	address := hubtest.FreePort(t)
	s.edit("  drain: 30s", "  ops: {address: \""+address+"\"}\n  drain: 30s")
	s.start()
	l := newLoad(s, 100, "M")
	refused := s.do(http.MethodPost, "/orders", `{}`)
	if refused.status != http.StatusUnprocessableEntity {
		t.Fatal(refused)
	}
	for range times("HUB_TEST_KILLS", 3) {
		l.some(30)
		before := scrape(t, address)
		s.kill()
		s.start()
		after := scrape(t, address)
		for series, n := range before {
			name, _, _ := strings.Cut(series, "{")
			counts := strings.HasSuffix(name, "_total") || strings.HasSuffix(name, "_count") || strings.HasSuffix(name, "_sum") || strings.HasSuffix(name, "_bucket")
			if counts && strings.HasPrefix(name, "hub_") && !strings.HasPrefix(name, "hub_store_commit") && after[series] < n {
				t.Errorf("%s was %v, and is %v after a kill", series, n, after[series])
			}
		}
	}
	l.some(30)
	now := scrape(t, address)
	l.stop()
	told := slices.Collect(maps.Keys(now))
	for _, f := range figures.Families() {
		seen := slices.ContainsFunc(told, func(series string) bool {
			name, _, _ := strings.Cut(series, "{")
			return name == f.Name || f.Kind == figures.Histogram && name == f.Name+"_count"
		})
		if !seen && !slices.Contains(unseen, f) {
			t.Errorf("%s is not told", f.Name)
		}
	}
	s.stop()
}

// scrape is what the hub tells Prometheus, by series.
func scrape(t *testing.T, address string) map[string]float64 {
	t.Helper()
	res, err := http.Get("http://" + address + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%v, %s\n%s", err, res.Status, text)
	}
	out := map[string]float64{}
	for line := range strings.Lines(string(text)) {
		i := strings.LastIndexByte(strings.TrimSpace(line), ' ')
		if n, err := strconv.ParseFloat(strings.TrimSpace(line[max(i, 0):]), 64); err == nil && line[0] != '#' {
			out[line[:i]] = n
		}
	}
	return out
}
