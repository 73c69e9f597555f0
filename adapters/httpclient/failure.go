package httpclient

import (
	"context"
	"errors"
	"net"
	"net/url"
	"strings"

	"github.com/go-resty/resty/v2"

	"orderhub/hub"
)

// failure classifies a request that got no whole answer; resp holds what came of it. The URL is left out of the
// text: its query may hold personal data.
func (c *Caller) failure(parent, ctx context.Context, resp *resty.Response, err error) error {
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
