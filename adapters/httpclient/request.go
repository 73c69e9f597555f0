package httpclient

import (
	"context"
	"net/url"
	"strings"

	"github.com/go-resty/resty/v2"

	"orderhub/hub"
	"orderhub/hub/doc"
)

const typeJSON = "application/json"

// request builds the request of m. What can't be sent is an Invalid error.
func (c *Caller) request(ctx context.Context, m *hub.Message) (*resty.Request, error) {
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
	media := m.Headers.Get(hub.HeaderContentType)
	if media == "" {
		media = typeJSON
	}
	correlation := m.Correlation
	if !validValue(correlation) { // a key that can't stand in a header line is written so that it can
		correlation = hub.Segment(correlation)
	}
	headers := [][2]string{
		{"Accept", typeJSON},
		{"Idempotency-Key", m.Headers.Get(hub.HeaderIdempotency)},
		{"Traceparent", m.Headers.Get(hub.HeaderTraceparent)},
		{"X-Correlation-Id", correlation},
	}
	if raw := m.Body.Bytes(); !c.op.query() && len(raw) > 0 {
		headers = append(headers, [2]string{"Content-Type", media})
		req.SetBody(raw)
	}
	for _, h := range headers {
		if h[1] == "" {
			continue
		}
		if !validValue(h[1]) {
			return nil, hub.Fail(hub.Invalid, "header_injection", "the header %s holds a line end or another control character", h[0])
		}
		req.SetHeader(h[0], h[1])
	}
	return req, nil
}

// target fills the path's params from the body's fields. The query of an
// operation that is described has the fields that the description names; for
// other methods without a body it has all scalar fields that are left.
func (c *Caller) target(m *hub.Message) (path string, query url.Values, err error) {
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
func (c *Caller) missing(part, name string) error {
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
