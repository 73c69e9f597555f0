package schema

import (
	"fmt"
	"net/url"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"orderhub/hub/doc"
)

// SchemasAt is where the parts of a Bundle stand in an OpenAPI document: its references lead there.
const SchemasAt = "#/components/schemas/"

// unusable finds what the name of a component can't hold (OpenAPI 3.1, 4.8.7).
var unusable = regexp.MustCompile(`[^A-Za-z0-9._-]`)

// Bundle makes components of an OpenAPI document of the schema in a file, for those who have no folder: the schema itself, called name, and each
// file and each definition of $defs that it refers to, by names that begin so. free makes names that nobody else has. Every $ref leads to a part,
// or into one; $id and anchors are left out, a $dynamicRef is a $ref. Of $schema an older draft stays. The schema is one that Load takes.
func Bundle(file, name string, free func(name string) string) (map[string]doc.Value, error) {
	src, f, err := open(file)
	if err != nil {
		return nil, err
	}
	defer f.root.Close()
	top := place{link: urlOf(filepath.Base(file))}
	b := &bundler{folder: f, top: name, free: free, places: map[string]place{}, names: map[string]string{top.String(): name}, parts: map[string]doc.Value{}, queue: []place{top}}
	if err := b.add(top.link, src); err != nil {
		return nil, err
	}
	b.note(top.link)
	for ; len(b.queue) > 0; b.queue = b.queue[1:] {
		next := b.queue[0]
		b.parts[b.names[next.String()]] = b.part(next)
	}
	return b.parts, b.err
}

// bundler collects what a schema refers to.
type bundler struct {
	*folder
	top    string // name of the schema
	free   func(name string) string
	places map[string]place  // by URL, with the anchor as its fragment
	names  map[string]string // of the parts, by their places
	parts  map[string]doc.Value
	queue  []place // of parts that have a name and are not made yet
	err    error
}

// place is a schema in a file.
type place struct {
	link   string
	tokens []string
}

func (p place) String() string { return p.link + "#" + doc.Pointer(p.tokens...) }

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

// part makes the part at p, a file or a definition, without its own definitions: they are parts.
func (b *bundler) part(p place) doc.Value {
	base, v := mustParse(p.link), b.files[p.link].root
	for i := 1; i < len(p.tokens); i += 2 {
		base, v = within(base, v.Get("$id").Str()), v.Get("$defs").Get(p.tokens[i])
	}
	return b.rewrite(doc.Drop(v, []string{"$defs"}), base)
}

// rewrite is the schema v with its references as they are in the document. base is its URL.
func (b *bundler) rewrite(v doc.Value, base *url.URL) doc.Value {
	base = within(base, v.Get("$id").Str())
	each := func(_ string, schema doc.Value) doc.Value { return b.rewrite(schema, base) }
	if v.Kind() == doc.Array {
		return doc.Map(v, each)
	}
	return doc.Map(v, func(name string, part doc.Value) doc.Value {
		switch {
		case name == "$ref" || name == "$dynamicRef":
			return doc.StringValue(b.resolve(part.Str(), base))
		case slices.Contains([]string{"$id", "$anchor", "$dynamicAnchor", "$recursiveAnchor"}, name), name == "$schema" && strings.Contains(part.Str(), "2020-12"):
			return doc.Value{}
		case slices.Contains(namedOnes, name) && part.Kind() == doc.Object:
			return doc.Map(part, each)
		case slices.Contains(oneSchema, name) || slices.Contains(allSchemas, name):
			return b.rewrite(part, base)
		}
		return part
	})
}

// resolve is the JSON Pointer in the document to what ref means at base.
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
	whole := 0
	for whole+1 < len(at.tokens) && at.tokens[whole] == "$defs" {
		whole += 2
	}
	target := url.URL{Fragment: doc.Pointer(at.tokens[whole:]...)}
	return SchemasAt + b.name(place{at.link, at.tokens[:whole]}) + strings.TrimPrefix(target.String(), "#")
}

// name is that of a part: what it is called in its file, or the file itself, behind the name of the schema. A part that gets its name here is made.
func (b *bundler) name(p place) string {
	if name, known := b.names[p.String()]; known {
		return name
	}
	own, _, _ := strings.Cut(path.Base(b.files[p.link].path), ".")
	if n := len(p.tokens); n > 0 {
		own = p.tokens[n-1]
	}
	name := b.free(b.top + "." + unusable.ReplaceAllString(own, "_"))
	b.names[p.String()] = name
	b.queue = append(b.queue, p)
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
