package pipelines

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"orderhub/hub"
	"orderhub/hub/doc"
	"orderhub/pipelines/yamlfile"
	"orderhub/transforms/schema"
	"orderhub/transforms/shape"
)

// answers is what those who are asked may answer: the `reply:` and `check:` of
// an operation or a channel, or what the far end's own description says. What
// does not fit is an error, `rejected bad_response`, and never a value. nil:
// nothing is known, every document will do.
type answers struct {
	by    []answer
	rules Rules // of {request, reply}
}

// answer is what may be answered with a status.
type answer struct {
	status string         // "200", "2xx"; "": whatever the status
	schema *schema.Schema // nil: any document
	empty  bool           // it has no body
}

// noBody is the word for an answer that is empty.
const noBody = "none"

// contract is what the configuration says of the answers of an operation.
type contract struct{ at, reply, check *yamlfile.Node }

// contracts takes `reply:` and `check:` out of the operations of an adapter, whatever
// its type: the adapter itself makes the calls, and what they may be answered is checked
// here. An operation that its adapter takes as a text is the field `to` then.
func contracts(ops *yamlfile.Node) map[string]contract {
	out := map[string]contract{}
	for key, op := range ops.Entries() {
		c := contract{at: key, reply: op.Take("reply"), check: op.Take("check")}
		if c.reply == nil && c.check == nil {
			continue
		}
		out[key.Raw()] = c
		shorten(ops, key, op)
	}
	return out
}

// shorten makes an operation of which nothing but the field `to` is left the text that its adapter takes.
func shorten(ops, key, op *yamlfile.Node) {
	if to := op.Get("to"); to != nil && len(op.Keys()) == 1 {
		ops.Become(key.Raw(), to)
	}
}

// answersOf is what an operation of a may answer, compiled once.
func (l *loading) answersOf(a *Adapter, op string) *answers {
	if got, known := a.answers[op]; known {
		return got
	}
	var expected []hub.Expected
	if a.Type.Expects != nil {
		expected = a.Type.Expects(a.cfg, op)
	}
	var out *answers
	if c, says := a.contracts[op]; says {
		out = l.declaredAnswers(c, expected)
	} else {
		out = l.describedAnswers(a, op, expected)
	}
	a.answers[op] = out
	return out
}

// declaredAnswers compiles what the configuration says.
func (l *loading) declaredAnswers(c contract, expected []hub.Expected) *answers {
	out := &answers{}
	switch {
	case c.reply == nil:
		c.check.Errorf("E246", "add reply: and the schema of its answers", "`check` is of typed answers, and the answers of %s have no schema", c.at.Raw())
		return nil
	case c.reply.Kind() == yamlfile.Scalar:
		out.by = []answer{l.answer("", c.reply)}
	case c.reply.Kind() != yamlfile.Map:
		c.reply.Errorf("E246", "write reply: {200: charge, 402: declined}, or the name of a schema", "`reply` names schemas, this is %s", c.reply.Kind())
		return nil
	case len(expected) == 0:
		c.reply.Errorf("E246", "write reply: and the name of a schema", "the answers of %s have no status", c.at.Raw())
		return nil
	default:
		for key, value := range c.reply.Entries() {
			out.by = append(out.by, l.answer(key.Raw(), value))
			if !slices.ContainsFunc(expected, func(e hub.Expected) bool { return within(key.Raw(), e.Status) }) {
				key.Errorf("E247", "add it to expect:, or remove it here", "%s expects no status %s: it is an error before anybody looks at the body", c.at.Raw(), key.Raw())
			}
		}
		for _, e := range expected {
			if !slices.ContainsFunc(out.by, func(s answer) bool { return within(e.Status, s.status) || within(s.status, e.Status) }) {
				c.reply.Errorf("E247", "add "+e.Status+": and a schema, or "+noBody+" where it has no body", "%s expects the status %s, and `reply` says nothing of it", c.at.Raw(), e.Status)
			}
		}
	}
	if c.check != nil {
		scope := l.scope.WithVar("request", shape.AnyType).WithVar("reply", out.shape())
		c.check.Is(yamlfile.List, "E260", "write each with a dash: - {rule: reply.amount == request.amount, say: another amount}", "`check` is a list of rules")
		out.rules = l.build(nil, c.check, scope).Rules(c.check.Items(), scope)
	}
	return out
}

// answer is what n says of a status: the name of a schema, or that there is no body.
func (l *loading) answer(status string, n *yamlfile.Node) answer {
	a := answer{status: strings.ToLower(status), empty: n.Raw() == noBody}
	if !a.empty {
		a.schema = l.schemaOf(n)
	}
	return a
}

