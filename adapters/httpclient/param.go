package httpclient

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/net/http/httpguts"

	"orderhub/hub"
	"orderhub/hub/doc"
)

// Param says where a field of the body travels: a text such as query, or a map.
type Param struct {
	In       string `yaml:"in" required:"true" oneof:"query|header|cookie|path" doc:"Where it stands."`
	Name     string `yaml:"name" doc:"Its name there; left out: the field's."`
	Style    string `yaml:"style" doc:"How lists and objects are written, as OpenAPI has it: form, spaceDelimited, pipeDelimited or deepObject (query), simple (path, header), label or matrix (path); or json."`
	Explode  *bool  `yaml:"explode" doc:"Each member by itself; left out: as OpenAPI has it, true for form."`
	Required bool   `yaml:"required" doc:"A call without it is an error."`
}

// UnmarshalText reads the short form.
func (p *Param) UnmarshalText(text []byte) error {
	if p.In = string(text); !slices.Contains([]string{"query", "header", "cookie", "path"}, p.In) {
		return errors.New("write query, header, cookie or path")
	}
	return nil
}

// param is a field of the message's document that travels outside of the body.
type param struct {
	field    string // of the document
	name     string // at the far end
	in       string // path, query, header, cookie
	style    string // one of stylesOf, or json
	explode  bool
	reserved bool // characters that URLs reserve stand as they are
	required bool
	taken    bool // out of the body, also where that is bytes that nobody changed
}

// stylesOf are the ways to write a list or an object, by place; the default first. OpenAPI 3.1, 4.8.12.2.
var stylesOf = map[string][]string{
	"path":   {"simple", "label", "matrix"},
	"query":  {"form", "spaceDelimited", "pipeDelimited", "deepObject"},
	"header": {"simple"},
	"cookie": {"form"},
}

const styleJSON = "json"

// newParam gives the param its style; an error tells of a style that its place does not have.
func newParam(p param, style string, explode *bool) (param, error) {
	known := stylesOf[p.in]
	if known == nil {
		return p, fmt.Errorf("there is no place %q", p.in)
	}
	if p.style = cmp.Or(style, known[0]); p.style != styleJSON && !slices.Contains(known, p.style) {
		return p, fmt.Errorf("the style %q is none of a %s: there are %s and json", style, p.in, strings.Join(known, ", "))
	}
	if p.in == "header" && (!httpguts.ValidHeaderFieldName(p.name) || connections(p.name)) {
		return p, fmt.Errorf("header %q can't be sent", p.name)
	}
	p.explode = p.style == "form" || p.style == "deepObject"
	if explode != nil {
		p.explode = *explode
	}
	return p, nil
}

// declare adds an entry of `params:`.
func (o *op) declare(field string, d Param) error {
	p, err := newParam(param{field: field, name: cmp.Or(d.Name, field), in: d.In, required: d.Required || d.In == "path", taken: true}, d.Style, d.Explode)
	if err == nil {
		err = o.put(p)
	}
	return err
}

// put adds a param, in place of the one that has its place and name.
func (o *op) put(p param) error {
	same := func(q param) bool { return q.in == p.in && q.name == p.name }
	if p.in == "path" && !slices.ContainsFunc(o.params, same) {
		return fmt.Errorf("the path %s has no {%s}", o.path, p.name)
	}
	o.params = append(slices.DeleteFunc(o.params, same), p)
	return nil
}

// loose is the param of a field that no description knows: it goes into the query, each member of a list by itself.
func loose(field string) param {
	return param{field: field, name: field, in: "query", style: "deepObject", explode: true}
}

// pair is a name with its value, as both stand in the request.
type pair struct{ name, value string }

