package httpserver

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"orderhub/hub"
	"orderhub/hub/doc"
	"orderhub/hub/signature"
)

var (
	named   = regexp.MustCompile(`\{[^{}$]*\}`)
	unnamed = regexp.MustCompile(`[^A-Za-z0-9]+`)
	// what the name of a component can't hold
	unusable = regexp.MustCompile(`[^A-Za-z0-9._-]`)
)

// schema adds the schema of a pipeline's messages, and what stands under its
// $defs, to the components, and gives the reference to it.
func (d *describing) schema(about hub.Description) object {
	v, err := doc.Parse(about.Schema)
	if err != nil {
		return object{}
	}
	top := d.free(about.Pipeline)
	m := &mover{base: "#/components/schemas/" + top, defs: map[string]string{}}
	d.Schemas[top] = nil // taken
	var rest []doc.Field
	for name, def := range v.Fields() {
		if name != "$defs" {
			rest = append(rest, doc.Field{Name: name, Value: def})
			continue
		}
		kept := []doc.Field{}
		for name, def := range def.Fields() {
			if name != "" && !unusable.MatchString(name) {
				m.defs[name] = d.free(top + "." + name)
				d.Schemas[m.defs[name]] = nil
			} else {
				kept = append(kept, doc.Field{Name: name, Value: def})
			}
		}
		if len(kept) > 0 {
			rest = append(rest, doc.Field{Name: name, Value: doc.ObjectOf(kept)})
		}
	}
	for name, to := range m.defs {
		d.Schemas[to] = m.move(v.Get("$defs").Get(name))
	}
	if v.Kind() == doc.Object {
		v = doc.ObjectOf(rest)
	}
	d.Schemas[top] = m.move(v)
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
	base string            // where it stands now
	defs map[string]string // components by their names under $defs
}

func (m *mover) ref(to string) string {
	pointer, ok := strings.CutPrefix(to, "#")
	if !ok {
		return to
	}
	if def, ok := strings.CutPrefix(pointer, "/$defs/"); ok {
		name, below, deep := strings.Cut(def, "/")
		if component := m.defs[name]; component != "" {
			if deep {
				below = "/" + below
			}
			return "#/components/schemas/" + component + below
		}
	}
	return m.base + pointer
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

// each is an object with every value changed.
func each(v doc.Value, change func(name string, part doc.Value) doc.Value) doc.Value {
	var fields []doc.Field
	for name, part := range v.Fields() {
		fields = append(fields, doc.Field{Name: name, Value: change(name, part)})
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
