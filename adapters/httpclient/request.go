package httpclient

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net/textproto"
	"net/url"
	"slices"
	"strings"

	"github.com/go-resty/resty/v2"
	"golang.org/x/net/http/httpguts"

	"orderhub/hub"
	"orderhub/hub/doc"
	"orderhub/hub/escape"
)

const (
	typeJSON   = "application/json"
	acceptJSON = "application/json, */*;q=0.5"
)

// parts is the document of a message, cut into what travels where.
type parts struct {
	path           string
	query, cookies []pair
	headers        []pair
	body           hub.Body
}

// request builds the request of m; at is its address where the service itself named it, "": the operation's. What
// can't be sent is an Invalid error.
func (c *Operation) request(ctx context.Context, m *hub.Message, at string) (*resty.Request, error) {
	m = c.op.key.into(m)
	p, err := c.cut(m)
	if err != nil {
		return nil, err
	}
	req := c.client.resty.R().SetContext(ctx)
	req.Method, req.URL = c.op.method, at
	if at == "" {
		req.URL = c.address(p)
	}
	raw, err := p.body.Encode()
	if err != nil {
		return nil, err
	}
	for name, value := range c.headers(m, p, len(raw) > 0) {
		if !httpguts.ValidHeaderFieldName(name) || !httpguts.ValidHeaderFieldValue(value) {
			return nil, hub.Fail(hub.Invalid, "header_injection", "the header %s holds a line end or another control character", escape.Visible(name))
		}
		req.SetHeader(name, value)
	}
	if len(raw) > 0 {
		req.SetBody(raw)
	}
	return req, nil
}

// address is the URL of a request, with its query.
func (c *Operation) address(p *parts) string {
	query := p.query
	for _, fixed := range []map[string]string{c.op.query, c.client.cfg.Query} {
		for _, name := range slices.Sorted(maps.Keys(fixed)) {
			one := pair{url.QueryEscape(name), url.QueryEscape(fixed[name])}
			if !slices.ContainsFunc(query, func(q pair) bool { return q.name == one.name }) {
				query = append(query, one)
			}
		}
	}
	slices.SortStableFunc(query, func(a, b pair) int { return strings.Compare(a.name, b.name) })
	var b strings.Builder
	b.WriteString(cmp.Or(c.op.server(c.client), c.client.base) + p.path)
	sep := "?"
	if strings.Contains(p.path, "?") {
		sep = "&"
	}
	for _, q := range query {
		b.WriteString(sep + q.name + "=" + q.value)
		sep = "&"
	}
	return b.String()
}

// headers are those of a request. Of one name the last wins: the hub's own, the adapter's, the operation's, those that
// the document has, the step's.
func (c *Operation) headers(m *hub.Message, p *parts, body bool) map[string]string {
	correlation := m.Correlation
	if !httpguts.ValidHeaderFieldValue(correlation) { // a key that can't stand in a header line is written so that it can
		correlation = escape.Segment(correlation)
	}
	out := map[string]string{}
	set := func(name, value string) {
		if value != "" {
			out[textproto.CanonicalMIMEHeaderKey(name)] = value
		}
	}
	set("Accept", c.op.accept)
	set("X-Correlation-Id", correlation)
	if body {
		set(hub.HeaderContentType, typeJSON)
	}
	for _, fixed := range []map[string]string{c.client.cfg.Headers, c.op.headers} {
		for name, value := range fixed {
			set(name, value)
		}
	}
	for _, h := range p.headers {
		set(h.name, h.value)
	}
	for name, value := range m.Outgoing().Headers {
		if name != hub.HeaderIdempotency && !strings.HasPrefix(name, "hub-") && !connections(name) {
			set(name, value)
		}
	}
	if header := cmp.Or(c.op.key.Header, hub.HeaderIdempotency); header != noHeader {
		set(header, c.op.key.text(m.Headers.Get(hub.HeaderIdempotency)))
	}
	if len(p.cookies) > 0 {
		var all []string
		for _, one := range p.cookies {
			all = append(all, one.name+"="+one.value)
		}
		if own := out["Cookie"]; own != "" {
			all = append(all, own)
		}
		out["Cookie"] = strings.Join(all, "; ")
	}
	if !body {
		delete(out, "Content-Type")
		delete(out, "Content-Encoding")
	}
	return out
}

