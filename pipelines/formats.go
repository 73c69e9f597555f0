package pipelines

import (
	"cmp"
	"fmt"
	"mime"
	"slices"
	"strings"

	"orderhub/hub"
	"orderhub/hub/coding"
	"orderhub/hub/doc"
	"orderhub/pipelines/yamlfile"
	"orderhub/transforms/formula"
	"orderhub/transforms/shape"
)

// formats are those that a configuration may name, and those that content types mean (EIP Format Indicator).
type formats struct {
	named map[string]*hub.Format // entries of `formats:`, and kinds with their defaults
	kinds []hub.FormatKind
	types map[string][]string // content types of each, by its name
	coded coding.Cache
}

// formatSettings are the keys of an entry of `formats:` that every kind has; its own options stand beside them.
type formatSettings struct {
	Type        string `yaml:"type" required:"true" doc:"kind of format: csv, xml, …"`
	ContentType string `yaml:"content_type" doc:"content type of what is written; left out: the kind's own. A charset in it counts as charset: does"`
	Charset     string `yaml:"charset" doc:"character set by its IANA name, such as windows-1252; left out: UTF-8, or what the content type says"`
	Compress    string `yaml:"compress" oneof:"gzip|deflate|zstd" doc:"compression of the bytes; left out: none, or what content-encoding says"`
}

// readFormats opens the kinds of the registry and the entries of `formats:`.
func (l *loading) readFormats(n *yamlfile.Node) {
	l.formats = &formats{named: map[string]*hub.Format{}, kinds: l.reg.Formats, types: map[string][]string{}}
	for _, k := range l.reg.Formats {
		l.formats.types[k.Name] = k.Types
		if f, err := k.Open(k.Config(), l.formats.typed); err == nil { // a kind may need options
			l.formats.named[k.Name] = f
		}
	}
	for key, value := range n.Entries() {
		CheckName(key, key.Raw(), "format")
		if f := l.formatEntry(key, value); f != nil {
			l.formats.named[key.Raw()] = f
		} else {
			l.broken["format "+key.Raw()] = true
		}
	}
}

// formatEntry opens one entry of `formats:`; nil: it has a fault, which is told.
func (l *loading) formatEntry(key, value *yamlfile.Node) *hub.Format {
	kinds := Names(l.reg.Formats, func(k hub.FormatKind) string { return k.Name })
	at := value.Get("type")
	if at == nil {
		key.Errorf("E216", "add type: "+strings.Join(kinds, " | "), "the format %s has no type", key.Raw())
		return nil
	}
	i := slices.Index(kinds, at.Str())
	if i < 0 {
		at.Errorf("E217", didYouMean(at.Str(), kinds), "unknown kind of format %q", at.Str())
		return nil
	}
	kind, before := l.reg.Formats[i], l.problems.Errors()
	cfg, s := kind.Config(), formatSettings{}
	own, _ := yamlfile.Fields(&s)
	value.Decode(cfg, kind.Name+" format", own...)
	theirs, _ := yamlfile.Fields(cfg)
	value.Decode(&s, kind.Name+" format", theirs...)
	if kind.Check != nil && l.problems.Errors() == before {
		for _, f := range kind.Check(cfg) {
			l.fault(value, f)
		}
	}
	if l.problems.Errors() > before {
		return nil
	}
	charset, err := coding.Declared(s.Charset, s.ContentType)
	if err != nil {
		value.Get("content_type").Errorf("E218", "correct it", "the format %s: %s", key.Raw(), err)
		return nil
	}
	f, err := kind.Open(cfg, l.formats.typed)
	if err == nil {
		f, err = coding.Wrap(f, charset, s.Compress)
	}
	if err != nil {
		value.Errorf("E218", "correct it", "the format %s: %s", key.Raw(), err)
		return nil
	}
	entry := *f
	entry.Name, entry.Charset, entry.Type = key.Raw(), charset, cmp.Or(s.ContentType, f.Type)
	l.formats.types[entry.Name] = append(slices.Clone(kind.Types), entry.Type)
	return &entry
}

// formatOf finds the format that n names; nil: n is nil, or names none, which is told.
func (l *loading) formatOf(n *yamlfile.Node) *hub.Format {
	return declared(l, "E229", "format", l.formats.named, n)
}

