package httpserver

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"orderhub/hub"
	"orderhub/hub/doc"
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

// wants tells whether senders must prove who they are.
func (v *verifier) wants() bool { return v.token != nil || v.link != nil || v.name != "" }

// describe adds how senders prove who they are to the schemes, and gives the
// names of those that a request needs; nil: none.
func (v *verifier) describe(schemes object) object {
	needs := object{}
	add := func(name string, scheme object) {
		name = unusable.ReplaceAllString(name, "_")
		schemes[name], needs[name] = scheme, []string{}
	}
	header := func(name, format string, args ...any) object {
		return object{"type": "apiKey", "in": "header", "name": name, "description": fmt.Sprintf(format, args...)}
	}
	stamp := fmt.Sprintf("Unix seconds, at most %.0f s off.", v.maxAge.Seconds())
	switch {
	case v.token != nil:
		add("bearer", object{"type": "http", "scheme": "bearer"})
	case v.link != nil:
		add("link", object{"type": "apiKey", "in": "query", "name": "token", "description": "Part of a link that we sent."})
	case v.name == schemeHex && v.stamp != "":
		add("hmac-of-time-and-body."+v.header, header(v.header, "HMAC-SHA256 of the time, a dot and the body exactly as sent, in hex digits; sha256= may stand before it."))
		add("time."+v.stamp, header(v.stamp, "%s", stamp))
	case v.name == schemeHex:
		add("hmac-of-body."+v.header, header(v.header, "HMAC-SHA256 of the body exactly as sent, in hex digits; sha256= may stand before it."))
	case v.name == schemeTimestamped:
		add("timestamped-hmac."+v.header, header(v.header, "t=TIME,v1=DIGEST. TIME: %s DIGEST: HMAC-SHA256 of TIME, a dot and the body exactly as sent, in hex digits.", stamp))
	case v.name == schemeStandard:
		add("webhook-id", header("webhook-id", "ID of the message (Standard Webhooks)."))
		add("webhook-timestamp", header("webhook-timestamp", "%s", stamp))
		add("webhook-signature", header("webhook-signature", "v1, and in base64 the HMAC-SHA256 of id, timestamp and body exactly as sent, with dots between them."))
	default:
		return nil
	}
	return needs
}
