package httpclient

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http/httptrace"
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

// Call asks the service once. It returns before ctx or the operation's time
// ends. The reply has the headers status and content-type, and a JSON body:
// the answer's, its text as a JSON string, or null when it was empty.
func (c *Operation) Call(ctx context.Context, m *hub.Message) (*hub.Message, error) {
	reply, err := c.call(ctx, m)
	if e, ok := errors.AsType[*hub.Error](err); ok && e.Err != nil && !told(e) {
		e.Err = fmt.Errorf("%s %s: %w", c.client.env.Name, c.op.name, e.Err)
	}
	return reply, err
}

func (c *Operation) call(parent context.Context, m *hub.Message) (*hub.Message, error) {
	ctx, cancel := context.WithTimeout(parent, cmp.Or(c.op.timeout, c.client.cfg.Timeout))
	defer cancel()
	var sent atomic.Bool
	if c.op.ambiguous != "" {
		ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{WroteHeaders: func() { sent.Store(true) }})
	}
	req, err := c.request(ctx, m)
	if err != nil {
		return nil, err
	}
	if err := c.client.breaker.check(); err != nil {
		return nil, err
	}
	if err := c.client.wait(ctx); err != nil {
		return nil, err
	}
	defer func() { <-c.client.turns }()
	reply, err := c.client.breaker.run(func() (*hub.Message, error) {
		resp, err := req.Send()
		if err != nil {
			return nil, c.failure(parent, ctx, resp, err)
		}
		return c.reply(m, resp)
	})
	if err != nil && sent.Load() {
		err = c.op.doubt(err)
	}
	return reply, err
}

// wait takes a turn, at the pace and within ctx. The caller gives the turn back when err is nil.
func (c *Client) wait(ctx context.Context) error {
	if c.pace != nil {
		r := c.pace.Reserve()
		delay := r.Delay()
		if deadline, ok := ctx.Deadline(); ok && deadline.Before(c.env.Clock.Now().Add(delay)) {
			r.Cancel()
			e := hub.Fail(hub.Throttled, "throttled", "the pace of %s leaves no turn in time", c.cfg.Limits.Throttle)
			e.After = delay
			return e
		}
		if !hub.Pause(ctx, c.env.Clock, delay) {
			r.Cancel()
			return stopped(ctx.Err())
		}
	}
	select {
	case c.turns <- struct{}{}:
		return nil
	default:
	}
	select {
	case c.turns <- struct{}{}:
		return nil
	case <-ctx.Done():
		if errors.Is(ctx.Err(), context.Canceled) {
			return stopped(ctx.Err())
		}
		return hub.Fail(hub.Throttled, "throttled", "%d calls are in flight, none ended in time", c.cfg.Limits.MaxInFlight)
	}
}

// stopped is the error of a call that was given up while it waited.
func stopped(err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return hub.Fail(hub.Throttled, "throttled", "no turn came in time")
	}
	return &hub.Error{Class: hub.Unavailable, Reason: "stopping", Err: err}
}
