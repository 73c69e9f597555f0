package choice

import (
	"fmt"
	"iter"

	"orderhub/pipelines/yamlfile"
)

// Entries yields the members of a set with their names: those of a map are its keys; one of a list is called as what it asks (a text, or call: of a map), the second
// of a name name~2.
func Entries(set *yamlfile.Node) iter.Seq2[string, *yamlfile.Node] {
	return func(yield func(string, *yamlfile.Node) bool) {
		for key, n := range set.Entries() {
			if !yield(key.Raw(), n) {
				return
			}
		}
		named := map[string]int{}
		for _, n := range set.Items() {
			name := Asked(n).Raw()
			if named[name]++; named[name] > 1 {
				name = fmt.Sprintf("%s~%d", name, named[name])
			}
			if !yield(name, n) {
				return
			}
		}
	}
}

// Asked is what a member asks; nil: nothing.
func Asked(n *yamlfile.Node) *yamlfile.Node {
	if n.Kind() == yamlfile.Map {
		return n.Get("call")
	}
	return n
}

// Names are those of all members.
func Names(set *yamlfile.Node) (names []string) {
	for name := range Entries(set) {
		names = append(names, name)
	}
	return names
}
