package httpclient

import (
	"context"
	"errors"
	"time"

	"orderhub/hub"
)

// pause waits for d, within ctx.
func (c *Client) pause(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	t := c.env.Clock.Timer(d)
	defer t.Stop()
	select {
	case <-t.C():
		return nil
	case <-ctx.Done():
		return stopped(ctx.Err())
	}
}

// stopped is the error of a call that was given up while it waited.
func stopped(err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return hub.Fail(hub.Throttled, "throttled", "no turn came in time")
	}
	return &hub.Error{Class: hub.Unavailable, Reason: "stopping", Err: err}
}
