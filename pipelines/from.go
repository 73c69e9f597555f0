package pipelines

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"orderhub/hub"
	"orderhub/hub/doc"
	"orderhub/pipelines/yamlfile"
	"orderhub/transforms/schema"
	"orderhub/transforms/shape"
)

// readFrom finds out what feeds the pipeline, before any step is compiled.
func (l *loading) readFrom(p *Pipeline, n *yamlfile.Node) {
	if n == nil {
		p.node.Errorf("E250", "add from: and a channel, an adapter, or call", "the pipeline %s has no `from`", p.Name)
		return
	}
	p.From.node = n
	name, at := nameOf(n)
	if at == nil {
		n.Errorf("E250", "write from: a channel, {adapter: what}, or call", "`from` names the one that feeds the pipeline, this is %s", n.Kind())
		return
	}
	feed, label := l.reg.feed(n)
	switch {
	case l.broken[name]:
	case name == "call" && n.Kind() == yamlfile.Scalar:
		p.From.Call = true
	case l.Channel(name) != nil:
		l.fromChannel(p, l.Channel(name), n)
	case l.Adapter(name) != nil:
		l.fromAdapter(p, l.Adapter(name), n)
	case feed != nil:
		p.From.feed, p.From.Arg, p.From.schema = feed, label, l.schemaOf(n.Get("schema"))
	default:
		l.unknownEnd(at, name, append(l.reg.feedWords(), "call")...)
	}
	if p.From.unknown() {
		p.From.schema = l.schemaOf(n.Get("schema"))
	}
}

// nameOf is what n names, a text or the first key of a map, and where; nil: it names nothing.
func nameOf(n *yamlfile.Node) (name string, at *yamlfile.Node) {
	switch {
	case n.Kind() == yamlfile.Map && len(n.Keys()) > 0:
		name = n.Keys()[0]
		return name, n.KeyNode(name)
	case n.Kind() == yamlfile.Scalar:
		return n.Str(), n
	}
	return "", nil
}

// unknownEnd reports the name of a channel or an adapter that there is none of; more are other words that may stand there.
func (l *loading) unknownEnd(at *yamlfile.Node, name string, more ...string) {
	at.Errorf("E231", didYouMean(name, slices.Concat(l.channelNames(), l.adapterNames(), more)), "unknown channel or adapter %q", name)
}

// unknown tells that the source has a fault, which is told: the steps may expect of it what they like.
func (f *From) unknown() bool {
	return !f.Call && f.Channel == nil && f.Adapter == nil && f.Section == "" && f.feed == nil
}

func (l *loading) fromChannel(p *Pipeline, c *Channel, n *yamlfile.Node) {
	p.From.Channel = c
	arg := n.Get(c.Name)
	if n.Kind() == yamlfile.Map {
		n.Allow("from", c.Name)
	}
	switch c.Type {
	case "topic":
		if arg == nil {
			n.Errorf("E251", `write from: {`+c.Name+`: order.*}, or "#" for all`, "%s is a topic: say which messages", c.Name)
			return
		}
		if p.From.Arg = arg.Str(); !l.goodPattern(arg) {
			return
		}
	case "headers":
		if arg.Kind() != yamlfile.Map {
			n.Errorf("E251", "write from: {"+c.Name+": {region: eu}}", "%s is a headers channel: say which headers", c.Name)
			return
		}
		p.From.match = map[string]string{}
		var parts []string
		for key, value := range arg.Entries() {
			p.From.match[strings.ToLower(key.Raw())] = value.Str()
			parts = append(parts, key.Raw()+"="+value.Str())
		}
		p.From.Arg = strings.Join(parts, " ")
	default:
		if arg != nil {
			arg.Errorf("E251", "write from: "+c.Name, "%s is a %s channel: it takes no pattern", c.Name, c.Type)
		}
		if c.Type == "direct" && len(c.readers) > 0 {
			n.Errorf("E252", "make it a fanout or a topic channel, so that both get each message", "the direct channel %s has a reader already: %s", c.Name, c.readers[0].pipeline)
			return
		}
	}
	c.subscribe(p.Name, p.From.Arg, p.From.match)
}

// goodPattern refuses a topic pattern that would match other than it looks: * and # stand for whole words.
func (l *loading) goodPattern(n *yamlfile.Node) bool {
	for word := range strings.SplitSeq(n.Str(), ".") {
		if len(word) > 1 && strings.ContainsAny(word, "*#") {
			n.Errorf("E256", "write * for one whole word and # for any number of them, between dots: order.*", "the pattern %q has a %s inside a word", n.Raw(), word[strings.IndexAny(word, "*#"):][:1])
			return false
		}
	}
	return n.Str() != ""
}

