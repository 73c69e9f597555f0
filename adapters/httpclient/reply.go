package httpclient

import (
	"context"
	"errors"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/go-resty/resty/v2"
	"orderhub/hub"
	"orderhub/hub/doc"
)

const maxRetryAfter = 24 * time.Hour

// reply makes the reply of an answer, or the classified error of a bad one.
func (c *Operation) reply(m *hub.Message, resp *resty.Response) (*hub.Message, error) {
	if !c.op.expects(resp.StatusCode()) {
		return nil, c.refusal(resp)
	}
	h := headersOf(resp)
	body, err := c.body(h.Get(hub.HeaderContentType), h.Get(hub.HeaderEncoding), resp.Body())
	if err != nil {
		return nil, err
	}
	return &hub.Message{ID: hub.DeriveID(m.ID, "reply"), Key: m.Key, Correlation: m.Correlation,
		Time: c.client.env.Clock.Now(), Headers: h, Body: body}, nil
}

// headersOf are the answer's headers, but for those of the connection and what looks like the hub's own; those
// that came several times are joined, and the cookies that it sets are written as the next request sends them.
func headersOf(resp *resty.Response) hub.Headers {
	h := hub.Headers{}
	for name, values := range resp.Header() {
		name = strings.ToLower(name)
		gone := name == hub.HeaderEncoding && strings.EqualFold(values[0], "gzip") // resty has undone it
		if !gone && !connections(name) && name != "set-cookie" && !strings.HasPrefix(name, "hub-") {
			h[name] = strings.Join(values, ", ")
		}
	}
	var cookies []string
	for _, c := range resp.Cookies() {
		cookies = append(cookies, c.Name+"="+c.Value)
	}
	if len(cookies) > 0 {
		h["cookie"] = strings.Join(cookies, "; ")
	}
	h[hub.HeaderStatus] = strconv.Itoa(resp.StatusCode())
	return h
}

// body is the answer as it came: its content type says what it is. JSON that can't be read is an error at once.
func (c *Operation) body(media, coding string, raw []byte) (hub.Body, error) {
	body := hub.NewBody(raw)
	switch {
	case len(raw) == 0:
		body = hub.DocumentBody(doc.NullValue())
	case media != "" && coding == "" && hub.IsJSON(media):
		if _, err := body.Doc(); err != nil {
			return hub.Body{}, hub.Fail(hub.Rejected, hub.BadResponse, "the answer is no good JSON: %w", err)
		}
	}
	if len(c.op.success) == 0 {
		return body, nil
	}
	v, _ := body.Doc()
	for _, cond := range c.op.success {
		field := v
		for _, name := range cond.path {
			field = field.Get(name)
		}
		got, one := scalar(field)
		if !one {
			return hub.Body{}, hub.Fail(hub.Rejected, hub.BadResponse, "the answer has no %s, which success_if looks at: %w",
				strings.Join(cond.path, "."), hub.Said(c.excerpt(raw)))
		}
		if got != cond.want {
			return hub.Body{}, hub.Fail(hub.Rejected, "not_success", "the answer's %s is %.60q, not %q: %w",
				strings.Join(cond.path, "."), got, cond.want, hub.Said(c.excerpt(raw)))
		}
	}
	return body, nil
}

// refusal classifies a status that the operation doesn't expect.
func (c *Operation) refusal(resp *resty.Response) error {
	status := resp.StatusCode()
	e := hub.Fail(hub.Rejected, "http_"+strconv.Itoa(status), "answered %d %s: %w", status, http.StatusText(status), hub.Said(c.excerpt(resp.Body())))
	h := resp.Header()
	e.Answer = &hub.Message{Headers: headersOf(resp), Body: hub.NewBody(resp.Body())}
	if kind, _, _ := mime.ParseMediaType(h.Get("Content-Type")); kind == hub.TypeProblem {
		if other := hub.ReplyError(h.Get, resp.Body()); other != nil { // of a hub, which says itself what it is
			e = hub.AsError(other)
		}
	}
	switch {
	case status == http.StatusUnauthorized, status == http.StatusProxyAuthRequired: // our login is at fault, not what the message wants
		e.Class, e.Reason = hub.Unavailable, hub.AuthRequired
		if len(c.client.logins) > 0 || resp.Request.Header.Get("Authorization") != "" || status == http.StatusProxyAuthRequired {
			e.Reason = hub.AuthFailed
		}
	case told(e):
	case status == http.StatusRequestTimeout, status == http.StatusTooEarly, status == http.StatusGatewayTimeout:
		e.Class = hub.Timeout
	case status == http.StatusTooManyRequests:
		e.Class = hub.Throttled
	case status >= 500:
		e.Class = hub.Unavailable
	case status >= 200 && status < 300, status == http.StatusSeeOther: // it was done, whatever it was
		e.Reason = hub.BadResponse
	case status >= 300 && status < 400:
		e.Reason = "redirect"
	}
	if e.Class.Transient() {
		e.After = retryAfter(resp.Header(), c.client.env.Clock.Now())
	}
	return e
}

