package hub

import (
	"strings"
	"testing"
)

const validParent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

// TestTraceContext holds traceparent and tracestate to https://www.w3.org/TR/trace-context/, level 1.
func TestTraceContext(t *testing.T) {
	many := ""
	for i := range 33 {
		many += "k" + string(rune('a'+i/26)) + string(rune('a'+i%26)) + "=1,"
	}
	for name, c := range map[string]struct {
		parent, state string
		valid         bool
		sampled       bool
		kept          string // of state
	}{
		"sampled":                       {validParent, "congo=t61rcWkgMzE,rojo=00f067aa0ba902b7", true, true, "congo=t61rcWkgMzE,rojo=00f067aa0ba902b7"},
		"not sampled":                   {validParent[:53] + "00", "", true, false, ""},
		"unknown flags":                 {validParent[:53] + "fe", "", true, false, ""},
		"a later version":               {"cc" + validParent[2:], "", true, true, ""},
		"a later version with more":     {"cc" + validParent[2:] + "-what-the-future", "", true, true, ""},
		"a later version gone on":       {"cc" + validParent[2:] + ".what", "", false, false, ""},
		"version 00 with more":          {validParent + "-00", "", false, false, ""},
		"version ff":                    {"ff" + validParent[2:], "a=1", false, false, ""},
		"capital letters":               {strings.ToUpper(validParent), "a=1", false, false, ""},
		"no trace":                      {"00-00000000000000000000000000000000-b7ad6b7169203331-01", "", false, false, ""},
		"no span":                       {"00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01", "", false, false, ""},
		"too short":                     {validParent[:54], "", false, false, ""},
		"other dashes":                  {strings.Replace(validParent, "-b7", "_b7", 1), "", false, false, ""},
		"nothing":                       {"", "a=1", false, false, ""},
		"tracestate of many systems":    {validParent, "fw529a3039@dt=FfQ1,a/b_c-d*e=1, b=2", true, true, "fw529a3039@dt=FfQ1,a/b_c-d*e=1, b=2"},
		"tracestate with empty members": {validParent, "a=1,,b=2,", true, true, "a=1,,b=2,"},
		"tracestate, a key twice":       {validParent, "a=1,a=2", true, true, ""},
		"tracestate, a capital key":     {validParent, "A=1", true, true, ""},
		"tracestate, a value with =":    {validParent, "a=1=2", true, true, ""},
		"tracestate without a value":    {validParent, "a=", true, true, ""},
		"tracestate, 33 members":        {validParent, many, true, true, ""},
		"tracestate, a system too long": {validParent, "a@abcdefghijklmno=1", true, true, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got, ok := ParseTraceContext(c.parent, c.state)
			if ok != c.valid || got.Sampled != c.sampled || got.State != c.kept {
				t.Fatalf("%q is valid: %v, sampled: %v, tracestate %q; want %+v", c.parent, ok, got.Sampled, got.State, c)
			}
			if ok && (got.Trace.String() != "0af7651916cd43dd8448eb211c80319c" || got.Span.String() != "b7ad6b7169203331") {
				t.Errorf("trace %s, span %s", got.Trace, got.Span)
			}
		})
	}
}

// TestBegin: a run has a span of its own in the trace of its message. Without one it begins a trace, the same for all that
// descends from a message, and for the message when it comes again.
func TestBegin(t *testing.T) {
	m := &Message{ID: "a/1", Headers: Headers{HeaderTraceparent: validParent, HeaderTracestate: "a=1"}}
	in, s := m.Begin(nil)
	if s.Trace.String() != validParent[3:35] || s.Parent.String() != validParent[36:52] || s.TraceContext.Span == s.Parent || !s.Sampled {
		t.Errorf("%+v", s)
	}
	if len(in.Headers) != 0 || in.Trace != s.TraceContext {
		t.Errorf("it goes on with %v, as part of %+v", in.Headers, in.Trace)
	}
	_, next := in.Child("2").Begin(nil)
	if next.Trace != s.Trace || next.Parent != s.TraceContext.Span || next.State != "a=1" || !next.Sampled {
		t.Errorf("after %+v: %+v", s, next)
	}
	_, root := (&Message{ID: "a"}).Begin(nil)
	_, child := (&Message{ID: "a/1"}).Begin(func(id TraceID) bool { return id == TraceOf("a") })
	if root.Trace != child.Trace || root.Trace != TraceOf("a") || root.Parent != (SpanID{}) || root.Sampled || !child.Sampled {
		t.Errorf("%+v, %+v", root, child)
	}
	if m.Headers[HeaderTraceparent] != validParent {
		t.Error("the message's own headers were changed")
	}
}

// TestOutgoing: what leaves the hub has the headers of its trace context, but where a step set its own.
func TestOutgoing(t *testing.T) {
	m := &Message{ID: "a", Headers: Headers{"x": "y"}}
	if got := m.Outgoing(); got != m {
		t.Errorf("a message that no run made goes out with %v", got.Headers)
	}
	m.Trace, _ = ParseTraceContext(validParent, "a=1")
	if got := m.Outgoing().Headers; len(got) != 3 || got["x"] != "y" || got[HeaderTraceparent] != validParent || got[HeaderTracestate] != "a=1" {
		t.Errorf("it goes out with %v", got)
	}
	if m = m.WithHeader(HeaderTraceparent, "own"); m.Outgoing() != m {
		t.Errorf("what a step set is lost: %v", m.Outgoing().Headers)
	}
}

func BenchmarkBegin(b *testing.B) {
	b.ReportAllocs()
	m := &Message{ID: "01M8MCCDCP14C6CHKC5GPPSX1N", Headers: Headers{HeaderContentType: "application/json"}}
	for b.Loop() {
		_, _ = m.Begin(nil)
	}
}
