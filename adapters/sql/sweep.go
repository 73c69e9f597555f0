package sql

import (
	"context"
	"fmt"
	"time"
)

const (
	sweepEvery = time.Hour
	sweepMost  = 10_000 // rows of one statement
	sweepSoon  = time.Second
)

// sweep forgets what was applied longer ago than the hub keeps it. It runs beside the work, now and then; what it can't do now it does later.
func (a *Adapter) sweep() {
	now := a.env.Clock.Now()
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.sweeping || now.Before(a.nextSweep) {
		return
	}
	a.sweeping = true
	a.group.Go(func() {
		full, err := a.forget(a.ctx)
		if err != nil {
			a.env.Log.Debug("what was applied long ago is not forgotten yet", "error", err)
		}
		a.mu.Lock()
		defer a.mu.Unlock()
		a.sweeping, a.nextSweep = false, a.env.Clock.Now().Add(sweepEvery)
		if full {
			a.nextSweep = a.env.Clock.Now().Add(sweepSoon)
		}
	})
}

// forget deletes the oldest rows; full: there are more.
func (a *Adapter) forget(ctx context.Context) (full bool, err error) {
	s, err := a.acquire(ctx)
	if err != nil {
		return false, err
	}
	defer s.Release()
	ctx, cancel := context.WithTimeout(ctx, a.cfg.Timeout)
	defer cancel()
	n, err := s.script(ctx, fmt.Sprintf(`with old as (delete from %[1]s where ctid = any(array(
		select ctid from %[1]s where at < now() - interval '%[2]d seconds' order by at limit %[3]d for update skip locked)) returning 1)
		select count(*) from old`, a.applied.Sanitize(), int(a.cfg.Keep.Seconds()), sweepMost))
	return n == fmt.Sprint(sweepMost), err
}
