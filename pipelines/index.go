package pipelines

import (
	"slices"
	"strings"

	"orderhub/pipelines/yamlfile"
	"orderhub/transforms/shape"
)

// maxIndexed bounds the paths of `index:`: each costs a look into every message, and one into the store for every search.
const maxIndexed = 16

// readIndex reads the paths of `hub: {index: […]}`. Each must be one that a schema declares: a misspelt one would find nothing, without a word.
func (l *loading) readIndex(n *yamlfile.Node) {
	var known []string
	for _, name := range sortedKeys(l.schemas) {
		known = declaredPaths(known, nil, l.schemas[name].Shape())
	}
	for i, item := range n.Items() {
		path := item.Str()
		header := strings.HasPrefix(path, "headers.")
		switch {
		case i == maxIndexed:
			item.Errorf("E225", "keep those that people look for", "index has more than %d paths", maxIndexed)
		case path != "" && !header && len(known) > 0 && !slices.Contains(known, path):
			Unknown(item, "E225", "path", path, known)
		case path != "":
			l.Index = append(l.Index, path)
		}
	}
}

// declaredPaths adds the paths of the texts and numbers that t declares; of a list, those of its elements.
func declaredPaths(into, at []string, t *shape.Type) []string {
	for t.Is(shape.Array) {
		t = t.Element()
	}
	if t.IsAny() || !t.Is(shape.Object) {
		if path := strings.Join(at, "."); path != "" && !slices.Contains(into, path) {
			into = append(into, path)
		}
		return into
	}
	if len(at) < 8 { // a schema may hold itself
		for _, name := range t.Names() {
			field, _ := t.Accepts(name)
			into = declaredPaths(into, append(slices.Clone(at), name), field)
		}
	}
	return into
}