// wire has the formats of an operation; nil: what the content type says, and JSON.
type wire struct{ request, reply *hub.Format }

// wires takes `format:` out of the operations of an adapter, whatever its type: one name, or {request: form, reply: xml}.
func (l *loading) wires(ops *yamlfile.Node) map[string]wire {
	out := map[string]wire{}
	for key, op := range ops.Entries() {
		n := op.Take("format")
		var w wire
		switch {
		case n == nil:
			continue
		case n.Kind() == yamlfile.Map:
			n.Allow("format", "request", "reply")
			w = wire{l.formatOf(n.Get("request")), l.formatOf(n.Get("reply"))}
		default:
			w.request = l.formatOf(n)
			w.reply = w.request
		}
		if w.reply != nil && !hub.IsJSON(w.reply.Type) && op.Get("paging") != nil {
			n.Errorf("E248", "leave paging out, and read one page a call: a poll goes on with cursor: and more:", "pages are read from JSON, and the answers of %s are %s", key.Raw(), w.reply.Name)
		}
		w.request = l.labelled(w.request, op.Get("headers"))
		out[key.Raw()] = w
		shorten(ops, key, op)
	}
	return out
}

// labelled is f with the content type that the headers of an operation say, and in its character set.
func (l *loading) labelled(f *hub.Format, headers *yamlfile.Node) *hub.Format {
	if f == nil || headers == nil {
		return f
	}
	for key, value := range headers.Entries() {
		if !strings.EqualFold(key.Raw(), hub.HeaderContentType) {
			continue
		}
		if _, err := coding.Declared(f.Charset, value.Str()); err != nil {
			value.Errorf("E218", "correct it", "the format %s: %s", f.Name, err)
			return f
		}
		own := *l.formats.in(f, hub.Headers{hub.HeaderContentType: value.Str()}, f.Coding)
		own.Type = value.Str()
		return &own
	}
	return f
}

// Written compiles the format that n names for a message that a step makes; set tells that the step sets its content type.
func (b *Build) Written(n *yamlfile.Node) func(m *hub.Message, set bool) error {
	f, all := b.plan.formatOf(n), b.plan.formats
	return func(m *hub.Message, set bool) error { return all.written(m, f, set, false) }
}

// of is the format of a message's bytes; nil: JSON.
func (f *formats) of(h hub.Headers) *hub.Format {
	switch name := h[hub.HeaderFormat]; {
	case name == hub.FormatJSON:
		return nil
	case name != "" && f.named[name] != nil:
		return f.in(f.named[name], h, f.named[name].Coding)
	}
	contentType, compress := h[hub.HeaderContentType], h[hub.HeaderEncoding]
	if compress == "" && hub.IsJSON(contentType) {
		return nil
	}
	kind, _, err := mime.ParseMediaType(contentType)
	if err != nil && contentType != "" && kind == "" {
		kind = "*/*"
	}
	plain := f.named[f.kindOf(cmp.Or(kind, "application/json"))]
	if plain == nil {
		return nil
	}
	return f.in(plain, h, compress)
}

// in is a format for a message whose content type may name a character set. A coding that is not known makes a format that says so.
func (f *formats) in(plain *hub.Format, h hub.Headers, compress string) *hub.Format {
	out, err := f.coded.In(plain, h[hub.HeaderContentType], compress)
	if err == nil {
		return out
	}
	return &hub.Format{Name: plain.Name, Type: plain.Type,
		Encode: func(doc.Value) ([]byte, error) { return nil, hub.Fail(hub.Invalid, "bad_coding", "%w", err) },
		Decode: func([]byte) (doc.Value, error) {
			return doc.Value{}, &doc.SyntaxError{Code: "bad_coding", Line: 1, Col: 1, Detail: err.Error()}
		}}
}

// taken are the content types that a source takes: those of its format; nil: those that come without being asked for, JSON and forms.
func (f *formats) taken(named *hub.Format) []string {
	if named != nil {
		return f.types[named.Name]
	}
	return slices.Concat(f.types["json"], f.types["form"])
}

// typed is the format of a content type, without the message that it is of.
func (f *formats) typed(contentType string) *hub.Format {
	if found := f.of(hub.Headers{hub.HeaderContentType: contentType}); found != nil {
		return found
	}
	return f.named["json"]
}

