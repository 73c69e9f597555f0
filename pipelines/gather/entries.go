package gather

import (
	"fmt"
	"iter"

	"orderhub/pipelines/yamlfile"
)

// Entries yields the recipients of `to` with their names: those of a map are its keys; one of a list is called as what it asks, the second
// of a name name~2.
func Entries(to *yamlfile.Node) iter.Seq2[string, *yamlfile.Node] {
	return func(yield func(string, *yamlfile.Node) bool) {
		for key, n := range to.Entries() {
			if !yield(key.Raw(), n) {
				return
			}
		}
		named := map[string]int{}
		for _, n := range to.Items() {
			name := asked(n).Raw()
			if named[name]++; named[name] > 1 {
				name = fmt.Sprintf("%s~%d", name, named[name])
			}
			if !yield(name, n) {
				return
			}
		}
	}
}

// asked is what a recipient asks; nil: nothing, it gets a message.
func asked(n *yamlfile.Node) *yamlfile.Node {
	if n.Kind() == yamlfile.Map {
		return n.Get("call")
	}
	return n
}

// Asked is what the recipients of `to` ask.
func Asked(to *yamlfile.Node) (list []*yamlfile.Node) {
	for _, n := range Entries(to) {
		if a := asked(n); a != nil {
			list = append(list, a)
		}
	}
	return list
}
