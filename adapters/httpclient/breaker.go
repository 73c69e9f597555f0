package httpclient

import (
	"errors"
	"sync/atomic"
	"time"

	"github.com/sony/gobreaker/v2"

	"orderhub/hub"
)

// breaker stops calls to a service that failed too often in a row: timeouts
// and unavailability count, answers of any kind don't.
type breaker struct {
	rule   breakerRule
	name   string
	cb     atomic.Pointer[gobreaker.CircuitBreaker[*hub.Message]]
	opened atomic.Int64 // when, in Unix nanoseconds of the breaker's own clock
}

func newBreaker(name string, rule breakerRule) *breaker {
	b := &breaker{rule: rule, name: name}
	b.renew(rule.failures)
	return b
}

// reset lets calls through again: the service is there. The first that fails opens the breaker once more.
func (b *breaker) reset() {
	if b != nil && b.cb.Load().State() == gobreaker.StateOpen {
		b.renew(1)
	}
}

// renew closes the breaker; until a call is answered, first failures in a row open it.
func (b *breaker) renew(first uint32) {
	rule := b.rule
	b.cb.Store(gobreaker.NewCircuitBreaker[*hub.Message](gobreaker.Settings{
		Name:        b.name,
		MaxRequests: 1, // one call tries whether it is back
		Timeout:     rule.open,
		ReadyToTrip: func(c gobreaker.Counts) bool {
			return c.ConsecutiveFailures >= rule.failures || c.TotalSuccesses == 0 && c.ConsecutiveFailures >= first
		},
		IsSuccessful: func(err error) bool { return !countsAsFailure(err) },
		IsExcluded:   func(err error) bool { return err != nil && hub.AsError(err).Reason == "stopping" },
		OnStateChange: func(_ string, _, to gobreaker.State) {
			if to == gobreaker.StateOpen {
				b.opened.Store(time.Now().UnixNano())
			}
		},
	}))
}

func countsAsFailure(err error) bool {
	if err == nil {
		return false
	}
	c := hub.AsError(err).Class
	return c == hub.Timeout || c == hub.Unavailable
}

// check fails at once while the breaker is open, before a call takes a turn.
func (b *breaker) check() error {
	if b == nil || b.cb.Load().State() != gobreaker.StateOpen {
		return nil
	}
	return b.open()
}

func (b *breaker) open() error {
	e := hub.Fail(hub.Unavailable, hub.BreakerOpen, "the circuit breaker is open after %d failures in a row", b.rule.failures)
	e.After = max(time.Until(time.Unix(0, b.opened.Load()).Add(b.rule.open)), 100*time.Millisecond)
	return e
}

// run does the call unless the breaker is open.
func (b *breaker) run(call func() (*hub.Message, error)) (*hub.Message, error) {
	if b == nil {
		return call()
	}
	reply, err := b.cb.Load().Execute(call)
	if errors.Is(err, gobreaker.ErrOpenState) || errors.Is(err, gobreaker.ErrTooManyRequests) {
		return nil, b.open()
	}
	return reply, err
}
