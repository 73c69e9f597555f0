package house

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// layers are the rows of the table of DESIGN.md, section 5.
var layers = regexp.MustCompile("(?m)^\\| `([a-z/]+)` \\| ((?:`[a-z/]+`(?:, )?)*) ?\\|$")

// TestDependencies: the layers of DESIGN.md are those of the code, and each imports what its row says, no less and no more.
func TestDependencies(t *testing.T) {
	told := map[string][]string{}
	for _, row := range layers.FindAllStringSubmatch(read(t, "DESIGN.md"), -1) {
		told[row[1]] = strings.Fields(strings.NewReplacer("`", "", ",", "").Replace(row[2]))
	}
	if len(told) < 8 {
		t.Fatalf("DESIGN.md has %d layers", len(told))
	}
	of := func(pkg string) (layer string) { // the longest that the package is in
		for l := range told {
			if (pkg == l || strings.HasPrefix(pkg, l+"/")) && len(l) > len(layer) {
				layer = l
			}
		}
		return layer
	}
	found := map[string]map[string]bool{}
	for line := range strings.Lines(command(t, root, "go", "list", "-f", `{{.ImportPath}} {{join .Imports " "}}`, "./...")) {
		words := strings.Fields(line)
		from := of(strings.TrimPrefix(words[0], "orderhub/"))
		for _, imported := range words[1:] {
			pkg, own := strings.CutPrefix(imported, "orderhub/")
			if to := of(pkg); own && from != "" && to != from {
				if found[from] == nil {
					found[from] = map[string]bool{}
				}
				found[from][to] = true
			}
		}
	}
	for layer, want := range told {
		if got := slices.Sorted(maps.Keys(found[layer])); !slices.Equal(got, want) {
			t.Errorf("%s imports %q, DESIGN.md says %q", layer, got, want)
		}
	}
}
