package scenario

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"orderhub/hub"
)

// state is how a run ended, line by line: what must be the same under chaos.
// Times, the IDs of messages, and the order in which things came about are left out.
type state []string

// varying are the parts of a text that may differ: times, and how often an input was handed over.
var varying = regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)|~\d+`)

// end is the state at the end of the run.
func (r *run) end(ctx context.Context) (state, error) {
	var s state
	add := func(format string, args ...any) {
		s = append(s, varying.ReplaceAllString(fmt.Sprintf(format, args...), "…"))
	}
	rows, err := r.rows(ctx)
	if err != nil {
		return nil, err
	}
	for _, d := range rows {
		switch {
		case d.State == hub.Dead:
			add("dead letter in %s: %s %s: %s", d.Queue, d.Error.Class, d.Error.Reason, canonical(document(d.Msg)))
		default:
			add("message in %s: %s %s", d.Queue, d.Name, canonical(document(d.Msg)))
		}
	}
	for _, e := range r.effects {
		add("effect of %s: %s", e.op, e.body)
	}
	for _, a := range r.arrivals {
		if r.plan.Adapter(a.where) != nil {
			add("sent to %s: %s", a.where, canonical(r.view(a)))
		}
	}
	for _, p := range r.broker.waiting {
		add("message that the broker keeps for %s: %s", p.pipeline, canonical(document(p.msg)))
	}
	for _, m := range r.faults {
		add("fault: %s, not %s", m.got, m.expected)
	}
	if err := r.kept(ctx, add); err != nil {
		return nil, err
	}
	slices.Sort(s)
	return s, nil
}

// kept adds what the records and counters say: tables, processes, open groups.
func (r *run) kept(ctx context.Context, add func(string, ...any)) error {
	for _, kind := range sortedKeys(r.kinds) {
		switch {
		case strings.HasPrefix(kind, tableKind):
			rows, err := r.table(ctx, strings.TrimPrefix(kind, tableKind))
			if err != nil {
				return err
			}
			for key, value := range rows.Fields() {
				add("%s %s: %s", kind, key, canonical(value))
			}
		case strings.HasPrefix(kind, counterKind):
			add("counter %s: %s", strings.TrimPrefix(kind, counterKind), canonical(r.counter(ctx, kind)))
		case strings.HasPrefix(kind, groupKind):
			members, err := r.store.List(ctx, kind, "", "", 0)
			if err != nil {
				return err
			}
			if len(members) > 0 {
				add("open %s: %s", kind, plural(len(members), "message"))
			}
		}
	}
	return r.instances(ctx, add)
}

// groupKind begins the kinds of the members of an aggregate's open groups.
const groupKind = "group "

// compare gives the lines that one state has and the other lacks; "" when they are the same.
func (s state) compare(other state) string {
	var out []string
	for _, line := range diff(s, other) {
		out = append(out, "- "+line)
	}
	for _, line := range diff(other, s) {
		out = append(out, "+ "+line)
	}
	return strings.Join(out, "\n")
}

// diff are the lines of a beyond those of b, each as often as it is missing there.
func diff(a, b state) (out []string) {
	have := map[string]int{}
	for _, line := range b {
		have[line]++
	}
	for _, line := range a {
		if have[line]--; have[line] < 0 {
			out = append(out, line)
		}
	}
	return out
}
