package httpclient

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http/httptrace"
	"net/url"
	"sync/atomic"

	"orderhub/hub"
)

// Operation asks one operation of the service and waits for its answer. To one that is sent to, a good answer is the
// confirmation; its body is dropped.
type Operation struct {
	client *Client
	op     *op
}

var (
	_ hub.Caller = (*Operation)(nil)
	_ hub.Target = (*Operation)(nil)
)

// Send returns nil after the service answered with an expected status.
func (c *Operation) Send(ctx context.Context, m *hub.Message) error {
	_, err := c.Call(ctx, m)
	return err
}

// Close does nothing: the connections are the adapter's.
func (c *Operation) Close() error { return nil }

// Call asks the service once or, where the operation reads pages, once for each. It returns before ctx or the
// operation's time ends. The reply has the answer's status, headers and bytes; an empty one is null.
func (c *Operation) Call(ctx context.Context, m *hub.Message) (reply *hub.Message, err error) {
	if c.op.paging != nil {
		reply, err = c.pages(ctx, m)
	} else {
		reply, _, err = c.once(ctx, m, "")
	}
	if e, ok := errors.AsType[*hub.Error](err); ok && e.Err != nil && !told(e) {
		e.Err = fmt.Errorf("%s %s: %w", c.client.env.Name, c.op.name, e.Err)
	}
	return reply, err
}

// once asks at an address; "": the operation's. from is the address that was asked.
func (c *Operation) once(parent context.Context, m *hub.Message, at string) (reply *hub.Message, from string, err error) {
	ctx, cancel := context.WithTimeout(parent, cmp.Or(c.op.timeout, c.client.cfg.Timeout))
	defer cancel()
	var sent atomic.Bool
	if c.op.ambiguous != "" {
		ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{WroteHeaders: func() { sent.Store(true) }})
	}
	req, err := c.request(ctx, m, at)
	if err != nil {
		return nil, "", err
	}
	from = req.URL
	if err := c.client.breaker.check(); err != nil {
		return nil, "", err
	}
	if err := c.client.wait(ctx); err != nil {
		return nil, "", err
	}
	defer func() { <-c.client.turns }()
	reply, err = c.client.breaker.run(func() (*hub.Message, error) {
		resp, err := req.Send()
		if err != nil {
			return nil, c.failure(parent, ctx, resp, err)
		}
		return c.reply(m, resp)
	})
	asked := c.op.method + " " + bare(from)
	if e, ok := errors.AsType[*hub.Error](err); ok {
		e.Asked = asked
	} else if reply != nil {
		reply.Headers[hub.HeaderAsked] = asked
	}
	if err != nil && sent.Load() {
		err = c.op.doubt(err)
	}
	return reply, from, err
}

// bare is an address without its query and its login, where secrets and personal data may stand.
func bare(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	u.User, u.RawQuery, u.Fragment = nil, "", ""
	return u.String()
}
