package pipelines

import (
	"cmp"
	"reflect"
	"strings"
	"time"

	"orderhub/hub"
	"orderhub/hub/doc"
	"orderhub/pipelines/yamlfile"
	"orderhub/transforms/formula"
)

// HeaderValues are the values of the `headers:` modifier and of a target's options.
type HeaderValues map[string]*Value

// Apply adds the values to h.
func (values HeaderValues) Apply(fr *formula.Frame, h hub.Headers) (hub.Headers, error) {
	for name, v := range values {
		if v == nil {
			continue
		}
		out, err := v.Apply(fr)
		if err != nil {
			return nil, err
		}
		h = h.With(name, headerText(out))
	}
	return h, nil
}

// headerText is a value as the text of a header: a list is joined with commas.
func headerText(v doc.Value) string {
	if v.Kind() != doc.Array {
		return v.Text()
	}
	var parts []string
	for _, e := range v.Elems() {
		parts = append(parts, e.Text())
	}
	return strings.Join(parts, ",")
}

// Headers compiles the `headers:` modifier.
func (b *Build) Headers() HeaderValues {
	n := b.Modifier("headers")
	if n == nil {
		return nil
	}
	if !n.Is(yamlfile.Map, "E235", "write headers: {region: =body.region}", "`headers` is a map of names and values") {
		return nil
	}
	out := HeaderValues{}
	for key, value := range n.Entries() {
		out[strings.ToLower(key.Raw())] = b.Value(value, b.Flow.Scope, nil)
	}
	return out
}

// checkHeaders refuses headers of the step that would have no effect: a value that nobody gets is a fault that nobody sees.
func (b *Build) checkHeaders(a *Adapter, arg string) {
	if a.Type.CheckHeader == nil {
		return
	}
	for key, value := range b.Modifier("headers").Entries() {
		text := value.Raw()
		if value.IsFormula() {
			text = ""
		}
		if help, ignored := a.Type.CheckHeader(arg, strings.ToLower(key.Raw()), text); ignored {
			key.Errorf("E236", help, "the header %s would not be sent: %s has no place for it", key.Raw(), a.Type.Name)
		}
	}
}

// listOption is an option of an adapter's target that means several entries,
// separated by commas, such as the recipients of a mail (tag list:"true"). What
// the configuration's author writes may hold commas; what a formula gives is
// data, and there a text is one entry.
type listOption struct {
	name    string
	written bool // it stands in the configuration, and is no formula
}

// listOptions are those of the target's options struct cfg, as the step writes them: in its destination, or in its headers.
func listOptions(cfg any, destination, headers *yamlfile.Node) (out []listOption) {
	t := reflect.TypeOf(cfg)
	if cfg == nil {
		return nil
	}
	for i := range t.Elem().NumField() {
		if f := t.Elem().Field(i); f.Tag.Get("list") == "true" {
			name := f.Tag.Get("yaml")
			value := cmp.Or(destination.Get(name), headers.Get(name))
			out = append(out, listOption{name, value != nil && value.Kind() == yamlfile.Scalar && !value.IsFormula()})
		}
	}
	return out
}

// entries sets the list options of a message's headers. One that the step does
// not give is none, whatever the message brought: nobody outside adds a recipient.
func (s *Sender) entries(fr *formula.Frame, h hub.Headers) (hub.Headers, error) {
	for _, o := range s.lists {
		value := cmp.Or(s.options[o.name], s.headers[o.name])
		if value == nil {
			h = h.With(o.name, "")
			continue
		}
		v, err := value.Apply(fr)
		if err != nil {
			return h, err
		}
		if !o.written {
			if err := oneEach(o.name, v); err != nil {
				return h, err
			}
		}
	}
	return h, nil
}

// oneEach refuses an entry that would become several.
func oneEach(name string, v doc.Value) error {
	if v.Kind() == doc.Array {
		for _, e := range v.Elems() {
			if err := oneEach(name, e); err != nil {
				return err
			}
		}
		return nil
	}
	if text := v.Text(); strings.ContainsAny(text, ",;\r\n") {
		return hub.Fail(hub.Invalid, "several_in_one", "%s is one text with a comma, a semicolon or a line end in it: several are a list", name)
	}
	return nil
}

// ttl is the time to live (EIP Message Expiration) that a step gives to what it
// sends; 0: the step says nothing of it, and the message's own goes along.
type ttl time.Duration

// forever is the time to live of `expires: never`.
const forever ttl = -1

// readTTL reads `expires: 2d`.
func readTTL(n *yamlfile.Node) ttl {
	if n.Str() == "never" {
		return forever
	}
	d, _ := n.Duration() // its problem is told
	return ttl(d)
}

func (t ttl) from(x *hub.Exchange) time.Time {
	switch {
	case t == forever:
		return time.Time{}
	case t == 0:
		return x.Msg.Expires
	}
	return x.Now().Add(time.Duration(t))
}
