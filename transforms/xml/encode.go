package xml

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"orderhub/hub"
	"orderhub/hub/doc"
)

// encoder writes a document.
type encoder struct {
	*format
	out   []byte
	root  int      // the place in out behind the name of the root
	used  []bool   // by spaces: its prefix stands in out, and the root must declare it
	scope []string // prefixes that the attributes of open elements declare
	path  []string // names of the open elements
	mixed int      // open elements that have text beside children: white space would change it
}

// mistake is what a document has and XML can't say.
type mistake struct{ pointer, code, detail string }

func wrong(code, format string, args ...any) *mistake {
	return &mistake{code: code, detail: fmt.Sprintf(format, args...)}
}

// in is the mistake as seen from the value around it.
func (m *mistake) in(field string) *mistake {
	if m != nil {
		m.pointer = doc.Pointer(field) + m.pointer
	}
	return m
}

// encode writes a document.
func (f *format) encode(v doc.Value) ([]byte, error) {
	e := &encoder{format: f, used: make([]bool, len(f.spaces))}
	if f.Declaration {
		e.out = append(e.out, `<?xml version="1.0" encoding="UTF-8"?>`+"\n"...)
	}
	var m *mistake
	switch {
	case f.soap != nil:
		m = e.envelope(v)
	case f.Root != "":
		m = e.element(f.Root, v)
	default:
		m = e.document(v)
	}
	if m != nil {
		return nil, hub.Fail(hub.Invalid, m.code, "at %q: %s", m.pointer, m.detail)
	}
	var declared []byte
	for i, s := range f.spaces {
		if e.used[i] {
			declared = append(declared, " xmlns"...)
			if s.prefix != "" {
				declared = append(append(declared, ':'), s.prefix...)
			}
			declared, _ = appendEscaped(append(declared, `="`...), s.uri, isValue)
			declared = append(declared, '"')
		}
	}
	return slices.Insert(e.out, e.root, declared...), nil
}

// document writes a document with its root as its one field.
func (e *encoder) document(v doc.Value) (m *mistake) {
	if v.Kind() != doc.Object || v.Len() != 1 {
		return wrong("xml_root", "%s, where XML has one root element: write an object with one field, or root: in the format", describe(v))
	}
	for name, root := range v.Fields() {
		m = e.element(name, root).in(name)
	}
	return m
}

// describe says what a value is, for messages.
func describe(v doc.Value) string {
	switch v.Kind() {
	case doc.Object:
		return fmt.Sprintf("an object with %d fields", v.Len())
	case doc.Array:
		return "a list"
	case doc.Missing:
		return "nothing"
	}
	return "a " + v.Kind().String()
}

// field writes the elements of a field: one, or one for each element of a list.
func (e *encoder) field(name string, v doc.Value) *mistake {
	if v.Kind() != doc.Array {
		return e.element(name, v).in(name)
	}
	for i, one := range v.Elems() {
		if m := e.element(name, one); m != nil {
			return m.in(strconv.Itoa(i)).in(name)
		}
	}
	return nil
}

// element writes an element.
func (e *encoder) element(name string, v doc.Value) *mistake {
	switch {
	case v.Kind() == doc.Array:
		return wrong("xml_list", "a list where one element is expected: put a name between, as in {\"line\": [...]}")
	case v.IsNull() && e.Nulls == nullsOmit && len(e.path) > 0:
		return nil
	case len(e.path) == maxDepth:
		return wrong(CodeTooDeep, "elements would be nested deeper than %d levels", maxDepth)
	}
	scope := len(e.scope)
	for field := range v.Fields() {
		if prefix, ok := strings.CutPrefix(field, "@xmlns"); ok && (prefix == "" || prefix[0] == ':') {
			e.scope = append(e.scope, strings.TrimPrefix(prefix, ":"))
		}
	}
	e.line(len(e.path))
	e.out = append(e.out, '<')
	if m := e.name(name, false); m != nil {
		return m
	}
	e.path = append(e.path, name)
	if len(e.path) == 1 {
		e.root = len(e.out)
	}
	m := e.inside(name, v)
	e.path, e.scope = e.path[:len(e.path)-1], e.scope[:scope]
	return m
}

// inside writes the attributes of an element and all that follows.
func (e *encoder) inside(name string, v doc.Value) *mistake {
	if m := e.attributes(v); m != nil {
		return m
	}
	e.out = append(e.out, '>')
	begun := len(e.out)
	var m *mistake
	if v.Kind() == doc.Object {
		m = e.children(v)
	} else {
		m = e.text(v)
	}
	if m != nil {
		return m
	}
	if len(e.out) == begun {
		e.out = append(e.out[:begun-1], "/>"...)
		return nil
	}
	e.out = append(append(append(e.out, "</"...), name...), '>')
	return nil
}

// attributes writes the attributes of an element.
func (e *encoder) attributes(v doc.Value) *mistake {
	if v.IsNull() && e.Nulls == nullsNil {
		v = doc.ObjectOf([]doc.Field{{Name: e.isNil, Value: doc.StringValue("true")}})
	}
	for field, value := range v.Fields() {
		name, is := strings.CutPrefix(field, "@")
		if !is || value.IsNull() {
			continue
		}
		if m := e.attribute(name, value); m != nil {
			return m.in(field)
		}
	}
	return nil
}

