package yamlfile

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"

	"orderhub/transforms/shape"
)

// Set notes a change of the first file that l reads, as "adapters.web.listen=:8081": the value is one scalar of YAML, or a map
// or list in { } or [ ]; text like memory: needs no quotes. A later change of the same place wins. Faults stand at
// "--set adapters.web.listen", and the text is one of Sources.
//
// Names may hold dots: at each level the longest one that is there is taken. The last name may be new, and so may a
// section at the top.
func (l *Loader) Set(change string) { l.sets = append(l.sets, change) }

// Graft notes text that stands for the value of an entry at the top's entry's entry, such as pipelines.try.steps: a change as those of
// Set, made behind them, but of any number of lines. Faults in it stand at name.
func (l *Loader) Graft(path, name string, text []byte) {
	l.grafts = append(l.grafts, graft{strings.Split(path, "."), newSource(name, text)})
}

// graft is a text with the keys that lead to its place, which is there.
type graft struct {
	path []string
	src  *source
}

// graft makes what Graft noted.
func (l *Loader) graft(root *Node) {
	for _, g := range l.grafts {
		l.keep(g.src)
		y, ok := l.parseYAML(g.src)
		at := root
		for _, name := range g.path[:len(g.path)-1] {
			at = at.Get(name)
		}
		if i, known := at.find(g.path[len(g.path)-1]); ok && known {
			at.entries[i].value = l.builder(g.src).node(y, at, at.entries[i].key, -1, 1, false)
		}
	}
	l.grafts = nil
}

const setName = "--set " // before the paths of changes, in places of faults

// Again gives a loader that reads the same files in the same way, with an empty list of problems and without Missing.
func (l *Loader) Again() *Loader {
	return &Loader{Env: l.Env, SecretsDir: l.SecretsDir, Problems: &Problems{Mask: l.Problems.Mask}, sets: slices.Clone(l.sets)}
}

// change makes the noted changes in the tree of the first file, once.
func (l *Loader) change(root *Node) {
	if l.changed || len(l.sets) == 0 || !root.openMap() {
		return
	}
	l.changed = true
	defer l.graft(root)
	for _, text := range l.sets {
		src := newSource("", []byte(text))
		path, value, ok := strings.Cut(string(src.text), "=")
		src.name = setName + path
		s := &setting{l: l, root: root, path: path, src: src}
		l.keep(src)
		switch {
		case !ok || slices.Contains(strings.Split(path, "."), ""):
			s.problem(0, string(src.text), "write --set adapters.web.listen=:8081", "a change is names with dots between them, = and a value")
		case strings.ContainsAny(text, "\r\n"):
			s.problem(0, path, `write \n in double quotes for a line end`, "a change is one line")
		case l.checkText(s.src):
			s.make(value)
		}
	}
}

// setting is one change on its way to its place.
type setting struct {
	l    *Loader
	root *Node
	path string
	src  *source
}

// problem records a fault of what, which stands behind so many bytes of the text.
func (s *setting) problem(before int, what, help, format string, args ...any) {
	s.l.problem(s.src, 1, s.col(before), utf8.RuneCountInString(what), "E130", help, format, args...)
}

func (s *setting) col(before int) int { return utf8.RuneCount(s.src.text[:before]) + 1 }

func (s *setting) make(value string) {
	col := s.col(len(s.path) + 1)
	// The value is parsed behind as many spaces as what stands before it: places in it are those of the whole text.
	y, ok := s.l.parseYAML(&source{name: s.src.name, text: []byte(strings.Repeat(" ", col-1) + value), lines: s.src.lines})
	if !ok {
		return
	}
	switch {
	case isEmpty(y):
		y = nothing(1, col)
	case y.Kind == yaml.MappingNode && y.Style&yaml.FlowStyle == 0: // memory: or a: b
		y = &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: strings.TrimSpace(value), Line: 1, Column: y.Column}
	case y.Kind == yaml.SequenceNode && y.Style&yaml.FlowStyle == 0:
		s.problem(len(s.path)+1, value, "write [value], or quote it if text is meant", "a list needs its brackets here")
		return
	}
	at, name, ok := s.find()
	if !ok {
		return
	}
	key := s.keyNode(at, name, len(s.path)-len(name))
	v := s.l.builder(s.src).node(y, at, key, -1, 1, false)
	if i, known := at.find(name); known {
		at.entries[i] = entry{key, v}
		return
	}
	at.add(key, v)
}

func (s *setting) keyNode(parent *Node, name string, before int) *Node {
	y := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: name, Line: 1, Column: s.col(before)}
	return &Node{y: y, src: s.src, loader: s.l, parent: parent, index: -1}
}

// find gives the map that the path leads to and the name in it; a fault of the path is recorded.
func (s *setting) find() (at *Node, name string, ok bool) {
	at, name = s.root, s.path
	near, wrong, where := "", "", 0 // what may be meant if the path ends nowhere, and instead of which part of it
	for {
		done := len(s.path) - len(name)
		if !at.openMap() {
			s.problem(done, name, "set it as a whole: --set "+s.path[:done-1]+"=VALUE", "%s is %s: nothing is below it", at.Path(), at.Kind())
			return nil, "", false
		}
		key := at.longest(name)
		first, more, deep := strings.Cut(name, ".")
		others := slices.DeleteFunc(at.Keys(), func(k string) bool { return k == key })
		if n, w := meant(name, others); len(w) > len(key) {
			near, wrong, where = n, w, done
		}
		switch {
		case key == name || !deep:
			return at, name, true
		case key != "":
			at, name = at.Get(key), name[len(key)+1:]
		case near != "":
			s.problem(where, wrong, fmt.Sprintf("did you mean %q?", near), "unknown name %q", wrong)
			return nil, "", false
		case at == s.root:
			at, name = s.section(first), more
		default:
			s.problem(done, first, at.known(), "%s has no %q", at.called(), first)
			return nil, "", false
		}
	}
}

// section adds an empty map to the top.
func (s *setting) section(name string) *Node {
	key := s.keyNode(s.root, name, 0)
	v := s.l.builder(s.src).node(nothing(1, 1), s.root, key, -1, 1, false)
	s.root.add(key, v)
	return v
}

// meant gives the known name that the beginning of name, up to some dot, is most likely a slip of, and that beginning.
func meant(name string, known []string) (near, slip string) {
	best := len(name) + 1
	for wrong := name; wrong != ""; wrong = wrong[:max(0, strings.LastIndexByte(wrong, '.'))] {
		if k, ok := shape.Nearest(wrong, known); ok && !slices.Contains(known, wrong) {
			if d := shape.Distance([]rune(wrong), []rune(k)); d < best {
				near, slip, best = k, wrong, d
			}
		}
	}
	return near, slip
}

// openMap makes a map of nothing; false for what is neither.
func (n *Node) openMap() bool {
	if n.Kind() == Null {
		n.y = &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map", Line: n.y.Line, Column: n.y.Column}
		n.byKey = map[string]int{}
	}
	return n.Kind() == Map
}

// longest gives the longest key that is name, or its beginning up to a dot; "" for none.
func (n *Node) longest(name string) string {
	best := ""
	for _, k := range n.Keys() {
		if len(k) > len(best) && (k == name || strings.HasPrefix(name, k+".")) {
			best = k
		}
	}
	return best
}

func (n *Node) called() string {
	if path := n.Path(); path != "" {
		return path
	}
	return "the configuration"
}

func (n *Node) known() string {
	if len(n.entries) == 0 {
		return "it is empty"
	}
	return "there are " + strings.Join(n.Keys(), ", ")
}