// describedAnswers compiles what the far end's own description says; nil: nothing.
func (l *loading) describedAnswers(a *Adapter, op string, expected []hub.Expected) *answers {
	out := &answers{}
	says := false
	for _, e := range expected {
		s := answer{status: e.Status}
		if e.Schema != nil {
			var err error
			if s.schema, err = schema.Compile(op+".json", e.Schema); err != nil {
				a.node.Errorf("E212", "correct the description, or declare the operation in ops: with its own reply:", "the answer %s of %s.%s can't be checked: %s", e.Status, a.Name, op, err)
			}
			says = true
		}
		out.by = append(out.by, s)
	}
	if !says {
		return nil
	}
	return out
}

// within tells that a status is one of a class: 200 of 2xx, and of 200.
func within(status, class string) bool {
	status, class = strings.ToLower(status), strings.ToLower(class)
	return status == class || len(status) == 3 && strings.HasSuffix(class, "xx") && status[:1] == class[:1]
}

// shape is the type of all answers.
func (a *answers) shape() *shape.Type {
	if a == nil {
		return shape.AnyType
	}
	var t *shape.Type
	for _, s := range a.by {
		is := s.schema.Shape()
		if s.empty {
			is = shape.NullType
		}
		if t == nil {
			t = is
		} else {
			t = shape.Join(t, is)
		}
	}
	return t
}

// answerShape is the type of what a call of name is answered.
func (l *loading) answerShape(name string) *shape.Type {
	if p := l.Pipeline(name); p != nil && p.From.Call {
		return p.gives
	}
	if c := l.Channel(name); c != nil {
		return c.answers.shape()
	}
	adapter, op, _ := strings.Cut(name, ".")
	if a := l.Adapter(adapter); a != nil && a.Type.Ops != nil && slices.Contains(a.Type.Ops(a.cfg), op) {
		return l.answersOf(a, op).shape()
	}
	return shape.AnyType
}

// of is what is said of a status; an exact one before its class.
func (a *answers) of(status string) (found answer, ok bool) {
	for _, s := range a.by {
		if s.status == status {
			return s, true
		}
		if s.status == "" || within(status, s.status) {
			found, ok = s, true
		}
	}
	return found, ok
}

// hold is a reply, checked against what may be answered, its texts as the schema has them where its format knows texts only. One that does
// not fit is an error: rejected, bad_response. Where nothing is said of its body, the body is not read: it may be no document.
func (a *answers) hold(name string, asked, reply *hub.Message) (*hub.Message, error) {
	if a == nil {
		return reply, nil
	}
	status := reply.Headers.Get(hub.HeaderStatus)
	s, known := a.of(status)
	if !known {
		return reply, hub.Fail(hub.Rejected, hub.BadResponse, "%s answered %s, which its `reply` says nothing of", name, status)
	}
	if s.schema == nil && !s.empty && len(a.rules) == 0 {
		return reply, nil
	}
	reply, _ = Typed(s.schema, reply, nil) // what can't be read is told by document
	v, err := document(name, reply)
	switch {
	case err != nil:
		return reply, err
	case s.empty && !v.IsNull():
		return reply, hub.Fail(hub.Rejected, hub.BadResponse, "%s answered %s with a body, and there should be none", name, status)
	case s.schema != nil:
		if bad := s.schema.Validate(v); bad != nil {
			return reply, misfit(bad, "%s answered what %w", name, bad)
		}
	}
	return reply, a.check(name, asked, v)
}

// document is the body of a reply as a value; null when it is empty.
func document(name string, reply *hub.Message) (doc.Value, error) {
	if reply.Body.Len() == 0 {
		return doc.NullValue(), nil
	}
	v, err := reply.Body.Doc()
	if err != nil {
		if _, bad := errors.AsType[*doc.SyntaxError](err); !bad { // what the far end says itself, such as a SOAP fault
			return v, err
		}
		return v, hub.Fail(hub.Rejected, hub.BadResponse, "%s answered with a body that is not %s: %w", name, formatName(reply), err)
	}
	return v, nil
}

// formatName is the format that a reply's body should be in, for people.
func formatName(reply *hub.Message) string {
	if f := reply.Body.Format(); f != nil {
		return f.Name
	}
	return "JSON"
}

// check holds a reply to the rules between it and its request.
func (a *answers) check(name string, asked *hub.Message, reply doc.Value) error {
	if len(a.rules) == 0 {
		return nil
	}
	request, err := asked.Body.Doc()
	if err != nil {
		return err
	}
	x := &hub.Exchange{Msg: asked, Vars: hub.Vars{{Name: "request", Value: request}, {Name: "reply", Value: reply}}}
	if err := a.rules.Check(x); err != nil {
		return misfit(hub.AsError(err), "%s: the answer does not fit the request: %w", name, err)
	}
	return nil
}

// misfit is the error of an answer that does not fit; bad tells what is wrong where.
func misfit(bad *hub.Error, format string, args ...any) error {
	return &hub.Error{Class: hub.Rejected, Reason: hub.BadResponse, Line: bad.Line, Fields: bad.Fields, Err: fmt.Errorf(format, args...)}
}
