package examples

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestValidate: every file of every example is valid, and so is each that can run on Kafka when it does.
func TestValidate(t *testing.T) {
	bin, err := build()
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
