package httpserver

import (
	"fmt"
	"net/http"
	"net/textproto"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"orderhub/hub"
)

const maxIdempotencyKey = 255

// The request headers that every message carries, in their wire form and in
// ours. Others are carried when the route or the pipeline's formulas name
// them: nothing that comes in may steer the hub, as status, reply-to or
// routing-key would, or be kept and passed on though it is secret, as an
// x-api-key is.
var carried = [...][2]string{
	{"Idempotency-Key", hub.HeaderIdempotency},
	{"Traceparent", hub.HeaderTraceparent},
	{"Tracestate", hub.HeaderTracestate},
	{"Accept", "accept"},
	{"Accept-Language", "accept-language"},
	{"Webhook-Id", "webhook-id"},
	{"X-Request-Id", "x-request-id"},
	{"X-Correlation-Id", "x-correlation-id"},
}

// Headers that no message carries, whoever names them.
var (
	secretHeaders   = []string{"authorization", "proxy-authorization", "cookie"}
	steeringHeaders = []string{hub.HeaderContentType, hub.HeaderStatus, hub.HeaderReplyTo, hub.HeaderSequence, hub.HeaderRetryAfter, hub.HeaderRoutingKey, hub.HeaderVerified}
)

// notCarried tells why a header can't be named; "": it can.
func notCarried(name string) string {
	name = strings.TrimSuffix(name, "*") // x-shop-*: all that begin so
	switch {
	case name == "" || !validHeader(name, ""):
		return "is no name of a header"
	case slices.Contains(secretHeaders, name):
		return "proves who sends, and is kept by nobody: see verify"
	case slices.Contains(steeringHeaders, name), strings.HasPrefix(name, "param."), strings.HasPrefix(name, "query."), strings.HasPrefix(name, "hub-"):
		return "has a meaning of its own in the hub"
	}
	return ""
}

// wire are the headers that the route and the pipeline name, beside those that are carried anyway.
func wire(named []string) (out [][2]string) {
	for _, name := range named {
		name = strings.ToLower(name)
		pair := [2]string{textproto.CanonicalMIMEHeaderKey(name), name}
		if notCarried(name) == "" && !strings.HasSuffix(name, "*") && !slices.Contains(carried[:], pair) && !slices.Contains(out, pair) {
			out = append(out, pair)
		}
	}
	return out
}

// prefixes are how headers begin that messages carry: those of CloudEvents, and what the route names with a star.
func prefixes(named []string) []string {
	out := []string{"ce-"}
	for _, name := range named {
		if begin, ok := strings.CutSuffix(strings.ToLower(name), "*"); ok {
			out = append(out, begin)
		}
	}
	return out
}

// carryAll adds the headers that begin with one of the prefixes.
func (s *Source) carryAll(r *http.Request, h hub.Headers) {
	for name, values := range r.Header {
		lower := strings.ToLower(name)
		if slices.ContainsFunc(s.begins, func(begin string) bool { return strings.HasPrefix(lower, begin) }) && notCarried(lower) == "" && !s.verify.holds("header."+name) {
			h[lower] = strings.Join(values, ", ")
		}
	}
}

// headers are the message's: the allowed ones, param.… of the path, query.… of the URL.
func (s *Source) headers(r *http.Request, media string) (hub.Headers, *problem) {
	h := make(hub.Headers, 6+len(s.params))
	if media != "" {
		h[hub.HeaderContentType] = media
	}
	for _, list := range [][][2]string{carried[:], s.named} {
		for _, c := range list {
			if v := strings.Join(r.Header[c[0]], ", "); v != "" && !s.verify.holds("header."+c[0]) {
				h[c[1]] = v
			}
		}
	}
	s.carryAll(r, h)
	if p := checkIdempotencyKey(r.Header["Idempotency-Key"]); p != nil {
		return nil, p
	}
	for _, name := range s.params {
		h["param."+name] = r.PathValue(name)
	}
	if r.URL.RawQuery != "" {
		if p := s.query(r, h); p != nil {
			return nil, p
		}
	}
	for name, v := range h {
		if !utf8.ValidString(v) || !utf8.ValidString(name) {
			return nil, newProblem(http.StatusBadRequest, "bad_utf8", fmt.Sprintf("%q is not UTF-8", strings.ToValidUTF8(name, "?")))
		}
	}
	return h, nil
}

// query adds the fields of the URL's query to h, but for what proves the sender.
func (s *Source) query(r *http.Request, h hub.Headers) *problem {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return newProblem(http.StatusBadRequest, "bad_query", "the query of the URL is not well formed")
	}
	for name, v := range query {
		if !s.verify.holds("query." + name) {
			h["query."+name] = v[0]
		}
	}
	return nil
}

// checkIdempotencyKey refuses a header that is there and names nothing, or two things.
func checkIdempotencyKey(values []string) *problem {
	switch {
	case len(values) == 0:
		return nil
	case len(values) > 1 || strings.TrimSpace(values[0]) == "":
		return newProblem(http.StatusBadRequest, "bad_idempotency_key", "the Idempotency-Key is empty, or there are two of them")
	case len(values[0]) > maxIdempotencyKey:
		return newProblem(http.StatusBadRequest, "bad_idempotency_key", fmt.Sprintf("the Idempotency-Key is longer than %d characters", maxIdempotencyKey))
	}
	return nil
}
