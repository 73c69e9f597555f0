package scenario_test

import (
	"os"
	"regexp"
	"testing"

	"orderhub/pipelines/scenario"
)

// The example of the documentation does what it says.
func TestReadme(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	block := regexp.MustCompile("(?ms)^```yaml\\n(.*?)^```").FindSubmatch(readme)
	if block == nil {
		t.Fatal("no example")
	}
	results := open(t, write(t, string(block[1]))).run(t, scenario.Options{})
	if len(results) != 2 {
		t.Fatalf("%d tests ran", len(results))
	}
	for name, r := range results {
		for _, f := range r.Failures {
			t.Errorf("%s\n%s", name, f)
		}
	}
}
