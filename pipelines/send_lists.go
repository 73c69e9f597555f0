package pipelines

import (
	"reflect"
	"strings"

	"orderhub/hub"
	"orderhub/hub/doc"
	"orderhub/pipelines/yamlfile"
	"orderhub/transforms/formula"
)

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
			value := destination.Get(name)
			if value == nil {
				value = headers.Get(name)
			}
			out = append(out, listOption{name, value != nil && value.Kind() == yamlfile.Scalar && !value.IsFormula()})
		}
	}
	return out
}

// entries sets the list options of a message's headers. One that the step does
// not give is none, whatever the message brought: nobody outside adds a recipient.
func (s *Sender) entries(fr *formula.Frame, h hub.Headers) (hub.Headers, error) {
	for _, o := range s.lists {
		value := s.options[o.name]
		if value == nil {
			value = s.headers[o.name]
		}
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
