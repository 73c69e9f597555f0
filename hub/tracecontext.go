package hub

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"strings"
	"time"
)

// TraceContext is where in a distributed trace something happens, as W3C Trace Context has it
// (https://www.w3.org/TR/trace-context/, level 1): outside of the hub, the headers traceparent and tracestate of a message name
// the run that sent it.
type TraceContext struct {
	Trace   TraceID
	Span    SpanID // zero: no run has sent it, and its trace begins here
	Sampled bool   // whoever began the trace wants it recorded
	State   string // tracestate: what other systems keep with the trace, passed on as it came
}

// TraceID names a trace, SpanID a run within it.
type (
	TraceID [16]byte
	SpanID  [8]byte
)

func (t TraceID) String() string { return hex.EncodeToString(t[:]) }
func (s SpanID) String() string  { return hex.EncodeToString(s[:]) }

// TraceOf is the trace that begins with the message root. It follows from the ID, so that nobody has to keep it.
func TraceOf(root string) TraceID {
	sum := sha256.Sum256([]byte(root))
	return TraceID(sum[:16])
}

// ParseTraceContext reads the headers traceparent and tracestate. Without a valid traceparent there is none (section 3.2.2),
// and tracestate is not looked at. An invalid tracestate is left out (section 3.3.1).
func ParseTraceContext(text, state string) (c TraceContext, ok bool) {
	if len(text) < 55 || text[2] != '-' || text[35] != '-' || text[52] != '-' {
		return c, false
	}
	var version, flags [1]byte
	ok = lowerHex(version[:], text[:2]) && lowerHex(c.Trace[:], text[3:35]) && lowerHex(c.Span[:], text[36:52]) && lowerHex(flags[:], text[53:55])
	later := version[0] > 0 && (len(text) == 55 || text[55] == '-') // a version that may say more behind: section 3.2.4
	if !ok || version[0] == 0xff || version[0] == 0 && len(text) != 55 || version[0] > 0 && !later || c.Trace == (TraceID{}) || c.Span == (SpanID{}) {
		return TraceContext{}, false
	}
	c.Sampled = flags[0]&1 != 0
	if validState(state) {
		c.State = state
	}
	return c, true
}

// lowerHex decodes text, which has two digits for each byte. Capital letters are not valid.
func lowerHex(to []byte, text string) bool {
	for i := range to {
		high, low := hexDigit(text[2*i]), hexDigit(text[2*i+1])
		if high > 15 || low > 15 {
			return false
		}
		to[i] = high<<4 | low
	}
	return true
}

func hexDigit(c byte) byte {
	switch {
	case c >= '0' && c <= '9':
		return c - '0'
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10
	}
	return 0xff
}

// maxStates bounds the members of a tracestate, section 3.3.1.1.
const maxStates = 32

// validState tells whether a tracestate may be passed on: members key=value, at most 32, and no key twice.
func validState(text string) bool {
	if text == "" {
		return true
	}
	seen := map[string]bool{}
	for member := range strings.SplitSeq(text, ",") {
		if member = strings.Trim(member, " \t"); member == "" {
			continue
		}
		key, value, found := strings.Cut(member, "=")
		if !found || seen[key] || !validStateKey(key) || value == "" || len(value) > 256 || strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r > '~' || r == '=' }) {
			return false
		}
		seen[key] = true
	}
	return len(seen) <= maxStates
}

// validStateKey tells whether a key has the form of section 3.3.1.3.1: small letters, digits and _-*/, and at most one @.
func validStateKey(key string) bool {
	tenant, system, multi := strings.Cut(key, "@")
	if tenant == "" || len(key) > 256 || multi && (system == "" || len(system) > 14 || len(tenant) > 241 || !isLower(system[0])) || !multi && !isLower(tenant[0]) {
		return false
	}
	return !strings.ContainsFunc(tenant+system, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9') && !strings.ContainsRune("_-*/", r)
	})
}

func isLower(c byte) bool { return c >= 'a' && c <= 'z' }

// Begin is a new run that handles m: a span of its own in m's trace, which for a message from outside is that of its headers, else
// one that begins with it. sample says whether a trace that begins with m is recorded; nil: it is not. What is made of m is made
// of in, which has the span; its headers have no trace context but one that a step sets.
func (m *Message) Begin(sample func(TraceID) bool) (in *Message, s Span) {
	copied := *m
	in = &copied
	if s.TraceContext = m.Trace; m.Trace.Span == (SpanID{}) {
		ok := false
		if given := m.Headers[HeaderTraceparent]; given != "" {
			s.TraceContext, ok = ParseTraceContext(given, m.Headers[HeaderTracestate])
			in.Headers = m.Headers.With(HeaderTraceparent, "", HeaderTracestate, "")
		}
		if !ok {
			s.Trace = TraceOf(m.Root())
			s.Sampled = sample != nil && sample(s.Trace)
		}
	}
	s.Parent = s.TraceContext.Span
	for s.TraceContext.Span = (SpanID{}); s.TraceContext.Span == (SpanID{}); {
		binary.NativeEndian.PutUint64(s.TraceContext.Span[:], rand.Uint64())
	}
	in.Trace = s.TraceContext
	return in, s
}

// Outgoing is m as an adapter that has headers sends it: with those of its trace context.
func (m *Message) Outgoing() *Message {
	if m.Trace.Span == (SpanID{}) || m.Headers[HeaderTraceparent] != "" {
		return m
	}
	out := *m
	out.Headers = m.Headers.With(HeaderTraceparent, m.Trace.Traceparent(), HeaderTracestate, m.Trace.State)
	return &out
}

// Traceparent is the header that names c's span.
func (c TraceContext) Traceparent() string {
	b := make([]byte, 0, 55)
	b = hex.AppendEncode(append(b, "00-"...), c.Trace[:])
	b = hex.AppendEncode(append(b, '-'), c.Span[:])
	if c.Sampled {
		return string(append(b, "-01"...))
	}
	return string(append(b, "-00"...))
}

// Span is the place in a trace of one run of a stage.
type Span struct {
	TraceContext                // its own: what it sends carries it
	Parent       SpanID         // what sent the message that it handles; zero: the trace begins with it
	Links        []TraceContext // of other messages that came together in it, such as the members of a group
}

// EndedRun is what an Observer is told of a run.
type EndedRun struct {
	Span
	Name        string // of the stage
	Kind        SpanKind
	Start, End  time.Time
	Message     string // ID of the message that was handled
	Correlation string
	Queue       string  // of the store, where the message lay; "": it came from outside
	Adapter     string  // that brought it from outside
	Attempts    int     // failed runs before this one that counted
	Events      []Event // what the steps did: those that called or sent say when, and how long it took
	Err         error   // why the run failed; nil: it did not
}

// SpanKind is what a run is to whoever sent the message, in the words of OpenTelemetry.
type SpanKind string

// The kinds of runs.
const (
	SpanServer   SpanKind = "server"   // the sender waits for the answer
	SpanConsumer SpanKind = "consumer" // nobody does
)

// Observer is told of runs. Both methods are called on the way of messages: they must not wait.
type Observer interface {
	Sample(TraceID) bool // whether a trace that begins in this hub is recorded
	Ended(*EndedRun)     // a run of a trace that is recorded has ended
}