// pairs is v as it travels: one pair, several in the exploded styles of query and cookie, none for null and what is empty.
func (p *param) pairs(v doc.Value) ([]pair, error) {
	name := p.escape(p.name)
	switch {
	case v.IsNull():
		return nil, nil
	case p.style == styleJSON:
		return []pair{{name, p.escape(string(v.JSON()))}}, nil
	case p.style == "deepObject" && v.Kind() == doc.Object:
		return p.deep(nil, name, v, maxDepth)
	}
	members, err := p.members(v)
	if err != nil || len(members) == 0 {
		return nil, err
	}
	if p.in == "path" || p.in == "header" || !p.explode {
		return []pair{{name, p.join(name, members)}}, nil
	}
	for i, m := range members {
		members[i].name = cmp.Or(m.name, name)
	}
	return members, nil
}

// members are the scalars in v: those of an object have names. Null is left out.
func (p *param) members(v doc.Value) (out []pair, err error) {
	add := func(name string, v doc.Value) {
		switch text, ok := scalar(v); {
		case ok:
			out = append(out, pair{p.escape(name), p.escape(text)})
		case !v.IsNull() && err == nil:
			err = p.misfit(v)
		}
	}
	switch v.Kind() {
	case doc.Object:
		for name, part := range v.Fields() {
			add(name, part)
		}
	case doc.Array:
		for _, e := range v.Elems() {
			add("", e)
		}
	default:
		add("", v)
	}
	return out, err
}

// join writes the members as one text.
func (p *param) join(name string, members []pair) string {
	before, between, equals := "", ",", ","
	switch {
	case p.style == "spaceDelimited":
		between, equals = "%20", "%20"
	case p.style == "pipeDelimited":
		between, equals = "%7C", "%7C"
	case p.style == "label":
		before = "."
	case p.style == "matrix" && p.explode:
		before = ";"
	case p.style == "matrix":
		before = ";" + name + "="
	}
	if p.explode {
		equals = "="
		if before != "" {
			between = before
		}
	}
	var parts []string
	for _, m := range members {
		switch {
		case m.name != "":
			parts = append(parts, m.name+equals+m.value)
		case p.style == "matrix" && p.explode:
			parts = append(parts, name+"="+m.value)
		default:
			parts = append(parts, m.value)
		}
	}
	return before + strings.Join(parts, between)
}

const maxDepth = 16 // of objects in a query

// deep writes an object as name[field]=value, and what is in it likewise.
func (p *param) deep(out []pair, name string, v doc.Value, room int) (_ []pair, err error) {
	if room == 0 {
		return nil, p.misfit(v)
	}
	if text, ok := scalar(v); ok {
		return append(out, pair{name, p.escape(text)}), nil
	}
	for field, part := range v.Fields() {
		if out, err = p.deep(out, name+"%5B"+p.escape(field)+"%5D", part, room-1); err != nil {
			return nil, err
		}
	}
	for _, e := range v.Elems() {
		text, ok := scalar(e)
		if !ok {
			return nil, p.misfit(e)
		}
		out = append(out, pair{name, p.escape(text)})
	}
	return out, nil
}

// misfit is the error of a value that the style has no form for.
func (p *param) misfit(v doc.Value) error {
	e := hub.Fail(hub.Invalid, "bad_param", "the %s parameter %s (style %s) has no place for the %s in it: give texts, numbers, lists or objects of them, or declare it with style: json",
		p.in, p.name, p.style, v.Kind())
	e.Fields = []hub.FieldError{{Pointer: "/" + p.field, Detail: "has no place in the " + p.in}}
	return e
}

// reservedInQuery stand as they are where OpenAPI's allowReserved says so: all but those that end a value.
var reservedInQuery = strings.NewReplacer("%3A", ":", "%2F", "/", "%3F", "?", "%40", "@", "%21", "!", "%24", "$", "%27", "'", "%28", "(", "%29", ")", "%2A", "*", "%2C", ",", "%3B", ";")

// escape writes a text so that it is one part of its place.
func (p *param) escape(text string) string {
	switch {
	case p.in == "path":
		return url.PathEscape(text)
	case p.in == "header":
		return text
	case p.reserved:
		return reservedInQuery.Replace(url.QueryEscape(text))
	}
	return url.QueryEscape(text)
}

func scalar(v doc.Value) (string, bool) {
	switch v.Kind() {
	case doc.Bool, doc.Number, doc.String:
		return v.Text(), true
	}
	return "", false
}
