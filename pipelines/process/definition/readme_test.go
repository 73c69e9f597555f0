package definition

import (
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"orderhub/pipelines"
	"orderhub/pipelines/call"
	"orderhub/pipelines/count"
	"orderhub/pipelines/fail"
	"orderhub/pipelines/route"
	"orderhub/pipelines/scattergather"
	"orderhub/pipelines/send"
	"orderhub/pipelines/set"
	"orderhub/pipelines/table"
	"orderhub/pipelines/validate"
	"orderhub/pipelines/wiretap"
	"orderhub/pipelines/yamlfile"
)

// TestReadmeShowsEveryKey: each key of the language of processes stands in an example of README.md. That the examples are right is TestDocuments of cmd/hub.
func TestReadmeShowsEveryKey(t *testing.T) {
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	shown := map[string]bool{}
	for _, m := range regexp.MustCompile("(?ms)^```yaml\\n(.*?)^```").FindAllStringSubmatch(string(readme), -1) {
		n, ok := yamlfile.NewLoader().Parse("README.md", []byte(m[1]))
		if !ok {
			t.Fatalf("this is no YAML:\n%s", m[1])
		}
		collect(n, shown)
	}
	keys := []string{"when", "goto", "until", "after", "at", "cron", "zone", "move", "compensate", "retry"} // of reactions, timers and steps
	for _, s := range []any{settings{}, stateSettings{}, taskSettings{}, deskSettings{}} {
		for _, f := range reflect.VisibleFields(reflect.TypeOf(s)) {
			keys = append(keys, f.Tag.Get("yaml"))
		}
	}
	for _, k := range keys {
		if !shown[k] {
			t.Errorf("no example shows %s", k)
		}
	}
	for _, p := range []pipelines.Pattern{call.Pattern(), send.Pattern(), set.Pattern(), route.Pattern(), validate.Pattern(), scattergather.Pattern(),
		table.Pattern(), count.Pattern(), wiretap.Pattern(), fail.Pattern()} {
		if p.Process && !strings.Contains(string(readme), p.Verb) {
			t.Errorf("the step %s is not named", p.Verb)
		}
	}
	if len(keys) < 40 || slices.Contains(keys, "") {
		t.Errorf("keys: %q", keys)
	}
}

func collect(n *yamlfile.Node, keys map[string]bool) {
	for key, value := range n.Entries() {
		keys[key.Raw()] = true
		collect(value, keys)
	}
	for _, item := range n.Items() {
		collect(item, keys)
	}
}
