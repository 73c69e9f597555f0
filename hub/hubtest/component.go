package hubtest

import (
	"flag"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"orderhub/hub"
)

// update is the flag -update: rewrite generated parts instead of comparing them.
var update = flag.Bool("update", false, "rewrite the generated tables of README.md")

const componentReadme = "README.md" // tests run in the adapter's folder

// Component checks the description of a component: every field of its configs
// has the tags yaml and doc, defaults and their tags agree, and README.md has
// its sections and tables. Run it in the component's folder.
func Component(t *testing.T, c hub.Component) {
	t.Run("fields", func(t *testing.T) {
		for _, cfg := range componentConfigs(c) {
			for _, f := range componentFields(cfg.value, "") {
				f.check(t, cfg.title)
			}
		}
	})
	t.Run("fresh configs", func(t *testing.T) {
		for _, make := range []func() any{c.Config, c.Source, c.Send} {
			if make == nil || reflect.TypeOf(make()).Elem().Size() == 0 {
				continue // all structs without fields may be one
			}
			if make() == make() {
				t.Error("the same config twice\ncontract: every entry of a configuration gets a fresh config")
			}
		}
	})
	t.Run("readme", func(t *testing.T) { componentReadmeIs(t, c) })
}

func componentReadmeIs(t *testing.T, c hub.Component) {
	readmeIs(t, c.Name, []string{"Name", "Description", "Configuration", "Examples", "Delivery"}, componentConfigs(c))
}

// readmeIs checks that README.md of the folder is about the name, and has its sections, an example, and tables of the structs.
func readmeIs(t *testing.T, name string, want []string, tables []componentConfig) {
	raw, err := os.ReadFile(componentReadme)
	if err != nil {
		t.Fatal(err)
	}
	text := string(raw)
	if !strings.HasPrefix(text, "# "+name+"\n") {
		t.Errorf("README.md does not begin with the name %s", name)
	}
	var sections []string
	for line := range strings.Lines(text) {
		if name, ok := strings.CutPrefix(line, "## "); ok {
			sections = append(sections, strings.TrimSpace(name))
		}
	}
	if !slices.Equal(sections, want) {
		t.Errorf("sections %q\ncontract: a README has the sections %q, in this order", sections, want)
	}
	if !strings.Contains(text, "```yaml\n") {
		t.Error("no ```yaml block\ncontract: a README has examples that the project's tests load")
	}
	fixed := text
	for _, cfg := range tables {
		fixed = componentTable(t, fixed, cfg)
	}
	if fixed == text {
		return
	}
	if *update {
		if err := os.WriteFile(componentReadme, []byte(fixed), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	t.Error("the tables of README.md differ from the structs; run the test with -update\ncontract: the README can't lie")
}

type componentConfig struct {
	marker, title string
	value         reflect.Value // the struct
}

func componentConfigs(c hub.Component) (out []componentConfig) {
	for _, cfg := range []struct {
		marker, title string
		make          func() any
	}{{"config", "adapters:", c.Config}, {"source", "from:", c.Source}, {"send", "send:", c.Send}} {
		if cfg.make != nil {
			out = append(out, componentConfig{cfg.marker, cfg.title, reflect.ValueOf(cfg.make()).Elem()})
		}
	}
	return out
}

// componentTable puts the table of cfg between its markers.
func componentTable(t *testing.T, text string, cfg componentConfig) string {
	begin, end := "<!-- "+cfg.marker+":begin -->\n", "<!-- "+cfg.marker+":end -->"
	before, rest, ok := strings.Cut(text, begin)
	_, after, closed := strings.Cut(rest, end)
	if !ok || !closed {
		t.Errorf("README.md lacks the markers %q and %q\ncontract: the table of %s is generated", strings.TrimSpace(begin), end, cfg.title)
		return text
	}
	var b strings.Builder
	b.WriteString("| Field | Type | Default | Meaning |\n|---|---|---|---|\n")
	for _, f := range componentFields(cfg.value, "") {
		b.WriteString("| `" + f.path + "` | " + f.kind() + " | " + f.byDefault() + " | " + strings.ReplaceAll(f.tag.Get("doc"), "|", "\\|") + " |\n")
	}
	return before + begin + b.String() + end + after
}
