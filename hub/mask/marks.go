package mask

import (
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"orderhub/hub/doc"
)

// Path is a place of a document that a schema marks with x-secret or
// x-pii. "*" stands for any name or any item. Since documents move into others,
// the path is looked for at every depth: /customer/email of an order is found in {"order": {…}} as well.
type Path struct {
	Path   []string
	Secret bool // x-secret: not even shown where documents are; else personal
}

// addressed are the headers that say where mail goes: personal, whatever schemas say.
var addressed = []string{"to", "cc", "bcc"}

// markNode is a tree of marked paths.
type markNode struct {
	next           map[string]*markNode
	marked, secret bool
}

func newMarkTree(paths []Path) *markNode {
	root := &markNode{next: map[string]*markNode{}}
	for _, name := range addressed {
		root.next[name] = &markNode{marked: true}
	}
	for _, p := range paths {
		n := root
		for _, name := range p.Path {
			if n.next == nil {
				n.next = map[string]*markNode{}
			}
			if n.next[name] == nil {
				n.next[name] = &markNode{}
			}
			n = n.next[name]
		}
		n.marked, n.secret = true, n.secret || p.Secret
	}
	return root
}

// walk visits the marked values of v that are no objects and no lists. name is of the field that holds them.
func (n *markNode) walk(v doc.Value, visit func(name string, leaf doc.Value)) {
	w := markWalk{root: n, leaf: func(at *place, leaf doc.Value) doc.Value {
		if at.marked {
			visit(at.name, leaf)
		}
		return leaf
	}}
	w.value(v, &place{document: true})
}

// marks tells that the value at the path is marked.
func (n *markNode) marks(path []string) bool {
	w, at := markWalk{root: n}, &place{document: true}
	for _, name := range path {
		at = w.enter(at, name, name)
	}
	return at.marked
}

// markWalk walks through a document with the nodes of the tree that its values stand at.
type markWalk struct {
	root      *markNode
	leaf      func(at *place, v doc.Value) doc.Value
	rebuild   bool
	documents []string                             // names of the fields that documents stand under, in what is none itself
	enters    func(holder doc.Value) (left func()) // is told of each object that documents stand in; nil: nobody is
}

// place is where a value stands.
type place struct {
	nodes          []*markNode // without the root, where each path may begin
	name           string      // of the field
	marked, secret bool
	document       bool // it is a document, or in one
}

// value visits v; with rebuild it gives v with what leaf gave for its leaves.
func (w *markWalk) value(v doc.Value, at *place) doc.Value {
	switch v.Kind() {
	case doc.Object:
		if w.enters != nil && !at.document && w.holds(v) {
			defer w.enters(v)()
		}
		var fields []doc.Field
		for name, f := range v.Fields() {
			f = w.value(f, w.enter(at, name, name))
			if w.rebuild {
				fields = append(fields, doc.Field{Name: name, Value: f})
			}
		}
		if w.rebuild {
			return doc.ObjectOf(fields)
		}
	case doc.Array:
		var list []doc.Value
		for _, e := range v.Elems() {
			e = w.value(e, w.enter(at, "*", at.name))
			if w.rebuild {
				list = append(list, e)
			}
		}
		if w.rebuild {
			return doc.ListOf(list)
		}
	case doc.String, doc.Number:
		return w.leaf(at, v)
	}
	return v
}

// holds tells that a document stands under a field of the object.
func (w *markWalk) holds(v doc.Value) bool {
	for name := range v.Fields() {
		if slices.Contains(w.documents, name) {
			return true
		}
	}
	return false
}

// enter is the place of a field or an item below at.
func (w *markWalk) enter(at *place, step, name string) *place {
	down := &place{name: name, marked: at.marked, secret: at.secret, document: at.document || slices.Contains(w.documents, name)}
	if !at.document {
		return down
	}
	take := func(n *markNode) {
		if n != nil {
			down.nodes = append(down.nodes, n)
			down.marked, down.secret = down.marked || n.marked, down.secret || n.secret
		}
	}
	take(w.root.next[step])
	for _, n := range at.nodes {
		take(n.next[step])
		if step != "*" {
			take(n.next["*"])
		}
	}
	return down
}

// Marks tells that a schema marks the value at the path of names.
func (m *Masker) Marks(path ...string) bool {
	now := m.masking()
	return now != nil && now.marks.marks(path)
}

