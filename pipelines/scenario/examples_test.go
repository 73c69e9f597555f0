package scenario_test

import (
	"testing"
	"time"

	"orderhub/pipelines/scenario"
)

// The tests of the examples pass, plain and under every kind of chaos.
func TestExamples(t *testing.T) {
	for name, c := range map[string]struct {
		file  string
		tests int
		o     scenario.Options
	}{
		"shop as written":      {"shop", 5, scenario.Options{}},
		"shop under all chaos": {"shop", 5, scenario.Options{Chaos: true}},
		"cards as written":     {"cards", 3, scenario.Options{}},
		"cards under chaos":    {"cards", 3, scenario.Options{Chaos: true, Seeds: 10}},
	} {
		t.Run(name, func(t *testing.T) {
			results := open(t, "testdata/"+c.file+"/pipelines.yaml").run(t, c.o)
			if len(results) != c.tests {
				t.Fatalf("%d tests ran", len(results))
			}
			for name, r := range results {
				t.Logf("%-60s %s %v %v kills %d shuffles %d", name, r.Subject, r.Took.Round(time.Microsecond), r.Virtual, r.Kills, r.Shuffles)
				if c.o.Chaos && (r.Kills == 0 || r.Shuffles == 0) {
					t.Errorf("%s: %d kills, %d shuffles", name, r.Kills, r.Shuffles)
				}
				for _, f := range r.Failures {
					t.Errorf("%s\n%s", name, f)
				}
			}
		})
	}
}
