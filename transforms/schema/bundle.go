package schema

import (
	"fmt"
	"maps"
	"net/url"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"orderhub/hub/doc"
)

// Bundle makes one document of the schema in a file, for those who have no folder: other files that it refers to
// stand under $defs, by their names, and every $ref is a JSON Pointer into the document. $id and anchors are left out,
// a $dynamicRef is a $ref. Of $schema an older draft stays. The schema is one that Load takes.
func Bundle(file string) ([]byte, error) {
	src, f, err := open(file)
	if err != nil {
		return nil, err
	}
	defer f.root.Close()
	b := &bundler{folder: f, places: map[string]place{}, names: map[string]string{}}
	link := urlOf(filepath.Base(file))
	if err := b.add(link, src); err != nil {
		return nil, err
	}
	b.note(link)
	top := b.files[link].root
	if top.Kind() != doc.Object {
		return src, nil
	}
	for name := range top.Get("$defs").Fields() {
		b.names["#"+name] = name // taken
	}
	return b.bundle(link, top)
}

// bundler collects the files that a schema refers to.
type bundler struct {
	*folder
	places map[string]place  // by URL, with the anchor as its fragment
	names  map[string]string // under $defs, by the URL of the file
	queue  []string
	err    error
}

// place is a schema in a file.
type place struct {
	link   string
	tokens []string
}

func (b *bundler) bundle(link string, top doc.Value) ([]byte, error) {
	b.names[link] = ""
	fields, defs := []doc.Field{}, []doc.Field{}
	if s := top.Get("$schema").Str(); s != "" && !strings.Contains(s, "2020-12") {
		fields = append(fields, doc.Field{Name: "$schema", Value: top.Get("$schema")})
	}
	for name, v := range b.rewrite(top, mustParse(link)).Fields() {
		if name == "$defs" {
			for name, def := range v.Fields() {
				defs = append(defs, doc.Field{Name: name, Value: def})
			}
			continue
		}
		fields = append(fields, doc.Field{Name: name, Value: v})
	}
	for len(b.queue) > 0 {
		next := b.queue[0]
		b.queue = b.queue[1:]
		defs = append(defs, doc.Field{Name: b.names[next], Value: b.rewrite(b.files[next].root, mustParse(next))})
	}
	if len(defs) > 0 {
		fields = append(fields, doc.Field{Name: "$defs", Value: doc.ObjectOf(defs)})
	}
	return doc.ObjectOf(fields).JSON(), b.err
}

// note remembers the IDs and anchors in a file.
func (b *bundler) note(link string) {
	base := mustParse(link)
	b.places[link] = place{link: link}
	walk(b.files[link].root, nil, func(schema doc.Value, at []string) {
		if id := schema.Get("$id").Str(); id != "" {
			full := within(base, id)
			if len(at) == 0 {
				base = full
			}
			b.places[strings.TrimSuffix(full.String(), "#")] = place{link, at}
		}
		for _, name := range []string{"$anchor", "$dynamicAnchor"} {
			if anchor := schema.Get(name).Str(); anchor != "" {
				b.places[strings.TrimSuffix(base.String(), "#")+"#"+anchor] = place{link, at}
			}
		}
	})
}

// rewrite is the schema v with its references as they are in the bundle. base is its URL.
func (b *bundler) rewrite(v doc.Value, base *url.URL) doc.Value {
	if v.Kind() == doc.Array {
		var list []doc.Value
		for _, part := range v.Elems() {
			list = append(list, b.rewrite(part, base))
		}
		return doc.ListOf(list)
	}
	if v.Kind() != doc.Object {
		return v
	}
	if id := v.Get("$id").Str(); id != "" {
		base = within(base, id)
	}
	var fields []doc.Field
	for name, part := range v.Fields() {
		switch {
		case slices.Contains([]string{"$id", "$schema", "$anchor", "$dynamicAnchor", "$recursiveAnchor"}, name):
			continue
		case name == "$ref" || name == "$dynamicRef":
			name, part = "$ref", doc.StringValue(b.resolve(part.Str(), base))
		case slices.Contains(namedOnes, name) && part.Kind() == doc.Object:
			part = b.each(part, base)
		case slices.Contains(oneSchema, name) || slices.Contains(allSchemas, name):
			part = b.rewrite(part, base)
		}
		fields = append(fields, doc.Field{Name: name, Value: part})
	}
	return doc.ObjectOf(fields)
}

// each rewrites the schemas of a map.
func (b *bundler) each(v doc.Value, base *url.URL) doc.Value {
	var fields []doc.Field
	for name, part := range v.Fields() {
		if part.Kind() == doc.Object {
			part = b.rewrite(part, base)
		}
		fields = append(fields, doc.Field{Name: name, Value: part})
	}
	return doc.ObjectOf(fields)
}

// resolve is the JSON Pointer in the bundle to what ref means at base.
func (b *bundler) resolve(ref string, base *url.URL) string {
	full := within(base, ref)
	fragment := full.Fragment
	full.Fragment, full.RawFragment = "", ""
	link := full.String()
	if _, known := b.places[link]; !known {
		if _, err := b.Load(link); err != nil {
			b.err = fmt.Errorf("$ref %s: %w", ref, err)
			return "#"
		}
		b.note(link)
	}
	at := b.places[link]
	switch {
	case strings.HasPrefix(fragment, "/"):
		at.tokens = slices.Concat(at.tokens, tokensOf(fragment))
	case fragment != "":
		known := false
		if at, known = b.places[link+"#"+fragment]; !known {
			b.err = fmt.Errorf("$ref %s: there is no such anchor", ref)
			return "#"
		}
	}
	name := b.name(at.link)
	if name != "" {
		at.tokens = slices.Concat([]string{"$defs", name}, at.tokens)
	}
	target := url.URL{Fragment: doc.Pointer(at.tokens...)}
	if len(at.tokens) == 0 {
		return "#"
	}
	return target.String()
}

// name is that of a file under $defs; "" for the schema itself. A file that gets its name here is bundled.
func (b *bundler) name(link string) string {
	if name, known := b.names[link]; known {
		return name
	}
	name, _, _ := strings.Cut(path.Base(b.files[link].path), ".")
	for slices.Contains(slices.Collect(maps.Values(b.names)), name) {
		name += "_"
	}
	b.names[link] = name
	b.queue = append(b.queue, link)
	return name
}

func mustParse(link string) *url.URL {
	u, err := url.Parse(link)
	if err != nil {
		panic(err) // urlOf made it, or it was parsed before
	}
	return u
}

// within is the URL that ref means at base.
func within(base *url.URL, ref string) *url.URL {
	u, err := url.Parse(ref)
	if err != nil {
		return base
	}
	return base.ResolveReference(u)
}
