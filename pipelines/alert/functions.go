package alert

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"orderhub/hub/doc"
	"orderhub/hub/engine"
	"orderhub/hub/figures"
	"orderhub/pipelines"
	"orderhub/transforms/formula"
	"orderhub/transforms/shape"
)

// never is a time in seconds, and a size in bytes, that nothing reaches: what is not limited has so much of it.
const never = 1e15

// kinds of names that functions take. Each gives the names that a plan has, and says how it is called.
type names struct {
	kind  string
	known func(p *pipelines.Plan) []string
}

var (
	ofPipelines = names{"pipeline or process", func(p *pipelines.Plan) []string {
		return pipelines.Names(p.Pipelines, func(l *pipelines.Pipeline) string { return l.Name })
	}}
	ofAdapters = names{"adapter", func(p *pipelines.Plan) []string {
		return pipelines.Names(p.Adapters, func(a *pipelines.Adapter) string { return a.Name })
	}}
	ofChannels = names{"channel, pipeline or adapter", func(p *pipelines.Plan) []string {
		channels := pipelines.Names(p.Channels, func(c *pipelines.Channel) string { return c.Name })
		return slices.Concat(channels, ofPipelines.known(p), ofAdapters.known(p))
	}}
	ofProcesses = names{"process", func(p *pipelines.Plan) (out []string) {
		for _, l := range p.Pipelines {
			if l.From.Section != "" && l.From.Section != Key {
				out = append(out, l.Name)
			}
		}
		return out
	}}
	ofFamilies = names{"figure", func(*pipelines.Plan) []string {
		return pipelines.Names(figures.Families(), func(f *figures.Family) string { return f.Name })
	}}
	ofLabels = names{} // any text
)

// function is one that rules may call. Its value is a number, unless result says otherwise.
type function struct {
	takes    []names
	optional int
	result   *shape.Type
	value    func(v *view, args []string) any // float64, string or bool
}

// functions are those of the rules.
func (a *Alerts) functions() map[string]formula.Func {
	out := map[string]formula.Func{}
	for name, f := range functions {
		out[name] = formula.Func{
			Params: slices.Repeat([]*shape.Type{shape.StringType}, len(f.takes)), Optional: f.optional, Result: cmp.Or(f.result, shape.NumberType),
			Named: func(i int, name string) (fault, help string) {
				if t := f.takes[i]; t.known != nil && !slices.Contains(t.known(a.plan), name) {
					return fmt.Sprintf("unknown %s %q", t.kind, name), cmp.Or(shape.Known(name, t.known(a.plan)), "none is declared")
				}
				return "", ""
			},
			Call: func(fr *formula.Frame, args []doc.Value) (doc.Value, error) {
				texts := make([]string, len(args))
				for i, v := range args {
					texts[i] = v.Text()
				}
				return valueOf(f.value(a.of(fr.X.Env).view, texts)), nil
			},
		}
	}
	return out
}

// valueOf makes a value of a formula of what a function gives; a number has three decimals.
func valueOf(v any) doc.Value {
	switch v := v.(type) {
	case bool:
		return doc.BoolValue(v)
	case string:
		return doc.StringValue(v)
	}
	d, _ := doc.ParseDecimal(strconv.FormatFloat(math.Round(v.(float64)*1000)/1000, 'f', -1, 64)) // digits
	return doc.NumberValue(d)
}