// kindOf is the kind that a content type means; the most exact one of those that claim it.
func (f *formats) kindOf(contentType string) string {
	group, sub, _ := strings.Cut(contentType, "/")
	wanted := []string{contentType}
	if i := strings.LastIndexByte(sub, '+'); i >= 0 {
		wanted = append(wanted, sub[i:])
	}
	for _, t := range append(wanted, group+"/*", "*/*") {
		for _, k := range f.kinds {
			if slices.Contains(k.Types, t) {
				return k.Name
			}
		}
	}
	return "json"
}

// written is m as an endpoint gets it: its body in the endpoint's format (nil: none is named), and its headers saying so.
// A content type that the step itself sets, as set tells, says the format where the endpoint names none. The name of
// an entry of `formats:` goes with what stays within the hub and its channels (ours).
func (f *formats) written(m *hub.Message, named *hub.Format, set, ours bool) error {
	if named == nil && set && m.Body.IsDocument() {
		named = f.of(m.Headers)
	}
	if named == nil || m.Body.IsEmpty() {
		if !ours {
			m.Headers = m.Headers.With(hub.HeaderFormat, "")
		}
		return nil
	}
	name, contentType := "", m.Headers[hub.HeaderContentType]
	if ours {
		name = named.Name
	}
	if set {
		if _, err := coding.Declared(named.Charset, contentType); err != nil {
			return hub.Fail(hub.Invalid, "bad_coding", "%w", err)
		}
		named = f.in(named, m.Headers, named.Coding)
	}
	if err := encode(m, named); err != nil {
		return err
	}
	if !set {
		contentType = named.Type
		if named.Params != nil {
			contentType += named.Params(m.Body.Bytes())
		}
	}
	m.Headers = m.Headers.With(hub.HeaderEncoding, named.Coding, hub.HeaderContentType, contentType, hub.HeaderFormat, name)
	return nil
}

// encode writes m's body in a format; bytes that are in it already stay as they are.
func encode(m *hub.Message, named *hub.Format) error {
	if !m.Body.IsDocument() && m.Body.Format() != named {
		v, err := m.Body.Doc()
		if err != nil {
			return err
		}
		m.Body = hub.DocumentBody(v)
	}
	m.Body = m.Body.In(named)
	_, err := m.Body.Encode()
	return err
}

// read is m as an endpoint brings it: its body is read in the format that the endpoint names (nil: none), unless
// the message says which it is in, as a record of a stream does, which is no stream itself.
func (f *formats) read(m *hub.Message, named *hub.Format) *hub.Message {
	if named == nil || m.Body.IsDocument() || f.named[m.Headers[hub.HeaderFormat]] != nil {
		return m
	}
	c := *m
	c.Body, c.Headers = m.Body.In(f.in(named, m.Headers, named.Coding)), m.Headers.With(hub.HeaderFormat, named.Name)
	return &c
}

// formatFuncs are decode(format, text) and encode(format, value), for formulas.
func (l *loading) formatFuncs() map[string]formula.Func {
	find := func(name doc.Value) (*hub.Format, error) {
		if f := l.formats.named[name.Str()]; f != nil {
			return f, nil
		}
		return nil, fmt.Errorf("unknown format %q; known: %s", name.Str(), strings.Join(sortedKeys(l.formats.named), ", "))
	}
	return map[string]formula.Func{
		"decode": {Params: []*shape.Type{shape.StringType, shape.StringType}, Result: shape.AnyType, Pure: true,
			Call: func(_ *formula.Frame, args []doc.Value) (doc.Value, error) {
				f, err := find(args[0])
				if err != nil {
					return doc.Value{}, err
				}
				return f.Decode([]byte(args[1].Str()))
			}},
		"encode": {Params: []*shape.Type{shape.StringType, shape.AnyType}, Result: shape.StringType, Pure: true,
			Call: func(_ *formula.Frame, args []doc.Value) (doc.Value, error) {
				f, err := find(args[0])
				if err != nil {
					return doc.Value{}, err
				}
				raw, err := f.Encode(args[1])
				return doc.StringValue(string(raw)), err
			}},
	}
}
