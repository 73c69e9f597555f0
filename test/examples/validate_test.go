package examples

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
	"orderhub/hub/hubtest"
)

// TestValidate: every file of every example is valid, and so is each that can run on Kafka when it does; those of tests pass.
func TestValidate(t *testing.T) {
	bin, err := hubtest.Binary()
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("../../examples/*/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	onKafka := map[string]string{"choreography": "order.events", "scale": "jobs"}
	folders := map[string]bool{}
	for _, file := range files {
		if filepath.Base(file) == "docker-compose.yaml" {
			continue
		}
		if strings.HasSuffix(file, ".test.yaml") {
			if out, err := exec.Command(bin, "test", file).CombinedOutput(); err != nil {
				t.Errorf("test %s: %v\n%s", file, err, out)
			}
			continue
		}
		folder := filepath.Base(filepath.Dir(file))
		folders[folder] = true
		check := func(args ...string) {
			if out, err := exec.Command(bin, append([]string{"validate", file}, args...)...).CombinedOutput(); err != nil {
				t.Errorf("%s %v: %v\n%s", file, args, err, out)
			}
		}
		check()
		if c := onKafka[folder]; c != "" {
			check("--set", "channels."+c+".via=kafka")
		}
	}
	all, err := os.ReadDir("../../examples")
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range all {
		if d.IsDir() && !folders[d.Name()] {
			t.Errorf("examples/%s has no configuration", d.Name())
		}
	}
}

// TestCompose: what the compose file of the choreography mounts, runs and sets is there.
func TestCompose(t *testing.T) {
	folder := "../../examples/choreography"
	b, err := os.ReadFile(filepath.Join(folder, "docker-compose.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Services map[string]struct {
			Image       string
			Build       map[string]string
			Command     []string
			Environment map[string]string
			Volumes     []string
		}
		Volumes map[string]any
	}
	if err := yaml.Unmarshal(b, &file); err != nil {
		t.Fatal(err)
	}
	hubs := 0
	for name, s := range file.Services {
		for _, v := range s.Volumes {
			if from, _, _ := strings.Cut(v, ":"); from != "./" {
				if _, ok := file.Volumes[from]; !ok {
					t.Errorf("%s: there is no volume %s", name, from)
				}
			}
		}
		if s.Build == nil {
			continue
		}
		hubs++
		if _, err := os.Stat(filepath.Join(folder, s.Build["context"], "cmd/hub")); err != nil {
			t.Error(err)
		}
		config, err := os.ReadFile(filepath.Join(folder, strings.TrimPrefix(s.Command[0], "/config/")))
		if err != nil {
			t.Fatal(err)
		}
		for variable, value := range s.Environment {
			if name != "shipping" && !strings.Contains(string(config), "${"+variable) {
				t.Errorf("%s does not read %s", s.Command[0], variable)
			}
			server, _, _ := strings.Cut(value[strings.Index(value, "@")+1:], ":")
			if file.Services[server].Image == "" {
				t.Errorf("%s: there is no server %s", variable, server)
			}
		}
	}
	same(t, "hubs", hubs, 3)
}
