package otlp

import (
	"cmp"
	"encoding/binary"
	"math/rand/v2"
	"net/url"
	"path"
	"strconv"
	"strings"
	"time"

	"orderhub/hub"
)

// The messages of OTLP, as JSON has them: IDs in hex, 64-bit numbers as texts.
type (
	export struct {
		ResourceSpans []resourceSpans `json:"resourceSpans"`
	}
	resourceSpans struct {
		Resource   resource     `json:"resource"`
		ScopeSpans []scopeSpans `json:"scopeSpans"`
	}
	resource struct {
		Attributes []attribute `json:"attributes"`
	}
	scopeSpans struct {
		Scope scope  `json:"scope"`
		Spans []span `json:"spans"`
	}
	scope struct {
		Name    string `json:"name"`
		Version string `json:"version"`
	}
	span struct {
		Trace      string      `json:"traceId"`
		ID         string      `json:"spanId"`
		State      string      `json:"traceState,omitempty"`
		Parent     string      `json:"parentSpanId,omitempty"`
		Name       string      `json:"name"`
		Kind       int         `json:"kind"`
		Start      string      `json:"startTimeUnixNano"`
		End        string      `json:"endTimeUnixNano"`
		Attributes []attribute `json:"attributes,omitempty"`
		Links      []link      `json:"links,omitempty"`
		Status     *status     `json:"status,omitempty"` // nil: unset
	}
	link struct {
		Trace string `json:"traceId"`
		ID    string `json:"spanId"`
		State string `json:"traceState,omitempty"`
	}
	status struct {
		Code    int    `json:"code"`
		Message string `json:"message,omitempty"`
	}
	attribute struct {
		Key   string `json:"key"`
		Value value  `json:"value"`
	}
	value struct {
		String string `json:"stringValue,omitempty"`
		Int    string `json:"intValue,omitempty"`
	}
)

// Kinds and the status of spans in OTLP.
const (
	kindServer   = 2
	kindClient   = 3
	kindProducer = 4
	kindConsumer = 5
	statusError  = 2
)

// patterns are the verbs of steps that have spans of their own, by what they note in the history.
var patterns = map[string]struct {
	verb string
	kind int
}{"called": {"call", kindClient}, "sent": {"send", kindProducer}, "gathered": {"scatter_gather", kindClient}, "distributed": {"recipient_list", kindClient}}

// messagingSystems are the names of OpenTelemetry's conventions for the systems behind adapters.
var messagingSystems = map[string]string{"amqp": "rabbitmq", "stomp": "rabbitmq", "kafka": "kafka"}

// spansOf are the span of a run and those of its steps that called or sent.
func spansOf(r *hub.EndedRun, c *Config) []span {
	own := span{Trace: r.Trace.String(), ID: r.Span.Span.String(), State: r.State, Name: r.Name, Kind: kindConsumer, Start: nanos(r.Start), End: nanos(r.End),
		Attributes: attributesOf(r, c)}
	if r.Parent != (hub.SpanID{}) {
		own.Parent = r.Parent.String()
	}
	if r.Kind == hub.SpanServer {
		own.Kind = kindServer
	}
	for _, l := range r.Links {
		own.Links = append(own.Links, link{l.Trace.String(), l.Span.String(), l.State})
	}
	if r.Err != nil {
		e := hub.AsError(r.Err)
		own.Status = &status{statusError, e.Label()}
		own.Attributes = append(own.Attributes, text("error.type", string(e.Class)))
	}
	spans := []span{own}
	for i := range r.Events {
		if p, ok := patterns[r.Events[i].What]; ok {
			spans = append(spans, stepSpan(&own, &r.Events[i], p.verb, p.kind, c))
		}
	}
	return spans
}

// stepSpan is the span of a step of the run own.
func stepSpan(own *span, e *hub.Event, verb string, kind int, c *Config) span {
	var id hub.SpanID
	binary.NativeEndian.PutUint64(id[:], rand.Uint64()|1) // never zero
	s := span{Trace: own.Trace, ID: id.String(), State: own.State, Parent: own.ID, Name: strings.ReplaceAll(e.Where, "/", " "), Kind: kind,
		Start: nanos(e.Time), End: nanos(e.Time.Add(e.Took)), Attributes: []attribute{text("hub.pattern", verb), text("code.lineno", e.Line)}}
	if e.Detail != "" {
		s.Attributes = append(s.Attributes, text("hub.detail", c.Mask(e.Detail)))
	}
	if method, address, found := strings.Cut(e.Asked, " "); found {
		s.Attributes = append(s.Attributes, callOf(method, c.Mask(address), e.Status)...)
		if e.Status == "" || e.Status >= "400" {
			s.Status = &status{Code: statusError}
		}
	}
	if kind == kindProducer {
		s.Attributes = append(s.Attributes, text("messaging.operation.type", "send"), text("messaging.destination.name", path.Base(e.Where)))
	}
	return s
}

// callOf are the attributes of a call over HTTP, by OpenTelemetry's conventions for clients: error.type is there when the call failed.
func callOf(method, address, status string) []attribute {
	out := []attribute{text("http.request.method", method), text("url.full", address)}
	if u, err := url.Parse(address); err == nil {
		port := cmp.Or(u.Port(), map[string]string{"http": "80", "https": "443"}[u.Scheme])
		out = append(out, text("server.address", u.Hostname()), number("server.port", port))
	}
	if status != "" {
		out = append(out, number("http.response.status_code", status))
	}
	if status >= "400" {
		out = append(out, text("error.type", status))
	}
	return out
}

// attributesOf are those of a run, by OpenTelemetry's conventions for messaging and for HTTP.
func attributesOf(r *hub.EndedRun, c *Config) []attribute {
	out := []attribute{text("messaging.message.id", r.Message)}
	if r.Correlation != "" {
		out = append(out, text("messaging.message.conversation_id", r.Correlation))
	}
	if r.Attempts > 0 {
		out = append(out, text("hub.attempts", strconv.Itoa(r.Attempts)))
	}
	source := c.Sources[r.Name]
	method, route, found := strings.Cut(source, " ")
	switch {
	case r.Adapter != "" && r.Kind == hub.SpanServer && found:
		return append(out, text("http.request.method", method), text("http.route", route))
	case r.Adapter != "":
		system := messagingSystems[c.Systems[r.Adapter]]
		if system == "" {
			system = c.Systems[r.Adapter]
		}
		return append(out, text("messaging.system", system), text("messaging.operation.type", "process"), text("messaging.destination.name", source))
	}
	return append(out, text("messaging.system", "orderhub"), text("messaging.operation.type", "process"), text("messaging.destination.name", r.Queue))
}

func text(key, of string) attribute   { return attribute{key, value{String: of}} }
func number(key, of string) attribute { return attribute{key, value{Int: of}} }

func nanos(t time.Time) string { return strconv.FormatInt(t.UnixNano(), 10) }
