package httpclient

import (
	"cmp"
	"context"
	"fmt"
	"mime"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-resty/resty/v2"
	"golang.org/x/net/http/httpguts"

	"orderhub/hub"
	"orderhub/hub/doc"
	"orderhub/hub/escape"
)

const typeJSON = "application/json"

// request builds the request of m. What can't be sent is an Invalid error.
func (c *Operation) request(ctx context.Context, m *hub.Message) (*resty.Request, error) {
	path, query, err := c.target(m)
	if err != nil {
		return nil, err
	}
	req := c.client.resty.R().SetContext(ctx)
	req.Method, req.URL = c.op.method, c.client.base+path
	if len(query) > 0 {
		sep := "?"
		if strings.Contains(path, "?") {
			sep = "&"
		}
		req.URL += sep + query.Encode()
	}
	correlation := m.Correlation
	if !httpguts.ValidHeaderFieldValue(correlation) { // a key that can't stand in a header line is written so that it can
		correlation = escape.Segment(correlation)
	}
	headers := [][2]string{
		{"Accept", typeJSON},
		{"Idempotency-Key", m.Headers.Get(hub.HeaderIdempotency)},
		{"Traceparent", m.Headers.Get(hub.HeaderTraceparent)},
		{"X-Correlation-Id", correlation},
	}
	if raw := m.Body.Bytes(); !c.op.query() && len(raw) > 0 {
		headers = append(headers, [2]string{"Content-Type", cmp.Or(m.Headers.Get(hub.HeaderContentType), typeJSON)})
		req.SetBody(raw)
	}
	for _, h := range headers {
		if h[1] == "" {
			continue
		}
		if !httpguts.ValidHeaderFieldValue(h[1]) {
			return nil, hub.Fail(hub.Invalid, "header_injection", "the header %s holds a line end or another control character", h[0])
		}
		req.SetHeader(h[0], h[1])
	}
	return req, nil
}

// target fills the path's params from the body's fields. The query of an
// operation that is described has the fields that the description names; for
// other methods without a body it has all scalar fields that are left.
func (c *Operation) target(m *hub.Message) (path string, query url.Values, err error) {
	path = c.op.path
	if len(c.op.params)+len(c.op.fields) == 0 && (!c.op.query() || c.op.described != nil) {
		return path, nil, nil
	}
	body, bad := m.Body.Doc()
	if bad != nil || body.Kind() != doc.Object {
		body = doc.ObjectOf(nil)
	}
	used := map[string]bool{}
	for _, name := range c.op.params {
		v, ok := scalar(body.Get(name))
		if !ok || v == "" || v == "." || v == ".." {
			return "", nil, c.missing("path", name)
		}
		path = strings.ReplaceAll(path, "{"+name+"}", url.PathEscape(v))
		used[name] = true
	}
	query = url.Values{}
	for _, f := range c.op.fields {
		if text, ok := scalar(body.Get(f.name)); ok {
			query.Set(f.name, text)
		} else if f.required {
			return "", nil, c.missing("query", f.name)
		}
	}
	if !c.op.query() || c.op.described != nil {
		return path, query, nil
	}
	for name, v := range body.Fields() {
		if text, ok := scalar(v); ok && !used[name] {
			query.Set(name, text)
		}
	}
	return path, query, nil
}

// missing is the error of a body without a field that is needed for a part of the URL.
func (c *Operation) missing(part, name string) error {
	e := hub.Fail(hub.Invalid, "missing_param", "the %s of %s %s needs the field %q of a JSON object, a text or number", part, c.op.method, c.op.path, name)
	e.Fields = []hub.FieldError{{Pointer: "/" + name, Detail: "is needed for the " + part + " of " + c.op.method + " " + c.op.path}}
	return e
}

func scalar(v doc.Value) (string, bool) {
	switch v.Kind() {
	case doc.Bool, doc.Number, doc.String:
		return v.Text(), true
	}
	return "", false
}

