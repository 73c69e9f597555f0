package files

import (
	"cmp"
	"hash/maphash"
	"sync"
	"sync/atomic"
	"time"

	"orderhub/hub"
)

// pool is the workers of one Run. Without keys they share one lane; with keys each has its own, so that a key is handled by one worker.
type pool struct {
	run   *run
	lanes []chan batch
	seed  maphash.Seed
	done  sync.WaitGroup
	turn  int          // lane of the last record without key; the reader's own
	cost  atomic.Int64 // nanoseconds that a record takes, lately
}

func newPool(r *run) *pool {
	p := &pool{run: r, seed: maphash.MakeSeed()}
	if r.cfg.Key == "" {
		p.lanes = []chan batch{make(chan batch, r.cfg.Workers)}
	} else {
		for range r.cfg.Workers {
			p.lanes = append(p.lanes, make(chan batch, 1))
		}
	}
	for i := range r.cfg.Workers {
		lane := p.lanes[i%len(p.lanes)]
		p.done.Go(func() { p.work(lane) })
	}
	return p
}

// close waits until all that was given out is settled or, when Run is ending, put back.
func (p *pool) close() {
	for _, lane := range p.lanes {
		close(lane)
	}
	p.done.Wait()
}

func (p *pool) laneOf(key string) int {
	if len(p.lanes) == 1 {
		return 0
	}
	if key == "" {
		p.turn++
		return p.turn % len(p.lanes)
	}
	return int(maphash.String(p.seed, key) % uint64(len(p.lanes)))
}

// batchTime is how long a batch should take a worker, so that handing it over costs little and no worker hoards.
const batchTime = 200 * time.Microsecond

// goodSize is how many records make a batch of batchTime.
func (p *pool) goodSize() int {
	cost := p.cost.Load()
	if cost <= 0 {
		return maxBatch
	}
	return int(max(1, min(maxBatch, int64(batchTime)/cost)))
}

func (p *pool) work(lane chan batch) {
	for b := range lane {
		begin := time.Now() // real time, also in tests: it is the machine's effort
		taken := 0
		for _, m := range b.msgs {
			if !p.run.settle(b.job, m) {
				break
			}
			taken++
		}
		if taken > 0 {
			now := time.Since(begin).Nanoseconds() / int64(taken)
			p.cost.Store((3*p.cost.Load() + now) / 4)
		}
		if taken < len(b.msgs) {
			b.job.interrupted.Store(true)
		}
		b.job.release(len(b.msgs))
	}
}

// pauses are those between the tries of a record that the hub could not take.
var pauses = hub.Retry{Min: 50 * time.Millisecond, Max: 30 * time.Second}

// settle hands m over, again and again while the handler may come to take it; false: Run is ending, and it was not taken.
func (r *run) settle(j *job, m *hub.Message) bool {
	if r.cfg.Parse == parseNDJSON {
		if _, err := m.Body.Doc(); err != nil {
			j.refuseRecord(m.ID, atoi(m.Headers[headerLine]), &recordError{hub.AsError(err).Reason, err.Error(), m.Body.Bytes()})
			return true
		}
	}
	for try := 1; ; try++ {
		if r.ctx.Err() != nil {
			return false
		}
		err := r.handler.Handle(r.work, m)
		if err == nil {
			return true
		}
		e := hub.AsError(err)
		if e.Class == hub.Invalid || e.Class == hub.Rejected {
			j.refuse(atoi(m.Headers[headerLine]), cmp.Or(e.Reason, string(e.Class)), err)
			return true
		}
		wait := max(pauses.Delay(try), e.After)
		r.env.Log.Debug("record not taken, tried again", "message", m.ID, "error", err, "in", wait)
		if !hub.Pause(r.ctx, r.env.Clock, wait) {
			return false
		}
	}
}