// cut takes the operation's params out of the document of m. What is left is the body or, for a method that has none
// and no description, the query.
func (c *Operation) cut(m *hub.Message) (*parts, error) {
	o := c.op
	p := &parts{path: o.path, body: m.Body}
	if o.bodiless() || o.described != nil && !o.described.body {
		p.body = hub.Body{}
	}
	if len(o.params) == 0 && (!o.bodiless() || o.described != nil) {
		return p, nil
	}
	d, bad := m.Body.Doc()
	if bad != nil || d.Kind() != doc.Object {
		d = doc.ObjectOf(nil)
	}
	used, taken, err := c.fill(p, m, d)
	switch {
	case err != nil:
		return nil, err
	case o.bodiless() && o.described == nil:
		err = p.asQuery(d, used)
		return p, err
	case taken && p.body.IsDocument(), taken && p.body.Format() == nil && p.body.Len() > 0:
		p.body = rest(m.Body, d, used)
	}
	return p, nil
}

// fill puts what the params take out of d where it belongs. used are the fields; taken: they leave the body.
func (c *Operation) fill(p *parts, m *hub.Message, d doc.Value) (used map[string]bool, taken bool, err error) {
	used, taken = map[string]bool{}, m.Body.IsDocument()
	for i := range c.op.params {
		q := &c.op.params[i]
		pairs, err := q.pairs(d.Get(q.field))
		if err != nil {
			return nil, false, err
		}
		if len(pairs) == 0 {
			if q.required && !c.given(q, m) {
				return nil, false, c.missing(q)
			}
			continue
		}
		if q.in == "path" && slices.Contains([]string{"", ".", ".."}, pairs[0].value) {
			return nil, false, c.missing(q)
		}
		p.place(q, pairs)
		used[q.field] = true
		taken = taken || q.taken
	}
	return used, taken, nil
}

// asQuery adds the fields of d that are not used to the query.
func (p *parts) asQuery(d doc.Value, used map[string]bool) error {
	for field, v := range d.Fields() {
		if used[field] {
			continue
		}
		q := loose(field)
		pairs, err := q.pairs(v)
		if err != nil {
			return err
		}
		p.query = append(p.query, pairs...)
	}
	return nil
}

// rest is the body without the fields that are used.
func rest(body hub.Body, d doc.Value, used map[string]bool) hub.Body {
	left := doc.Map(d, func(name string, v doc.Value) doc.Value {
		if used[name] {
			return doc.Value{}
		}
		return v
	})
	if left.Len() == d.Len() {
		return body
	}
	return hub.DocumentBody(left).In(body.Format())
}

// place adds what q says to where it belongs.
func (p *parts) place(q *param, pairs []pair) {
	switch q.in {
	case "path":
		p.path = strings.ReplaceAll(p.path, "{"+q.name+"}", pairs[0].value)
	case "header":
		p.headers = append(p.headers, pairs...)
	case "cookie":
		p.cookies = append(p.cookies, pairs...)
	default:
		p.query = append(p.query, pairs...)
	}
}

// given tells that a param which the document lacks is sent all the same: as a header of the step, the operation or the adapter, or as a login.
func (c *Operation) given(q *param, m *hub.Message) bool {
	is := func(name string) bool { return strings.EqualFold(name, q.name) }
	key := &c.client.cfg.APIKey
	switch {
	case key.Value != "" && key.In == q.in && is(key.Name):
		return true
	case q.in == "query":
		return c.op.query[q.name] != "" || c.client.cfg.Query[q.name] != ""
	case q.in == "header":
		own := func(name string) bool { return is(name) && name != hub.HeaderIdempotency }
		return slices.ContainsFunc(slices.Collect(maps.Keys(m.Headers)), own) || slices.ContainsFunc(slices.Collect(maps.Keys(c.op.headers)), is) ||
			c.client.cfg.sends(q.name) || is(cmp.Or(c.op.key.Header, hub.HeaderIdempotency)) && m.Headers.Get(hub.HeaderIdempotency) != "" || is("accept") || is("content-type")
	}
	return false
}

// missing is the error of a document without a field that is needed.
func (c *Operation) missing(q *param) error {
	e := hub.Fail(hub.Invalid, "missing_param", "the %s of %s %s needs the field %q of a JSON object, a text or number", q.in, c.op.method, c.op.path, q.field)
	e.Fields = []hub.FieldError{{Pointer: "/" + q.field, Detail: "is needed for the " + q.in + " of " + c.op.method + " " + c.op.path}}
	return e
}

// connections tells that a header says how a connection works: net/http sees to these.
func connections(name string) bool {
	return slices.Contains([]string{"connection", "keep-alive", "proxy-connection", "proxy-authorization", "te", "trailer", "transfer-encoding", "upgrade", "host",
		"content-length", "accept-encoding", "expect"}, strings.ToLower(name))
}

// ignoredHeader tells that a header of a call is not sent, and what to write instead.
func ignoredHeader(name string) (help string, ignored bool) {
	if connections(name) {
		return "remove it: the connection sees to it", true
	}
	return "choose another name: those that begin with hub- stay in the hub", strings.HasPrefix(name, "hub-")
}

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
