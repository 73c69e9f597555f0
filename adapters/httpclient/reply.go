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

// The answer's headers that the reply keeps beside status and content-type.
var kept = [...]string{"location", hub.HeaderRetryAfter, "etag", "last-modified", "idempotent-replayed"}

const maxRetryAfter = 24 * time.Hour

// reply makes the reply of an answer, or the classified error of a bad one.
func (c *Operation) reply(m *hub.Message, resp *resty.Response) (*hub.Message, error) {
	status := resp.StatusCode()
	if !c.op.expects(status) {
		return nil, c.refusal(resp)
	}
	media := resp.Header().Get("Content-Type")
	body, err := c.body(media, resp.Body())
	if err != nil {
		return nil, err
	}
	h := hub.Headers{hub.HeaderStatus: strconv.Itoa(status)}
	if media != "" {
		h[hub.HeaderContentType] = media
	}
	for _, name := range kept {
		if v := resp.Header().Get(name); v != "" {
			h[name] = v
		}
	}
	return &hub.Message{ID: hub.DeriveID(m.ID, "reply"), Key: m.Key, Correlation: m.Correlation,
		Time: c.client.env.Clock.Now(), Headers: h, Body: body}, nil
}

func (c *Operation) body(media string, raw []byte) (hub.Body, error) {
	kind, _, _ := mime.ParseMediaType(media)
	var body hub.Body
	switch {
	case len(raw) == 0:
		body = hub.DocumentBody(doc.NullValue())
	case isJSON(kind):
		body = hub.NewBody(raw)
		if _, err := body.Doc(); err != nil {
			return hub.Body{}, hub.Fail(hub.Rejected, hub.BadResponse, "the answer is no good JSON: %w", err)
		}
	default:
		body = hub.DocumentBody(doc.StringValue(string(raw)))
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
				strings.Join(cond.path, "."), hub.Said(excerpt(raw)))
		}
		if got != cond.want {
			return hub.Body{}, hub.Fail(hub.Rejected, "not_success", "the answer's %s is %.60q, not %q: %w",
				strings.Join(cond.path, "."), got, cond.want, hub.Said(excerpt(raw)))
		}
	}
	return body, nil
}

// refusal classifies a status that the operation doesn't expect.
func (c *Operation) refusal(resp *resty.Response) error {
	status := resp.StatusCode()
	e := hub.Fail(hub.Rejected, "http_"+strconv.Itoa(status), "answered %d %s: %w", status, http.StatusText(status), hub.Said(excerpt(resp.Body())))
	h := resp.Header()
	if kind, _, _ := mime.ParseMediaType(h.Get("Content-Type")); kind == hub.TypeProblem {
		if other := hub.ReplyError(h.Get, resp.Body()); other != nil { // of a hub, which says itself what it is
			e = hub.AsError(other)
		}
	}
	switch {
	case status == http.StatusUnauthorized, status == http.StatusProxyAuthRequired: // our login is at fault, not what the message wants
		e.Class, e.Reason = hub.Unavailable, hub.AuthRequired
		if c.client.cfg.sends("authorization") || status == http.StatusProxyAuthRequired {
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
		e.After = retryAfter(resp.Header().Get("Retry-After"), c.client.env.Clock.Now())
	}
	return e
}

// told tells that another hub said all of e: it is handed on as it is.
func told(e *hub.Error) bool {
	_, said := e.Err.(hub.Said)
	return said
}

// retryAfter reads seconds or a date; 0 when there is none.
func retryAfter(text string, now time.Time) time.Duration {
	var d time.Duration
	if n, err := strconv.Atoi(strings.TrimSpace(text)); err == nil {
		d = time.Duration(min(n, int(maxRetryAfter/time.Second))) * time.Second
	} else if t, err := http.ParseTime(text); err == nil {
		d = t.Sub(now)
	}
	return max(0, min(d, maxRetryAfter))
}

const maxExcerpt = 512

// excerpt is the beginning of an answer, for people: no control characters.
func excerpt(raw []byte) string {
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
