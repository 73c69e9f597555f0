package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

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

// TestCompose: what the compose file brings together fits: each file is there; Grafana finds the dashboard, and its source, where the
// provisioning files say; Prometheus finds the rules.
func TestCompose(t *testing.T) {
	type service struct {
		Ports, Volumes []string
		Build          struct{ Context, Dockerfile string }
		NetworkMode    string `yaml:"network_mode"`
	}
	var compose struct {
		Services map[string]service
		Volumes  map[string]any
	}
	const dir = "../../deploy"
	readYAML(t, dir+"/compose.yml", &compose)
	mounted := func(name string) map[string]string { // the place in the container -> the file
		out := map[string]string{}
		for _, v := range compose.Services[name].Volumes {
			parts := strings.Split(v, ":")
			if !strings.HasPrefix(parts[0], ".") {
				if _, ok := compose.Volumes[parts[0]]; !ok {
					t.Errorf("%s: the volume %s is not declared", name, parts[0])
				}
				continue
			}
			out[parts[1]] = filepath.Join(dir, parts[0])
			if _, err := os.Stat(out[parts[1]]); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		return out
	}
	hub := compose.Services["hub"]
	if _, err := os.Stat(filepath.Join(dir, hub.Build.Context, hub.Build.Dockerfile)); err != nil || !slices.Contains(hub.Ports, "9090:9090") ||
		compose.Services["prometheus"].NetworkMode != "service:hub" || mounted("hub") == nil {
		t.Errorf("the hub: %+v, %v", hub, err)
	}
	var prometheus struct {
		Rules []string `yaml:"rule_files"`
	}
	etc := mounted("prometheus")["/etc/prometheus"] // where the image has its configuration
	readYAML(t, etc+"/prometheus.yml", &prometheus)
	for _, file := range prometheus.Rules {
		readYAML(t, filepath.Join(etc, file), &struct{}{})
	}
	var sources struct {
		Datasources []struct{ Type, URL string }
	}
	var dashboards struct {
		Providers []struct {
			Type    string
			Options struct{ Path string }
		}
	}
	grafana := mounted("grafana")
	provisioning := grafana["/etc/grafana/provisioning"] // where the image looks
	readYAML(t, provisioning+"/datasources/prometheus.yml", &sources)
	readYAML(t, provisioning+"/dashboards/hub.yml", &dashboards)
	if len(prometheus.Rules) != 1 || len(sources.Datasources) != 1 || sources.Datasources[0].Type != "prometheus" || sources.Datasources[0].URL != "http://hub:9090" ||
		len(dashboards.Providers) != 1 || dashboards.Providers[0].Type != "file" {
		t.Fatalf("%+v %+v %+v", prometheus, sources, dashboards)
	}
	dashboard, err := os.ReadFile(grafana[dashboards.Providers[0].Options.Path+"/hub.json"])
	if err != nil || !json.Valid(dashboard) {
		t.Errorf("the dashboard: %v", err)
	}
}

// readYAML reads a YAML file.
func readYAML(t *testing.T, file string, into any) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err == nil {
		err = yaml.Unmarshal(text, into)
	}
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
}