func (e *encoder) attribute(name string, v doc.Value) (m *mistake) {
	if k := v.Kind(); k == doc.Object || k == doc.Array {
		return wrong("xml_value", "%s where an attribute has one text: leave out the @, or write a text", describe(v))
	}
	text := v.Text()
	if prefix, declares := strings.CutPrefix(name, "xmlns"); declares && (prefix == "" || prefix[0] == ':') {
		prefix = strings.TrimPrefix(prefix, ":")
		for _, s := range e.spaces {
			if s.prefix == prefix && s.uri != text && text != "" {
				return wrong("xml_namespace", "the prefix %q for %s, but it is that of %s: write another", prefix, text, s.uri)
			}
		}
	}
	e.out = append(e.out, ' ')
	if m = e.name(name, true); m != nil {
		return m
	}
	e.out = append(e.out, `="`...)
	if e.out, m = appendEscaped(e.out, text, isValue); m != nil {
		return m
	}
	e.out = append(e.out, '"')
	return nil
}

// children writes what is in an element but its attributes.
func (e *encoder) children(v doc.Value) *mistake {
	if mixed := v.Get("#text"); mixed.Text() != "" {
		e.mixed++
		defer func() { e.mixed-- }()
	}
	begun := len(e.out)
	first, _ := e.order.find(e.path)
	for _, name := range first {
		if child := v.Get(name); child.Kind() != doc.Missing {
			if m := e.field(name, child); m != nil {
				return m
			}
		}
	}
	for name, child := range v.Fields() {
		var m *mistake
		switch {
		case name == "#text":
			m = e.text(child).in(name)
		case strings.HasPrefix(name, "@"), slices.Contains(first, name):
		default:
			m = e.field(name, child)
		}
		if m != nil {
			return m
		}
	}
	if len(e.out) > begun {
		e.line(len(e.path) - 1)
	}
	return nil
}

// line begins a new line for a tag so deep, if the format has lines and white space is no text here.
func (e *encoder) line(depth int) {
	if e.Indent == 0 || e.mixed > 0 || len(e.out) == 0 || bytes.HasSuffix(e.out, []byte("\n")) {
		return
	}
	e.out = append(e.out, '\n')
	for range depth * e.Indent {
		e.out = append(e.out, ' ')
	}
}

// text writes a text. White space alone would be taken for a layout, so it begins with a reference.
func (e *encoder) text(v doc.Value) (m *mistake) {
	switch v.Kind() {
	case doc.Object, doc.Array:
		return wrong("xml_value", "%s where a text is expected", describe(v))
	case doc.String:
	default:
		e.out = append(e.out, v.Text()...)
		return nil
	}
	s := v.Str()
	if s != "" && strings.Trim(s, " \t\r\n") == "" {
		e.out = fmt.Appendf(e.out, "&#%d;", s[0])
		s = s[1:]
	}
	e.out, m = appendEscaped(e.out, s, isText)
	return m
}

// name writes the name of an element or attribute, and sees to it that its prefix is declared.
func (e *encoder) name(name string, attribute bool) *mistake {
	if !validName(name) {
		return wrong("xml_name", "%q is no name in XML: rename the field, or leave it out", name)
	}
	e.out = append(e.out, name...)
	prefix, _, prefixed := strings.Cut(name, ":")
	switch {
	case !prefixed && attribute, prefix == "xml", prefix == "xmlns" && attribute:
		return nil
	case !prefixed:
		prefix = ""
	}
	if slices.Contains(e.scope, prefix) {
		return nil
	}
	at := slices.IndexFunc(e.spaces, func(s space) bool { return s.prefix == prefix })
	switch {
	case at >= 0:
		e.used[at] = true
	case prefixed:
		return wrong("xml_prefix", "the prefix of %s stands for no namespace: write it into namespaces, or declare it as \"@xmlns:%s\" in this element or one around it", name, prefix)
	}
	return nil
}

// appendEscaped appends a text, with references for what does not stand for itself there.
func appendEscaped(dst []byte, s string, plain uint8) ([]byte, *mistake) {
	from := 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		if class[c]&plain != 0 && c != '\r' && c != '>' {
			continue
		}
		reference := ""
		switch c {
		case '<':
			reference = "&lt;"
		case '>':
			reference = "&gt;"
		case '&':
			reference = "&amp;"
		case '"':
			reference = "&quot;"
		case '\t':
			reference = "&#9;"
		case '\n':
			reference = "&#10;"
		case '\r':
			reference = "&#13;"
		case '\'', ']':
			continue
		default:
			if r := []rune(s[i:min(len(s), i+3)])[0]; !legal(r) {
				return dst, wrong("xml_character", "the character U+%04X, which XML can't have: take it out", r)
			}
			continue
		}
		dst = append(append(dst, s[from:i]...), reference...)
		from = i + 1
	}
	return append(dst, s[from:]...), nil
}