func (l *loading) fromAdapter(p *Pipeline, a *Adapter, n *yamlfile.Node) {
	p.From.Adapter = a
	l.used["adapter "+a.Name] = true
	if a.Type.Source == nil {
		n.Errorf("E253", "read from a channel, or from an adapter that brings messages", "the adapter %s (%s) brings no messages", a.Name, a.Type.Name)
		return
	}
	p.From.cfg = a.Type.Source()
	at, before := n, l.problems.Errors()
	if n.Kind() == yamlfile.Map {
		at = n.Get(a.Name)
		p.From.Arg = at.Str()
		n.Decode(p.From.cfg, a.Type.Name+" source", a.Name, "schema", "format")
	}
	readable := l.problems.Errors() == before // else what the component finds is the same fault told twice
	if n.Kind() == yamlfile.Map {
		p.From.schema, p.From.format = l.schemaOf(n.Get("schema")), l.formatOf(n.Get("format"))
	}
	if check := a.Type.CheckSource; check != nil && readable {
		for _, f := range check(p.From.Arg, p.From.cfg) {
			l.faultAt(n, at, f)
		}
	}
	if a.absent {
		l.standIn(p, a, at)
	} else {
		p.From.signed = n.Get("verify").Get("token").Raw() == "link"
	}
}

// faultAt reports a component's finding: at the option that it names, else at the text behind the adapter's name.
func (l *loading) faultAt(n, arg *yamlfile.Node, f hub.FieldFault) {
	if f.Path == "" {
		arg.Errorf("E218", f.Help, "%s", f.Message)
		return
	}
	l.fault(n, f)
}

// shape is the type of the body that comes in.
func (f *From) shape() *shape.Type {
	if f.schema == nil && f.Channel != nil {
		return f.Channel.shape()
	}
	return f.schema.Shape()
}

// entry is what happens to a message from outside before the first step: it is
// decoded and checked against the source's schema, and its parameters become variables.
func (b *Build) entry(f *From) hub.Step {
	where, ln, answers, formats := b.pl.Name, b.pl.Line, b.pl.answers(), b.plan.formats
	detail, form, schema := f.Arg, f.format, f.schema
	switch {
	case f.Channel != nil:
		detail, form, schema = f.Channel.Name, f.Channel.format, cmp.Or(schema, f.Channel.schema)
	case detail == "":
		detail = f.Adapter.Name
	}
	b.pl.accept = func(m *hub.Message) (*hub.Message, error) {
		m, err := Typed(schema, formats.read(m, form), form)
		if err != nil {
			return m, err
		}
		if f.Channel != nil {
			if bad := Fits(f.Channel.schema, m); bad != nil {
				return m, bad
			}
		}
		return m, tellable(f.schema, m, answers)
	}
	return hub.StepFunc(func(ctx context.Context, x *hub.Exchange, next hub.Next) error {
		var bad error
		if x.Msg, bad = b.pl.accept(x.Msg); bad != nil {
			return hub.At(bad, where, ln)
		}
		if answers {
			x.Vars = append(x.Vars, asked(x.Msg)...)
		}
		if x.Trace {
			x.Note(hub.Event{Where: where, Line: ln, What: "received", Detail: detail})
		}
		return next(ctx, x)
	})
}

// asked are the variables that a request brings.
func asked(m *hub.Message) hub.Vars {
	return hub.Vars{{Name: "params", Value: m.Headers.Document("param.")}, {Name: "query", Value: m.Headers.Document("query.")}}
}

// Accept is what the pipeline would say to m at its source: the error of its format or of a schema that it does not fit; nil: nothing.
func (p *Pipeline) Accept(m *hub.Message) error {
	if p.accept != nil {
		_, err := p.accept(m)
		return err
	}
	if c := p.From.Channel; c != nil {
		if bad := Fits(c.schema, m); bad != nil {
			return bad
		}
	}
	return nil
}

// GoesOn is the place behind the pipeline's reply, where the rest of its steps runs from the store.
type GoesOn struct {
	Step  string // the first of them: its label
	queue string
	needs []string // variables that steps before it set
	asked bool     // params and query, too
}

// From makes of a message and its variables what goes on there. A variable that is missing is named in the error.
func (g *GoesOn) From(m *hub.Message, vars hub.Vars) (hub.Put, error) {
	if g.asked && vars.Get("params").Kind() == doc.Missing {
		vars = append(slices.Clip(vars), asked(m)...)
	}
	for _, name := range g.needs {
		if vars.Get(name).Kind() == doc.Missing {
			return hub.Put{}, fmt.Errorf("the variable %s is missing, which a step before %s sets", name, g.Step)
		}
	}
	return hub.Put{Queue: g.queue, Msg: m, Vars: vars}, nil
}

// tellable is what is wrong with a body that came in, for whoever sent it: it does not fit the schema, or, where
// the sender waits, its format can't read it; nil: nothing is.
func tellable(s *schema.Schema, m *hub.Message, waits bool) error {
	if bad := Fits(s, m); bad != nil {
		return bad.Tell()
	}
	if !waits || m.Body.Format() == nil || m.Body.Len() == 0 {
		return nil
	}
	_, err := m.Body.Doc()
	return err
}

// Options are what the options beside the adapter's name in `from:` say (see
// hub.Component.Source); nil for a channel or a call. They are read-only.
func (f *From) Options() any { return f.cfg }
