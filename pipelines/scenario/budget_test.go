package scenario_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"orderhub/pipelines/scenario"
)

// A test that would run without end fails within its steps, and names the states.
func TestFault_M2_StepsOfATest(t *testing.T) {
	for name, c := range map[string]struct{ steps, want string }{
		"as many as there are unless said": {"", "it does not come to rest within 20000 steps (`steps:` of the test): order:W-1 went … → asking → waiting → asking → waiting → asking → waiting"},
		"as many as the test says":         {"steps: 100, ", "it does not come to rest within 100 steps"},
	} {
		t.Run(name, func(t *testing.T) {
			path := write(t, `
schemas: {order: order.json}
channels: {in: {type: direct, schema: order}}
pipelines:
  start: {from: in, steps: [{start: order}]}
processes:
  order:
    id: order.id
    data: order
    states:
      asking: {next: [{goto: waiting}]}
      waiting: {timers: [{after: 3s, goto: asking}, {after: 30d, goto: done}]}
      done: {final: true}
tests:
  it: {chaos: [crash, reorder], `+c.steps+`do: [{send: in, with: {id: W-1}}, {advance: 29d}]}
`)
			if err := os.WriteFile(filepath.Join(filepath.Dir(path), "order.json"), []byte(`{"type":"object","required":["id"],"properties":{"id":{"type":"string"}}}`), 0o600); err != nil {
				t.Fatal(err)
			}
			found := open(t, path).run(t, scenario.Options{})["it"].Failures
			if len(found) != 1 || !strings.HasPrefix(found[0].Got, c.want) {
				t.Errorf("%v", found)
			}
		})
	}
}
