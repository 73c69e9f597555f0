package httpclient

import (
	"errors"
	"slices"
	"sync/atomic"
	"time"

	"github.com/sony/gobreaker/v2"

	"orderhub/hub"
	"orderhub/hub/figures"
)

// breaker stops calls to a service that failed too often in a row: timeouts
// and unavailability count, answers of any kind don't.
type breaker struct {
	rule   quota // failures in a row, and the time that they stop calls for
	name   string
	cb     atomic.Pointer[gobreaker.CircuitBreaker[*hub.Message]]
	opened atomic.Int64 // when, in Unix nanoseconds of the breaker's own clock
}

func newBreaker(name string, rule quota) *breaker {
	b := &breaker{rule: rule, name: name}
	b.renew(rule.n)
	return b
}

// reset lets calls through again: the service is there. The first that fails opens the breaker once more.
func (b *breaker) reset() {
	if b != nil && b.cb.Load().State() == gobreaker.StateOpen {
		b.renew(1)
	}
}

// renew closes the breaker; until a call is answered, first failures in a row open it.
func (b *breaker) renew(first int) {
	b.cb.Store(gobreaker.NewCircuitBreaker[*hub.Message](gobreaker.Settings{
		Name:        b.name,
		MaxRequests: 1, // one call tries whether it is back
		Timeout:     b.rule.per,
		ReadyToTrip: func(c gobreaker.Counts) bool {
			failed := int(c.ConsecutiveFailures)
			return failed >= b.rule.n || c.TotalSuccesses == 0 && failed >= first
		},
		IsSuccessful: func(err error) bool {
			return err == nil || !slices.Contains([]hub.Class{hub.Timeout, hub.Unavailable}, hub.AsError(err).Class)
		},
		IsExcluded: func(err error) bool { return err != nil && hub.AsError(err).Reason == hub.ReasonStopping },
		OnStateChange: func(_ string, _, to gobreaker.State) {
			if to == gobreaker.StateOpen {
				b.opened.Store(time.Now().UnixNano())
			}
		},
	}))
}

// tell tells its state.
func (b *breaker) tell(to *figures.Set) {
	if b == nil {
		return
	}
	now := b.cb.Load().State()
	for _, state := range []gobreaker.State{gobreaker.StateClosed, gobreaker.StateHalfOpen, gobreaker.StateOpen} {
		to.PutFlag(figures.Breaker, state == now, b.name, state.String())
	}
}

// check fails at once while the breaker is open, before a call takes a turn.
func (b *breaker) check() error {
	if b == nil || b.cb.Load().State() != gobreaker.StateOpen {
		return nil
	}
	return b.open()
}

func (b *breaker) open() error {
	e := hub.Fail(hub.Unavailable, hub.BreakerOpen, "the circuit breaker is open after %d failures in a row", b.rule.n)
	e.After = max(time.Until(time.Unix(0, b.opened.Load()).Add(b.rule.per)), 100*time.Millisecond)
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