// told tells that another hub said all of e: it is handed on as it is.
func told(e *hub.Error) bool {
	_, said := e.Err.(hub.Said)
	return said
}

// retryAfter reads Retry-After: seconds, also with decimals, or a date, as RFC 9110 or RFC 3339 write it; or Retry-After-Ms. 0 when there is none.
func retryAfter(h http.Header, now time.Time) time.Duration {
	text, unit := strings.TrimSpace(h.Get("Retry-After")), time.Second
	if ms := strings.TrimSpace(h.Get("Retry-After-Ms")); ms != "" {
		text, unit = ms, time.Millisecond
	}
	var d time.Duration
	if n, err := strconv.ParseFloat(text, 64); err == nil && n > 0 {
		d = time.Duration(min(n*float64(unit), float64(maxRetryAfter)))
	} else if t, err := http.ParseTime(text); err == nil {
		d = t.Sub(now)
	} else if t, err := time.Parse(time.RFC3339, text); err == nil {
		d = t.Sub(now)
	}
	return max(0, min(d, maxRetryAfter))
}

const maxExcerpt = 512

// excerpt is the beginning of an answer, for people: no control characters, and no token of ours that it repeats.
func (c *Operation) excerpt(raw []byte) string {
	for _, l := range c.client.logins {
		raw = l.conceal(raw)
	}
	return plain(raw)
}

func plain(raw []byte) string {
	raw = raw[:min(len(raw), maxExcerpt)]
	text := strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(string(raw), ""))
	return strings.TrimSpace(text)
}

// failure classifies a request that got no whole answer; resp holds what came of it. The URL is left out of the
// text: its query may hold personal data.
func (c *Operation) failure(parent, ctx context.Context, resp *resty.Response, err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		err = e.Err
	}
	fail := func(class hub.Class, reason string) error {
		return &hub.Error{Class: class, Reason: reason, Err: err}
	}
	var timeout net.Error
	switch {
	case errors.Is(parent.Err(), context.Canceled):
		return stopped(err)
	case isLogin(err):
		return err
	case errors.Is(err, resty.ErrResponseBodyTooLarge):
		return hub.Fail(hub.Rejected, hub.BadResponse, "the answer is larger than %d bytes", c.client.cfg.Limits.MaxResponse)
	case errors.Is(err, errForbidden):
		return fail(hub.Rejected, "target_forbidden")
	case errors.Is(err, errSwitched), isBadAnswer(err):
		return fail(hub.Rejected, hub.BadResponse)
	case ctx.Err() != nil, errors.As(err, &timeout) && timeout.Timeout():
		return fail(hub.Timeout, "timeout")
	case resp != nil && resp.RawResponse != nil && c.op.expects(resp.StatusCode()):
		return hub.Fail(hub.Rejected, hub.BadResponse, "the answer %d is cut off or can't be read: %w", resp.StatusCode(), err)
	}
	return fail(hub.Unavailable, "connection")
}

// doubt is err, the end of a request that was sent to a service which does not know repeats: where nobody knows
// whether the service did it, it is ambiguous. An answer of the service itself, be it 500 or 503, tells that it did not.
func (o *op) doubt(err error) error {
	e := hub.AsError(err)
	switch {
	case e.Class == hub.Timeout && e.Reason != "http_408" && e.Reason != "http_425", e.Reason == "connection", e.Reason == "stopping", e.Reason == "http_502":
		return o.ambiguous.Error("%w", e.Err)
	}
	return err
}

// isBadAnswer finds the faults that net/http has no error values for.
func isBadAnswer(err error) bool {
	text := err.Error()
	return strings.Contains(text, "server response headers exceeded") || strings.Contains(text, "too many 1xx")
}
