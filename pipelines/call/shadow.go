package call

import (
	"context"
	"fmt"
	"hash/crc32"
	"strings"
	"time"

	"orderhub/hub"
	"orderhub/hub/doc"
	"orderhub/pipelines"
	"orderhub/pipelines/yamlfile"
)

// ShadowCounts is the name of the counter of what shadow calls came to, by
// call and result: same, differs, failed, skipped.
const ShadowCounts = "shadow_calls"

const (
	answered  = " answer"   // variable with the real answer; no formula can name it
	stale     = time.Minute // a shadow call that waited longer is skipped: a new app that hangs builds up no backlog
	fullShare = 10000       // of the sample, in hundredths of a percent
)

// shadow asks a second, new app what the step asked, and compares its answer
// with the real one. It runs from the store, after the unit of work that the
// real answer led to: nobody waits for it, and its failures are only counted.
type shadow struct {
	site    pipelines.Site
	ask     *pipelines.Request
	queue   string
	share   uint32
	compare []string
}

// shadowOf compiles the modifier `shadow`; nil: there is none.
func shadowOf(b *pipelines.Build) *shadow {
	n := b.Modifier("shadow")
	if n == nil {
		return nil
	}
	if n.Kind() != yamlfile.Map || n.Get("call") == nil {
		n.Errorf("E269", "write shadow: {call: shipping-new.book, sample: 10%, compare: [price]}", "`shadow` says which call is made beside the real one")
		return nil
	}
	n.Allow("shadow", "call", "sample", "compare", "timeout", "headers")
	s := &shadow{site: b.Site, share: fullShare}
	if at := n.Get("sample"); at != nil {
		s.share = share(at)
	}
	if at := n.Get("compare"); at != nil {
		at.Is(yamlfile.List, "E269", "write compare: [price, eta]", "`compare` is a list of fields of the answer")
		for _, item := range at.Items() {
			s.compare = append(s.compare, item.Str())
		}
	}
	s.ask = b.Beside(n, "shadow").Request(n.Get("call"), b.Modifier("with"))
	s.queue = b.Aside("shadow", hub.StepFunc(s.run))
	return s
}

// share reads 10%, 0.5%.
func share(n *yamlfile.Node) uint32 {
	var percent float64
	var end string
	if _, err := fmt.Sscanf(n.Str()+" .", "%f%% %s", &percent, &end); err != nil || end != "." || percent <= 0 || percent > 100 {
		n.Errorf("E269", "write sample: 10%", "`sample` is a share of the calls, above 0%% and up to 100%%, this is %q", n.Raw())
		return fullShare
	}
	return uint32(percent * fullShare / 100)
}

// put leaves a shadow call for later, in x's unit. Which messages are in the sample depends on their IDs alone.
func (s *shadow) put(x *hub.Exchange, answer doc.Value) {
	if crc32.ChecksumIEEE([]byte(x.Msg.ID))%fullShare >= s.share {
		return
	}
	m := *x.Msg
	m.Expires, m.Key, m.Time = time.Time{}, "", x.Now()
	x.Unit.Puts = append(x.Unit.Puts, hub.Put{Queue: s.queue, Msg: &m, Vars: x.Vars.With(answered, answer)})
}

// run makes the shadow call. It never fails: a new app that is wrong or away is what it is there to find out.
func (s *shadow) run(ctx context.Context, x *hub.Exchange, _ hub.Next) error {
	began := x.Now()
	if began.Sub(x.Msg.Time) > stale {
		s.note(x, began, "skipped", "it waited too long")
		return nil
	}
	real := x.Vars.Get(answered)
	got, err := s.ask.Call(ctx, x)
	if err != nil {
		s.note(x, began, "failed", hub.AsError(err).Masked(x.Mask()).Error())
		return nil
	}
	if diff := s.differences(real, got); len(diff) > 0 {
		s.note(x, began, "differs", x.Mask().About(got).Text(strings.Join(diff, "; ")))
		return nil
	}
	s.note(x, began, "same", "")
	return nil
}

func (s *shadow) note(x *hub.Exchange, began time.Time, result, detail string) {
	x.Unit.Adds = append(x.Unit.Adds, hub.Add{Kind: "count " + ShadowCounts, Key: s.ask.Name + "|" + result, Delta: 1})
	if detail != "" {
		detail = ": " + detail
	}
	s.site.Note(x, began, "shadowed", s.ask.Name+" "+result+detail)
}

// differences are the fields that the two answers differ in; the names of the real one's values come first.
func (s *shadow) differences(real, got doc.Value) []string {
	if len(s.compare) == 0 {
		if doc.Equal(real, got) {
			return nil
		}
		return []string{"the answers are not equal"}
	}
	var out []string
	for _, path := range s.compare {
		a, b := field(real, path), field(got, path)
		if !doc.Equal(a, b) {
			out = append(out, fmt.Sprintf("%s is %s, not %s", path, short(b), short(a)))
		}
	}
	return out
}

// field is the value at a dotted path; the zero Value where there is none.
func field(v doc.Value, path string) doc.Value {
	for name := range strings.SplitSeq(path, ".") {
		v = v.Get(name)
	}
	return v
}

// short is a value for people: at most 40 bytes of it.
func short(v doc.Value) string {
	text := string(v.JSON())
	if text == "" {
		return "missing"
	}
	if len(text) > 40 {
		text = hub.Clip(text, 40) + "…"
	}
	return text
}
