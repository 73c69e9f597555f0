package scenario

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"strconv"

	"orderhub/hub"
	"orderhub/pipelines/yamlfile"
)

// mock is who stands in for an operation, for the reader of a channel, or for a
// whole partner that is described by its OpenAPI file.
type mock struct {
	answers []*answer // one after another; the last one again and again
	partner *partner
}

// answer is what is answered: a value, a reply with a status, or an error.
type answer struct {
	value   *value
	status  int
	headers []field
	fails   hub.Class
	say     string
}

// mocks reads a map of mocks.
func (rd *reader) mocks(n *yamlfile.Node) map[string]*mock {
	out := map[string]*mock{}
	if n != nil && n.Kind() != yamlfile.Map {
		n.Errorf("E420", "write mock: {billing.charge: {result: approved}}", "`mock` is a map of operations and answers, not %s", n.Kind())
	}
	for key, value := range n.Entries() {
		name := key.Raw()
		switch {
		case rd.has("adapters", name):
			if m := rd.partner(name, value); m != nil {
				out[name] = m
			}
		case rd.callable(key):
			out[name] = rd.mockOf(value)
		}
	}
	return out
}

// callable reports a name that no step calls.
func (rd *reader) callable(n *yamlfile.Node) bool {
	calls := rd.calls()
	if slices.Contains(calls, n.Raw()) {
		return true
	}
	n.Errorf("E421", didYouMean(n.Raw(), slices.Concat(calls, rd.all("adapters"))), "no step calls %q", n.Raw())
	return false
}

// partner is an adapter that is answered by its OpenAPI file.
func (rd *reader) partner(name string, n *yamlfile.Node) *mock {
	file, ok := n.Text()
	if !ok {
		return nil
	}
	p, err := readPartner(rd.path(file))
	if errors.Is(err, fs.ErrNotExist) {
		n.Warnf("W422", "give a file relative to the configuration's folder", "cannot read %s: a test that needs it fails", file)
		return nil
	}
	if err != nil {
		n.Errorf("E422", "name its OpenAPI file, or mock its operations: {"+name+".operation: {…}}", "%s can't stand in for %s: %s", file, name, err)
		return nil
	}
	return &mock{partner: p}
}

func (rd *reader) mockOf(n *yamlfile.Node) *mock {
	if n.Kind() != yamlfile.List {
		return &mock{answers: []*answer{rd.answerOf(n)}}
	}
	m := &mock{}
	for _, item := range n.Items() {
		m.answers = append(m.answers, rd.answerOf(item))
	}
	if len(m.answers) == 0 {
		n.Errorf("E423", "write the answers; the last one is given again and again", "an empty list of answers")
	}
	return m
}

func (rd *reader) answerOf(n *yamlfile.Node) *answer {
	switch {
	case n.Get("fail") != nil:
		n.Allow("failing mock", "fail", "say")
		return &answer{fails: rd.class(n.Get("fail")), say: n.Get("say").Str()}
	case n.Get("status") != nil && len(subset(n.Keys(), []string{"status", "body", "headers"})) == 0:
		a := &answer{headers: rd.texts(n.Get("headers"))}
		if code, err := strconv.Atoi(n.Get("status").Raw()); err == nil { // else it is the answer's own field: {status: shipped}
			a.status = code
			if body := n.Get("body"); body != nil {
				a.value = rd.value(body)
			}
			return a
		}
	}
	return &answer{value: rd.value(n)}
}

// class is a class of errors.
func (rd *reader) class(n *yamlfile.Node) hub.Class {
	c := hub.Class(n.Str())
	if !slices.Contains(hub.Classes, c) {
		var known []string
		for _, k := range hub.Classes {
			known = append(known, string(k))
		}
		n.Errorf("E424", didYouMean(string(c), known), "unknown class of errors %q", c)
	}
	return c
}

// fail makes the next calls of operations fail.
func (rd *reader) fail(_ *item, n *yamlfile.Node) func(ctx context.Context, r *run) error {
	at, times := n.Get("fail"), int64(1)
	if at.Kind() != yamlfile.Map {
		at.Errorf("E425", "write fail: {billing.charge: timeout}", "`fail` is a map of operations and classes of errors, not %s", at.Kind())
	}
	failures := map[string]hub.Class{}
	for key, value := range at.Entries() {
		switch {
		case key.Raw() == "times":
			times, _ = value.Int()
		case rd.has("adapters", key.Raw()) || rd.callable(key): // what is sent to an adapter, or a call
			failures[key.Raw()] = rd.class(value)
		}
	}
	return func(ctx context.Context, r *run) error {
		for op, class := range failures {
			r.world.fail(op, class, int(times))
		}
		return nil
	}
}
