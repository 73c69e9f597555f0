package hub

import (
	"errors"
	"slices"
	"strings"

	"orderhub/hub/doc"
	"orderhub/hub/mask"
)

// Documents are what m says, for a masker of texts about it: its body, if it is
// a document, and its headers by the names that schemas have for them (email for
// query.email), among them where mail goes. Of nil it is nothing.
func (m *Message) Documents() []doc.Value {
	if m == nil {
		return nil
	}
	fields := make([]doc.Field, 0, len(m.Headers))
	for name, value := range m.Headers {
		fields = append(fields, doc.Field{Name: name[strings.LastIndexByte(name, '.')+1:], Value: doc.StringValue(value)})
	}
	headers := doc.ObjectOf(fields)
	if v, err := m.Body.Doc(); err == nil {
		return []doc.Value{v, headers}
	}
	return []doc.Value{headers}
}

// Mask is the masker of texts about x's message and variables, such as what a far end answered.
func (x *Exchange) Mask() *mask.Masker {
	if x.Env == nil {
		return nil
	}
	return x.Env.Mask.About(append(x.Msg.Documents(), x.Vars.Values()...)...)
}

// Masked is err, the end of a run of steps, with its texts masked. What the steps say of it stays: see ReactionTo.
func Masked(err error, m *mask.Masker) error {
	if err == nil {
		return nil
	}
	c, ok := err.(*caught)
	if !ok {
		return AsError(err).Masked(m)
	}
	masked := *c
	masked.err = c.err.Masked(m.About(c.msg.Documents()...))
	return &masked
}

// Masked is e with its texts masked by m: by the values that are hidden, and in what a partner said by the names of marked
// fields as well, since its documents are known to nobody. What e wraps is still found by errors.Is and errors.As.
func (e *Error) Masked(m *mask.Masker) *Error {
	if m == nil || e == nil {
		return e
	}
	text := e.Error()
	masked := text
	if said, ok := errors.AsType[Said](e.Err); ok && said != "" {
		masked = strings.ReplaceAll(text, string(said), m.Named(string(said)))
	}
	masked = m.Text(masked)
	fields := slices.Clone(e.Fields)
	changed := masked != text
	for i, f := range fields {
		fields[i].Detail = m.Text(f.Detail)
		changed = changed || fields[i] != f
	}
	cause := e.Cause.Masked(m)
	if !changed && cause == e.Cause {
		return e
	}
	c := *e
	c.Fields, c.Err, c.Cause = fields, &maskedError{masked, m, e.Err}, cause
	return &c
}

// maskedError is an error that says text in place of its own.
type maskedError struct {
	text string
	mask *mask.Masker
	err  error
}

func (e *maskedError) Error() string { return e.text }
func (e *maskedError) Unwrap() error { return e.err }

// As finds what a partner said masked, too.
func (e *maskedError) As(target any) bool {
	said, ok := target.(*Said)
	if !ok || !errors.As(e.err, said) {
		return false
	}
	*said = Said(e.mask.Text(e.mask.Named(string(*said))))
	return true
}
