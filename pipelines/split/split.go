// Package split is the Splitter and, with `aggregate`, the Composed Message
// Processor: one message becomes one per element of a list, and the results
// may come together again.
package split

import (
	"context"
	_ "embed"
	"fmt"
	"strconv"
	"strings"
	"time"

	"orderhub/hub"
	"orderhub/hub/doc"
	"orderhub/pipelines"
	"orderhub/pipelines/yamlfile"
	"orderhub/transforms/formula"
)

//go:embed README.md
var readme string

// Pattern is the verb `split`.
func Pattern() pipelines.Pattern {
	return pipelines.Pattern{Verb: "split", Name: "Splitter; with `aggregate`: Composed Message Processor", Doc: readme, Modifiers: []string{"aggregate"}, Compile: compile,
		Passes: passes, Inner: inner}
}

// passes: each child goes on for itself, and a list may be empty; an aggregate goes on in any case.
func passes(step *yamlfile.Node, _ pipelines.Passing) pipelines.Passing {
	if step.Get("aggregate") != nil || step.Get("split").Get("aggregate") != nil {
		return pipelines.PassesAll
	}
	return pipelines.PassesFewer
}

// inner are the steps of a child.
func inner(step *yamlfile.Node) []*yamlfile.Node { return step.Get("split").Get("steps").Items() }

// maxChildren bounds what one message may become.
const maxChildren = 10_000

type splitter struct {
	site     pipelines.Site
	each     *pipelines.Expr
	parallel int
	as       string
	steps    hub.Step        // nil: none
	suffix   string          // tells the children of several splits of one message apart
	gather   *pipelines.Give // nil: each child goes on for itself
}

// Process makes the children and runs each; with gather the message itself goes on with their results.
func (s *splitter) Process(ctx context.Context, x *hub.Exchange, next hub.Next) error {
	began := x.Clock()
	elems, err := s.elements(x)
	if err != nil {
		return err
	}
	s.note(x, began, "split", strconv.Itoa(len(elems)))
	if s.gather == nil {
		return s.run(ctx, x, elems, func(int) hub.Next { return next })
	}
	results := make([][]doc.Value, len(elems))
	err = s.run(ctx, x, elems, func(i int) hub.Next {
		results[i] = nil
		return func(_ context.Context, child *hub.Exchange) error {
			v, err := bodyOf(child.Msg)
			results[i] = append(results[i], v)
			return err
		}
	})
	if err != nil {
		return err
	}
	if err := s.into(x, results); err != nil {
		return err
	}
	s.note(x, began, "gathered", fmt.Sprintf("%d of %d", answered(results), len(elems)))
	return next(ctx, x)
}

func (s *splitter) note(x *hub.Exchange, began time.Time, what, detail string) {
	s.site.Note(x, began, what, detail)
}

// elements evaluates the list; null and missing are an empty one.
func (s *splitter) elements(x *hub.Exchange) ([]doc.Value, error) {
	v, err := s.each.Value(formula.NewFrame(x))
	if err != nil || v.IsNull() {
		return nil, err
	}
	if v.Kind() != doc.Array {
		return nil, hub.Fail(hub.Invalid, "no_list", "%s is %s, not a list", s.each.Source(), v.Kind())
	}
	if v.Len() > maxChildren {
		return nil, hub.Fail(hub.Invalid, "too_many_children", "%s has %d elements; a message is split into %d at most", s.each.Source(), v.Len(), maxChildren)
	}
	elems := make([]doc.Value, 0, v.Len())
	for _, e := range v.Elems() {
		elems = append(elems, e)
	}
	return elems, nil
}

// child is message number i of n, with the variables that its steps see.
func (s *splitter) child(x *hub.Exchange, i, n int, elem doc.Value, vars hub.Vars) (*hub.Message, hub.Vars) {
	m := x.Msg.Child(strconv.Itoa(i+1) + s.suffix)
	m.Headers = m.Headers.With(hub.HeaderSequence, strconv.Itoa(i+1)+"/"+strconv.Itoa(n))
	m.Body = hub.DocumentBody(elem)
	if s.as != "" {
		vars = vars.With(s.as, elem)
	}
	return m, vars
}

// suffixOf is "" for the first split of a pipeline, "~2" for the second.
func suffixOf(where string) string {
	if i := strings.LastIndexByte(where, '~'); i >= 0 && i > strings.LastIndexByte(where, '/') {
		return where[i:]
	}
	return ""
}

func bodyOf(m *hub.Message) (doc.Value, error) {
	if m.Body == (hub.Body{}) {
		return doc.NullValue(), nil
	}
	return m.Body.Doc()
}
