package httpclient

import (
	"mime"
	"net/http"
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
func (c *Caller) reply(m *hub.Message, resp *resty.Response) (*hub.Message, error) {
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

func (c *Caller) body(media string, raw []byte) (hub.Body, error) {
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
func (c *Caller) refusal(resp *resty.Response) error {
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