// Shown is a JSON text as people may see it. What is hidden is masked in every
// text of it; in the documents, which stand under the fields of the given names,
// what schemas mark as secret is as well, and what they mark as personal, unless
// personal is true. The values of a document are masked in all texts of the documents that
// stand in the same object, since far ends say again what they were told. A text that can't
// be read is not shown.
func (m *Masker) Shown(raw []byte, personal bool, documents ...string) []byte {
	now := m.masking()
	if now == nil {
		return raw
	}
	v, err := doc.ParseLimits(raw, doc.Limits{Nodes: 1 << 28, Depth: 10_000})
	if err != nil {
		return []byte(`"[not shown: it can't be read]"`)
	}
	hides := func(at *place) bool { return at.secret || at.marked && !personal }
	w := markWalk{root: now.marks, rebuild: true, documents: documents}
	within := m
	w.enters = func(holder doc.Value) (left func()) {
		if within != m {
			return func() {}
		}
		var held []hiddenValue
		look := markWalk{root: now.marks, documents: documents, leaf: func(at *place, leaf doc.Value) doc.Value {
			if hides(at) {
				held = append(held, hiddenValue{strings.TrimSpace(leaf.Text()), at.name})
			}
			return leaf
		}}
		look.value(holder, &place{})
		within = m.also(held, now)
		return func() { within = m }
	}
	w.leaf = func(at *place, leaf doc.Value) doc.Value {
		text := leaf.Text()
		shown := m.Text(text)
		switch {
		case hides(at):
			shown = "[" + plainName(at.name) + "]"
		case at.document && leaf.Kind() == doc.String:
			shown = within.Text(text)
		}
		if shown == text {
			return leaf
		}
		return doc.StringValue(shown)
	}
	return w.value(v, &place{}).JSON()
}

// Named masks what stands behind the names of marked fields in a text that is
// no document, such as broken JSON, XML, or a form of either kind: "token": "tok_1",
// <token>tok_1</token>, token=tok_1. Letters that are escaped (\u0074, %74) are written
// as they are. An object, a list or elements behind a name are masked to the text's end.
// What is masked already stays as it is.
func (m *Masker) Named(s string) string {
	now := m.masking()
	if now == nil || now.marks == nil {
		return s
	}
	find := now.named()
	if find == nil {
		return s
	}
	return find.ReplaceAllString(escapedWord.ReplaceAllStringFunc(s, unescape), "${1}${3}${5}[${2}${4}${6}]")
}

// escapedWord is a letter, a digit or a sign of names and addresses that JSON or a URL escaped.
var escapedWord = regexp.MustCompile(`(?i)(?:\\u00|%)(?:2[de]|3[0-9]|4[0-9a-f]|5[0-9af]|6[1-9a-f]|7[0-9a])`)

func unescape(s string) string {
	b, _ := strconv.ParseUint(s[len(s)-2:], 16, 8) // two hexadecimal digits always can
	return string(rune(b))
}

// behindNames finds a marked name (group 2), up to its value (group 1), and the value; the same of an XML element
// (groups 4 and 3), and of a part of a multipart form (6 and 5); nil: no field is marked.
func (n *markNode) behindNames() *regexp.Regexp {
	names := map[string]bool{}
	n.names("", names)
	if len(names) == 0 {
		return nil
	}
	var quoted []string
	for _, name := range slices.Sorted(maps.Keys(names)) {
		quoted = append(quoted, regexp.QuoteMeta(name))
	}
	const value = `\[[\w.:-]+\]|"(?:[^"\\]|\\.)*"?|[\[{].*|[^,;&}\]\s]*`
	all := strings.Join(quoted, "|")
	return regexp.MustCompile(`(?is)(["']?\b(` + all + `)\b["']?\s*[:=]\s*)(?:` + value + `)` +
		`|(<(?:[\w.-]+:)?(` + all + `)(?:\s[^<>]*)?>)(?:[^<]*(?:<!\[cdata\[.*?\]\]>[^<]*|<[^/!].*)?)` +
		`|(\bname="(` + all + `)"(?:\r?\n?[^\r\n]+)*\r?\n\r?\n)[^\r\n]*`)
}

// names collects the names of the marked fields: of a list, that of the field that holds it.
func (n *markNode) names(name string, into map[string]bool) {
	if n == nil {
		return
	}
	if n.marked && name != "" {
		into[name] = true
	}
	for step, c := range n.next {
		if step == "*" {
			step = name
		}
		c.names(step, into)
	}
}
