package main

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"orderhub/hub/figures"
)

// TestMetricsPage: the table of docs/metrics.md is made of the families.
func TestMetricsPage(t *testing.T) {
	page, err := os.ReadFile("../../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := 0
	for _, f := range figures.Families() {
		labels := ""
		for i, l := range f.Labels {
			if i > 0 {
				labels += ", "
			}
			labels += "`" + l + "`"
		}
		kind := map[figures.Kind]string{figures.Counter: "counter", figures.Gauge: "gauge", figures.Histogram: "histogram"}[f.Kind]
		has(t, string(page), "| `"+f.Name+"` | "+kind+" | "+labels+" | "+f.Help+" |\n")
		rows++
	}
	if n := strings.Count(string(page), "\n| `hub_"); n != rows {
		t.Errorf("%d rows for %d families", n, rows)
	}
}

// TestDeployNames: what deploy/ asks Prometheus for is what the hub tells, and promtool takes the rules.
func TestDeployNames(t *testing.T) {
	told := map[string]bool{}
	for _, f := range figures.Families() {
		if f.Kind != figures.Histogram {
			told[f.Name] = true
			continue
		}
		for _, part := range []string{"_bucket", "_sum", "_count"} {
			told[f.Name+part] = true
		}
	}
	asked := 0
	for _, file := range []string{"prometheus/hub.rules.yml", "grafana/hub.json"} {
		text, err := os.ReadFile("../../deploy/" + file)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range regexp.MustCompile(`(?:^|[^:a-z_])(hub_[a-z_]+)`).FindAllStringSubmatch(string(text), -1) {
			asked++
			if !told[name[1]] {
				t.Errorf("%s asks for %s, which the hub does not tell", file, name[1])
			}
		}
	}
	if asked < 40 {
		t.Errorf("only %d names are asked for", asked)
	}
	promtool, err := exec.LookPath("promtool")
	if err != nil && os.Getenv("HUB_TEST_SERVERS") == "" {
		t.Skip("no promtool: make test brings it")
	}
	if out, err := exec.Command(promtool, "check", "config", "../../deploy/prometheus/prometheus.yml").CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