// functions by name. What they read is described in README.md beside this file.
var functions = map[string]function{
	"oldest":  {takes: []names{ofChannels}, value: func(v *view, a []string) any { return v.largest(figures.Oldest, v.queues(a[0])) }},
	"waiting": {takes: []names{ofChannels}, value: func(v *view, a []string) any { return v.queued(a[0], "ready", "waiting", "held") }},
	"dead":    {takes: []names{ofChannels}, value: func(v *view, a []string) any { return v.queued(a[0], "dead") }},
	"up":      {takes: []names{ofAdapters}, result: shape.BoolType, value: func(v *view, a []string) any { return v.works(engine.PartAdapter, a[0]) }},
	"breaker": {takes: []names{ofAdapters}, result: shape.StringType, value: func(v *view, a []string) any { return v.breaker(a[0]) }},
	"lag":     {takes: []names{ofAdapters}, value: func(v *view, a []string) any { return v.now.Sum(figures.Lag, a[0]) }},
	"expires": {takes: []names{ofAdapters}, optional: 1, value: func(v *view, a []string) any {
		return v.least(figures.Expiry, float64(v.at.Unix()), a[0])
	}},
	"rate": {takes: []names{ofPipelines}, value: func(v *view, a []string) any { return v.rate(figures.Messages, a[0], a[0], figures.Done) }},
	"failed": {takes: []names{ofPipelines}, value: func(v *view, a []string) any {
		return v.rate(figures.Messages, a[0]) - v.rate(figures.Messages, a[0], "", figures.Done)
	}},
	"refused": {takes: []names{ofPipelines, ofLabels}, optional: 1, value: func(v *view, a []string) any { return v.refused(a[0], a[1]) }},
	"silent":  {takes: []names{ofPipelines}, value: func(v *view, a []string) any { return v.at.Sub(v.heard(a[0]).At).Seconds() }},
	"usual":   {takes: []names{ofPipelines}, value: func(v *view, a []string) any { return v.heard(a[0]).usual(v.at) }},
	"stuck":   {takes: []names{ofProcesses}, value: func(v *view, a []string) any { return v.now.Sum(figures.Stuck, a[0]) }},
	"late":    {takes: []names{ofProcesses}, value: func(v *view, a []string) any { return v.now.Sum(figures.Tasks, a[0], "late") }},
	"instances": {takes: []names{ofProcesses, ofLabels}, value: func(v *view, a []string) any {
		return v.now.Sum(figures.Instances, a[0], a[1])
	}},
	"disk":  {value: func(v *view, _ []string) any { return v.least(figures.StoreFree, 0) }},
	"ready": {result: shape.BoolType, value: func(v *view, _ []string) any { return v.least(figures.Ready, 0) > 0 }},
	"figure": {takes: []names{ofFamilies, ofLabels, ofLabels, ofLabels}, optional: 3, value: func(v *view, a []string) any {
		f := pipelines.Find(figures.Families(), func(f *figures.Family) bool { return f.Name == a[0] })
		return v.now.Sum(f, a[1:]...)
	}},
}

// view is what one look sees: the figures now, and what the looks before left.
type view struct {
	now  figures.Snapshot
	at   time.Time
	plan *pipelines.Plan
	*Known
	mark mark // of this look
}

// queues tells which queues belong to a channel, a pipeline or the outboxes of an adapter.
func (v *view) queues(name string) func(labels []string) bool {
	var own []string
	if p := v.plan.Pipeline(name); p != nil {
		for _, s := range p.Stages {
			own = append(own, s.Queue)
		}
	}
	return func(labels []string) bool {
		q := labels[0]
		return q == name || q == "@"+name || strings.HasPrefix(q, name+">") || strings.HasPrefix(q, "@"+name+" ") || slices.Contains(own, q)
	}
}

func (v *view) queued(name string, states ...string) (n float64) {
	of := v.queues(name)
	for _, p := range v.now {
		if p.Family == figures.Queued && of(p.Labels) && slices.Contains(states, p.Labels[1]) {
			n += p.Value()
		}
	}
	return n
}

// largest is the largest value of the series that are meant; 0: there is none.
func (v *view) largest(f *figures.Family, of func(labels []string) bool) (most float64) {
	for _, p := range v.now {
		if p.Family == f && of(p.Labels) {
			most = max(most, p.Value())
		}
	}
	return most
}

