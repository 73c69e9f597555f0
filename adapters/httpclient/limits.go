package httpclient

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"orderhub/hub"
)

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
