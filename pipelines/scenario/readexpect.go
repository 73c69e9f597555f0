package scenario

import (
	"context"
	"slices"

	"orderhub/hub/doc"
	"orderhub/pipelines/yamlfile"
)

// words are the expectations that are no names of the configuration.
var words = []string{"status", "body", "headers", "none", "calls", "dead", "counter"}

// checks reads `expect:`.
func (rd *reader) checks(n *yamlfile.Node, i *item) (out []*check) {
	n.Is(yamlfile.Map, "E430", "write expect: {orders: 1}", "`expect` is a map")
	for key, value := range n.Entries() {
		if made := rd.check(key, value, i); made != nil {
			about := []string{key.Raw()}
			if key.Raw() == "none" {
				about = nil
				for _, item := range value.Several() {
					about = append(about, item.Raw())
				}
			}
			out = append(out, &check{key.LineCol(), about, made})
		}
	}
	return out
}

func (rd *reader) check(key, n *yamlfile.Node, i *item) look {
	name := key.Raw()
	first, rest := place(name)
	switch {
	case name == "status" || name == "body" || name == "headers":
		return rd.ofReply(key, n, i)
	case name == "none":
		return rd.none(n)
	case name == "calls":
		return rd.ofCalls(n)
	case name == "dead":
		rd.test.dead = true
		return rd.wanted(n, rd.value, func(ctx context.Context, r *run, w *wanted) *miss { return r.deadAre(ctx, w) })
	case name == "counter":
		return rd.held(n, func(ctx context.Context, r *run, v *value) *miss { return r.countersAre(ctx, v) })
	case first == "table" && rest != "":
		return rd.held(n, func(ctx context.Context, r *run, v *value) *miss { return r.tableIs(ctx, rest, v) })
	case rest != "" && rd.has("processes", first):
		return rd.ofProcess(first, rest, key, n)
	case rd.has("channels", name):
		return rd.ofChannel(key, n)
	case rd.has("adapters", name):
		return rd.ofTarget(name, n)
	}
	known := slices.Concat(words, rd.all("channels"), rd.all("adapters"))
	for _, p := range rd.all("processes") {
		known = append(known, p+" "+rest)
	}
	key.Errorf("E431", didYouMean(name, known), "nothing can be expected of %q", name)
	return nil
}

// ofReply is what whoever posted was answered.
func (rd *reader) ofReply(key, n *yamlfile.Node, i *item) look {
	if i.reply == nil {
		key.Errorf("E432", "write it beside the post that is answered", "there is no reply here")
		return nil
	}
	i.reply.wanted = true
	return rd.held(n, func(_ context.Context, r *run, v *value) *miss { return r.replyIs(i.reply, key.Raw(), v) })
}

// held reads the value that something is held against.
func (rd *reader) held(n *yamlfile.Node, against func(context.Context, *run, *value) *miss) look {
	v := rd.value(n)
	return func(ctx context.Context, r *run) *miss { return against(ctx, r, v) }
}

// none lists channels and targets that nothing came to.
func (rd *reader) none(n *yamlfile.Node) look {
	var quiet []string
	for _, item := range n.Several() {
		if name := item.Str(); rd.seen(item, name) {
			quiet = append(quiet, name)
		}
	}
	return func(ctx context.Context, r *run) *miss { return r.nothingCame(quiet) }
}

// seen tells that what comes to a channel or a target can be seen.
func (rd *reader) seen(n *yamlfile.Node, name string) bool {
	switch {
	case rd.has("channels", name):
		c := rd.root.Get("channels").Get(name)
		if rd.channelType(name) != "direct" && c.Get("via") == nil && !rd.read(name) {
			n.Errorf("E433", "expect something of a channel that a pipeline reads, or of a direct one",
				"nobody reads %s: what is sent to it leaves no trace", name)
			return false
		}
		return true
	case rd.has("adapters", name):
		return true
	}
	n.Errorf("E431", didYouMean(name, slices.Concat(rd.all("channels"), rd.all("adapters"))), "unknown channel or adapter %q", name)
	return false
}

func (rd *reader) ofChannel(key, n *yamlfile.Node) look {
	name := key.Raw()
	if !rd.seen(key, name) {
		return nil
	}
	return rd.wanted(n, rd.value, func(_ context.Context, r *run, w *wanted) *miss { return r.came(name, w) })
}

// ofTarget is what was sent to an adapter: a template's name is short for {template: name}.
func (rd *reader) ofTarget(name string, n *yamlfile.Node) look {
	return rd.wanted(n, func(n *yamlfile.Node) *value {
		v := rd.value(n)
		if n.Kind() == yamlfile.Scalar {
			return &value{line: v.line, kind: yamlfile.Map, parts: []field{{argument, v}}}
		}
		return v
	}, func(_ context.Context, r *run, w *wanted) *miss { return r.came(name, w) })
}

// wanted reads how many, or which.
func (rd *reader) wanted(n *yamlfile.Node, one func(*yamlfile.Node) *value, against func(context.Context, *run, *wanted) *miss) look {
	w := &wanted{all: n.Kind() == yamlfile.List, number: -1}
	made := func(ctx context.Context, r *run) *miss { return against(ctx, r, w) }
	if n.Kind() == yamlfile.Scalar && !n.Quoted() {
		if v := rd.value(n); v.literal.Kind() == doc.Number {
			count, _ := v.literal.Num().Int64()
			w.number = int(count)
			return made
		}
	}
	for _, item := range n.Several() {
		w.patterns = append(w.patterns, one(item))
	}
	return made
}

func (rd *reader) ofCalls(n *yamlfile.Node) look {
	want := map[string]int{}
	for key, value := range n.Entries() {
		if count, ok := value.Int(); ok && rd.callable(key) {
			want[key.Raw()] = int(count)
		}
	}
	return func(ctx context.Context, r *run) *miss { return r.called(want) }
}