// least is the smallest value of the series with the first label ("": with any), less an offset; never: there is none.
func (v *view) least(f *figures.Family, offset float64, label ...string) float64 {
	least := never + offset
	for _, p := range v.now {
		if p.Family == f && (len(label) == 0 || label[0] == "" || p.Labels[0] == label[0]) {
			least = min(least, p.Value())
		}
	}
	return least - offset
}

// works tells that no hub says of the part that it fails.
func (v *view) works(kind, name string) bool {
	return !slices.ContainsFunc(v.now, func(p figures.Sample) bool {
		return p.Family == figures.Up && p.Labels[0] == kind && p.Labels[1] == name && p.Total == 0
	})
}

// breaker is the state of the adapter's circuit breaker, the worst of all hubs.
func (v *view) breaker(adapter string) string {
	for _, state := range []string{"open", "half-open"} {
		if v.now.Sum(figures.Breaker, adapter, state) > 0 {
			return state
		}
	}
	return "closed"
}

// refused is how many inputs of a pipeline's source were refused in a second, for a reason; "": for any.
func (v *view) refused(pipeline, reason string) float64 {
	p := v.plan.Pipeline(pipeline)
	return v.rate(figures.Refused, cmp.Or(p.From.String(), pipeline), reason)
}

// rate is how much of a family was counted in a second, in the last minute.
func (v *view) rate(f *figures.Family, labels ...string) float64 {
	series := strings.Join(append([]string{f.Name}, labels...), "\x1f")
	total := v.now.Sum(f, labels...)
	v.mark.Totals[series] = total
	for _, m := range v.Marks {
		if before, ok := m.Totals[series]; ok && m.At.Before(v.at) {
			return max(total-before, 0) / v.at.Sub(m.At).Seconds()
		}
	}
	return 0
}

// heard is what is known of what came to a pipeline; it is brought up to date by the first call of a look.
func (v *view) heard(pipeline string) *heard {
	h := v.Heard[pipeline]
	if h == nil {
		h = &heard{At: v.at, Begun: v.at, Total: v.now.Sum(figures.Messages, pipeline, pipeline)}
		v.Heard[pipeline] = h
	}
	h.hear(v.now.Sum(figures.Messages, pipeline, pipeline), v.at)
	return h
}

// week is how many hours a week has.
const week = 7 * 24

// heard is when the last message came to a pipeline, and how many come as a rule in each hour of the week.
type heard struct {
	At    time.Time      `json:"at"`              // when the total was seen to grow last
	Total float64        `json:"total"`           // of messages
	Seen  time.Time      `json:"seen"`            // when the total was looked at last
	Begun time.Time      `json:"begun"`           // when the hour began that is counted now
	Count float64        `json:"count"`           // of messages in it
	Hours [week]*float64 `json:"hours,omitempty"` // by hours since a Monday at midnight, UTC; nil: not known
}

// hear takes the total of messages at a time. An hour that is over is mixed with those of the weeks before, a half each.
func (h *heard) hear(total float64, at time.Time) {
	if hour := h.Begun.Truncate(time.Hour); !at.Truncate(time.Hour).Equal(hour) {
		if h.Begun.Sub(hour) < time.Minute && hour.Add(time.Hour).Sub(h.Seen) < time.Minute { // it was seen whole
			mean := h.Count
			if before := h.Hours[hourOf(hour)]; before != nil {
				mean = (mean + *before) / 2
			}
			h.Hours[hourOf(hour)] = &mean
		}
		h.Begun, h.Count = at, 0
	}
	if total > h.Total {
		h.At = at
		h.Count += total - h.Total
	}
	h.Total, h.Seen = total, at
}

// usual is the mean pause between two messages at this hour of the week, in seconds; never: it is not known yet, or none come.
func (h *heard) usual(at time.Time) float64 {
	n := h.Hours[hourOf(at)]
	if n == nil || *n == 0 {
		return never
	}
	return time.Hour.Seconds() / *n
}

// hourOf is the hour of the week.
func hourOf(t time.Time) int {
	t = t.UTC()
	return (int(t.Weekday())+6)%7*24 + t.Hour()
}