// ignoredHeader tells that a header of a call is not sent, and what to write instead.
func ignoredHeader(name, value string) (help string, ignored bool) {
	switch name {
	case hub.HeaderIdempotency, hub.HeaderTraceparent:
		return "", false
	case hub.HeaderContentType:
		kind, _, err := mime.ParseMediaType(value)
		if value == "" || err == nil && isJSON(kind) {
			return "", false
		}
		return "remove it: the body of a call is JSON, whatever its label", true
	case "authorization":
		return "write it at the adapter: bearer: secret:name, or basic: {user: …, password: secret:name}", true
	case "x-correlation-id":
		return "remove it: it is the message's correlation, which set: {correlation: =…} changes", true
	case "accept":
		return "remove it: a call asks for JSON", true
	}
	return "write it at the adapter, for all of its calls: headers: {" + name + ": …}", true
}

// isJSON tells that a media type is JSON, or is made of it.
func isJSON(kind string) bool { return kind == typeJSON || strings.HasSuffix(kind, "+json") }

const maxURL = 2 << 10

// parseURL reads the base of all requests.
func parseURL(text string) (*url.URL, error) {
	if len(text) > maxURL {
		return nil, fmt.Errorf("url: bad_url: longer than %d bytes", maxURL)
	}
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return nil, fmt.Errorf("url: bad_url: not well formed")
	case u.User != nil:
		return nil, fmt.Errorf("url: bad_url: it holds a name or password; use basic or bearer")
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, fmt.Errorf("url: bad_url: the scheme %q is neither http nor https", u.Scheme)
	case u.Hostname() == "":
		return nil, fmt.Errorf("url: bad_url: it has no host")
	case u.RawQuery != "" || u.Fragment != "":
		return nil, fmt.Errorf("url: bad_url: it holds a query or a fragment")
	case u.Port() == "25":
		return nil, fmt.Errorf("url: bad_url: port 25 is for mail")
	}
	return u, nil
}

// quota is a number per time, such as 20/s; the zero quota is none.
type quota struct {
	n   int
	per time.Duration
}

// parseQuota reads a quota with a number from 1 on; unit reads its time, and gives 0 for what is none.
func parseQuota(text string, unit func(string) time.Duration) (q quota, ok bool) {
	if text == "" {
		return quota{}, true
	}
	count, per, _ := strings.Cut(text, "/")
	n, err := strconv.Atoi(strings.TrimSpace(count))
	q = quota{n, unit(strings.TrimSpace(per))}
	return q, err == nil && n >= 1 && q.per > 0
}

// throttle is how many calls may begin in a time.
func (l *Limits) throttle() (quota, error) {
	units := map[string]time.Duration{"s": time.Second, "m": time.Minute, "h": time.Hour}
	q, ok := parseQuota(l.Throttle, func(unit string) time.Duration { return units[unit] })
	if !ok {
		return quota{}, fmt.Errorf("limits.throttle: %q is no pace", l.Throttle)
	}
	return q, nil
}

// breaker is after how many failures in a row calls stop, and for how long.
func (l *Limits) breaker() (quota, error) {
	q, ok := parseQuota(l.CircuitBreaker, func(text string) time.Duration {
		d, _ := time.ParseDuration(text) // 0 on an error
		return d
	})
	if !ok {
		return quota{}, fmt.Errorf("limits.circuit_breaker: %q is no rule", l.CircuitBreaker)
	}
	return q, nil
}

var methods = []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"}

// parseLine reads "POST /refunds/{id}".
func parseLine(text string) (method, path string, params []string, err error) {
	method, path, _ = strings.Cut(strings.TrimSpace(text), " ")
	path = strings.TrimSpace(path)
	if !slices.Contains(methods, method) || !strings.HasPrefix(path, "/") || strings.ContainsAny(path, " \t\r\n#") {
		return "", "", nil, fmt.Errorf("%q is no method with a path", text)
	}
	for rest := path; ; {
		_, after, open := strings.Cut(rest, "{")
		if !open {
			if strings.Contains(rest, "}") {
				return "", "", nil, fmt.Errorf("%q has a } without a {", text)
			}
			return method, path, params, nil
		}
		name, left, closed := strings.Cut(after, "}")
		if !closed || name == "" || strings.ContainsAny(name, "{/?") {
			return "", "", nil, fmt.Errorf("%q has a { without a name and a }", text)
		}
		params = append(params, name)
		rest = left
	}
}
