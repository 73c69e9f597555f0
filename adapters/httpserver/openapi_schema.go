package httpserver

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"orderhub/hub/doc"
	"orderhub/hub/signature"
)

var (
	named   = regexp.MustCompile(`\{[^{}$]*\}`)
	unnamed = regexp.MustCompile(`[^A-Za-z0-9]+`)
	// what the name of a component can't hold
	unusable = regexp.MustCompile(`[^A-Za-z0-9._-]`)
)

// schema adds a schema and what it uses of its $defs to the components, and gives the reference to it.
func (d *describing) schema(name string, src []byte) object {
	v, err := doc.Parse(src)
	if err != nil {
		return object{}
	}
	top := d.free(name)
	m := &mover{describing: d, top: top, root: v, defs: map[string]string{}}
	d.Schemas[top] = nil // taken
	d.Schemas[top] = m.whole(v)
	return ref("schemas", top)
}

// free is name, or one like it that no component has.
func (d *describing) free(name string) string {
	for {
		if _, taken := d.Schemas[name]; !taken {
			return name
		}
		name += "_"
	}
}

// mover changes the references of a schema that becomes a part of a larger document.
type mover struct {
	*describing
	top  string // where it stands now
	root doc.Value
	defs map[string]string // components of what stands under $defs, by its pointer
}

// ref is a reference from its new place. A definition that it leads to becomes a component.
func (m *mover) ref(to string) string {
	below, ok := strings.CutPrefix(to, "#")
	if !ok {
		return to
	}
	at, v, component := "", m.root, m.top
	for {
		def, ok := strings.CutPrefix(below, "/$defs/")
		name, rest, deep := strings.Cut(def, "/")
		if !ok || name == "" || unusable.MatchString(name) {
			break
		}
		at, v = at+"/$defs/"+name, v.Get("$defs").Get(name)
		if below = ""; deep {
			below = "/" + rest
		}
		component = name
	}
	if at != "" {
		component = m.component(at, component, v)
	}
	return "#/components/schemas/" + component + below
}

// component is the component of a definition, which is added when it is first met.
func (m *mover) component(at, name string, v doc.Value) string {
	if m.defs[at] == "" {
		m.defs[at] = m.free(m.top + "." + name)
		m.Schemas[m.defs[at]] = nil
		m.Schemas[m.defs[at]] = m.whole(v)
	}
	return m.defs[at]
}

// whole is a schema in its new place, without the definitions under it that can be components.
func (m *mover) whole(v doc.Value) doc.Value {
	if v.Kind() != doc.Object {
		return v
	}
	return m.move(each(v, func(name string, part doc.Value) doc.Value {
		if name != "$defs" {
			return part
		}
		kept := each(part, func(name string, def doc.Value) doc.Value {
			if name == "" || unusable.MatchString(name) {
				return def
			}
			return doc.Value{}
		})
		if kept.Len() == 0 {
			return doc.Value{}
		}
		return kept
	}))
}

// Keywords whose value is data, and those whose value holds schemas by name.
var (
	dataWords = []string{"enum", "const", "default", "example", "examples"}
	nameWords = []string{"properties", "patternProperties", "$defs", "definitions", "dependentSchemas", "dependencies"}
)

func (m *mover) move(v doc.Value) doc.Value {
	switch v.Kind() {
	case doc.Array:
		var list []doc.Value
		for _, part := range v.Elems() {
			list = append(list, m.move(part))
		}
		return doc.ListOf(list)
	case doc.Object:
		return each(v, func(name string, part doc.Value) doc.Value {
			switch {
			case slices.Contains(dataWords, name):
				return part
			case name == "$ref" && part.Kind() == doc.String:
				return doc.StringValue(m.ref(part.Str()))
			case slices.Contains(nameWords, name) && part.Kind() == doc.Object:
				return each(part, func(_ string, schema doc.Value) doc.Value { return m.move(schema) })
			}
			return m.move(part)
		})
	}
	return v
}

// each is an object with every value changed, or left out.
func each(v doc.Value, change func(name string, part doc.Value) doc.Value) doc.Value {
	var fields []doc.Field
	for name, part := range v.Fields() {
		if part = change(name, part); part.Kind() != doc.Missing {
			fields = append(fields, doc.Field{Name: name, Value: part})
		}
	}
	return doc.ObjectOf(fields)
}

// titleOf is what a schema says that it describes.
func titleOf(schema []byte) string {
	v, err := doc.Parse(schema)
	if err != nil {
		return ""
	}
	return v.Get("title").Str()
}

func acceptedSchema() object {
	return object{"type": "object", "required": []string{"accepted", "trace_id"}, "properties": object{
		"accepted": object{"const": true}, "duplicate": object{"const": true, "description": "it was taken before"}, "trace_id": object{"type": "string"}}}
}

// describe adds how senders prove who they are to the schemes, and gives the
// names of those that a request needs; nil: none.
func (v *verifier) describe(schemes object) (needs object) {
	for _, p := range v.proofs {
		p.describe(func(name string, scheme object) {
			if needs == nil {
				needs = object{}
			}
			name = unusable.ReplaceAllString(name, "_")
			schemes[name], needs[name] = scheme, []string{}
		})
	}
	return needs
}

// describeSignature tells which headers a signature needs.
func describeSignature(s *signature.Signature, add func(name string, scheme object)) {
	header, stamp, id := s.Headers()
	describe := func(name, format string, args ...any) {
		if name != "" {
			add(s.Name+"."+name, object{"type": "apiKey", "in": "header", "name": name, "description": fmt.Sprintf(format, args...)})
		}
	}
	describe(header, "%s in %s of %s, exactly as sent, written %s.", strings.ToUpper(s.Algorithm), s.Encoding, s.Signed, s.Written)
	describe(stamp, "Time of the signature, at most %.0f s off.", s.MaxAge.Seconds())
	describe(id, "ID of the message: the same when it is sent again.")
}
