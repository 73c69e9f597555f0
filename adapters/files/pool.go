package files

import (
	"cmp"
	"context"
	"hash/maphash"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"

	"orderhub/hub"
)

// pool is the workers of one Run. Without keys they share one lane, and a worker goes on with the next record while the last one waits for its
// target (hub.HandleLater). With keys each has its own, so that a key is handled by one worker, one record after another.
type pool struct {
	run   *run
	given int64               // how many records are given out and not settled at most
	room  *semaphore.Weighted // for those
	lanes []chan batch
	seed  maphash.Seed
	done  sync.WaitGroup
	turn  int          // lane of the last record without key; the reader's own, as
	works int          // how many workers there are
	cost  atomic.Int64 // nanoseconds that a record takes, lately
}

func newPool(r *run) *pool {
	given := int64(r.cfg.Workers + moreGiven)
	p := &pool{run: r, seed: maphash.MakeSeed(), given: given, room: semaphore.NewWeighted(given)}
	if r.cfg.Key == "" {
		p.lanes = []chan batch{make(chan batch)}
	} else {
		for range r.cfg.Workers {
			lane := make(chan batch, 1)
			p.lanes = append(p.lanes, lane)
			p.begin(lane)
		}
	}
	return p
}

// begin begins a worker of a lane.
func (p *pool) begin(lane chan batch) {
	p.works++
	p.done.Go(func() { p.work(lane) })
}

// close waits until all that was given out is settled or, when Run is ending, put back.
func (p *pool) close() {
	for _, lane := range p.lanes {
		close(lane)
	}
	p.done.Wait()
	_ = p.room.Acquire(context.Background(), p.given) // nothing ends it
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

// give gives a batch to a worker; false: ctx ended before one took it.
func (p *pool) give(ctx context.Context, lane int, b batch) bool {
	n := int64(len(b.msgs))
	if p.room.Acquire(ctx, n) != nil {
		return false
	}
	select {
	case p.lanes[lane] <- b:
		return true
	default:
	}
	if p.works < p.run.cfg.Workers { // all are at work: few are, where handing over is all that takes time
		p.begin(p.lanes[lane])
	}
	select {
	case p.lanes[lane] <- b:
		return true
	case <-ctx.Done():
		p.room.Release(n)
		return false
	}
}

func (p *pool) work(lane chan batch) {
	for b := range lane {
		begin := time.Now() // real time, also in tests: it is the machine's effort
		for _, m := range b.msgs {
			p.handle(b.job, m)
		}
		now := time.Since(begin).Nanoseconds() / int64(len(b.msgs))
		p.cost.Store((3*p.cost.Load() + now) / 4)
	}
}

// handle hands m over.
func (p *pool) handle(j *job, m *hub.Message) {
	r := p.run
	switch {
	case r.ctx.Err() != nil:
		p.settled(j, false)
	case r.cfg.Key != "":
		p.settled(j, r.settle(j, m, r.handler.Handle(r.work, m)))
	default:
		hub.HandleLater(r.work, r.handler, m, func(err error) {
			if err == nil {
				p.settled(j, true)
			} else {
				go func() { p.settled(j, r.settle(j, m, err)) }()
			}
		})
	}
}

// settled ends what handle began. taken: the record need not be read again.
func (p *pool) settled(j *job, taken bool) {
	if !taken {
		j.interrupted.Store(true)
	}
	j.release(1)
	p.room.Release(1)
}

// pauses are those between the tries of a record that the hub could not take.
var pauses = hub.Retry{Min: 50 * time.Millisecond, Max: 30 * time.Second}

// settle hands m, which was not taken for the reason of err, over again and again while the handler may come to take it; false: Run is ending, and it was not taken.
func (r *run) settle(j *job, m *hub.Message, err error) bool {
	for try := 1; err != nil; try++ {
		e := hub.AsError(err)
		if e.Class == hub.Invalid || e.Class == hub.Rejected {
			j.refuse(atoi(m.Headers[headerLine]), cmp.Or(e.Reason, string(e.Class)), err.Error())
			return true
		}
		wait := max(pauses.Delay(try), e.After)
		r.env.Log.Debug("record not taken, tried again", "message", m.ID, "error", err, "in", wait)
		if !hub.Pause(r.ctx, r.env.Clock, wait) {
			return false
		}
		err = r.handler.Handle(r.work, m)
	}
	return true
}

const (
	maxBatch = 64 // records that go to a worker at once
	minBlock = 16 // messages that are allocated together, though fewer go to a worker

	// moreGiven is how many records besides those of the workers are given out and not settled: they wait for a target that
	// confirms many at once: as many as a file that is added to flushes at once (see appending), and as many that gather meanwhile.
	moreGiven = 2 * fullBatch
)

// batch is records of one file for one worker.
type batch struct {
	job  *job
	msgs []*hub.Message
}

// feeder makes messages of the records of a file, and gives them to the workers in batches: small ones while handlers are slow or the file
// has given few records, so that all workers have work; big ones when handing over would cost more than handling.
type feeder struct {
	job     *job
	now     time.Time
	keyPath []string // field of the body that is the key
	record  int      // number of the last record, from 1

	block []hub.Message // room for messages, allocated together
	ids   string        // the IDs of the next records, one text
	lanes []batch       // one, or one per worker if there are keys
	size  int           // of the batches now
}

func newFeeder(j *job) *feeder {
	f := &feeder{job: j, now: j.env.Clock.Now(), size: 1, lanes: make([]batch, len(j.pool.lanes))}
	if j.cfg.Key != "" && j.cfg.Key != keyFile {
		f.keyPath = strings.Split(strings.TrimPrefix(j.cfg.Key, "body."), ".")
	}
	return f
}

// skip counts a record that is not given out, so that those behind it keep their IDs. It gives the ID that it would have had.
func (f *feeder) skip() string {
	f.record++
	f.ids = ""
	return f.job.ids.id(f.record)
}

// add gives a record out; false: Run is ending, and the job is interrupted.
func (f *feeder) add(body hub.Body, line int) bool {
	f.record++
	if len(f.block) == 0 {
		f.block = make([]hub.Message, max(f.size, minBlock))
	}
	m := &f.block[0]
	f.block = f.block[1:]
	m.ID = f.nextID()
	at := m.ID[len(f.job.ids.base)+1:] // most often the line has the number of the record
	if line != f.record {
		at = strconv.Itoa(line)
	}
	m.Headers = hub.Headers{headerName: f.job.name, headerLine: at}
	f.job.headers(body, m.Headers)
	m.Body, m.Time = body, f.now
	m.Key = f.key(body)

	lane := f.job.pool.laneOf(m.Key)
	b := &f.lanes[lane]
	if b.msgs == nil {
		b.msgs = make([]*hub.Message, 0, f.size)
	}
	b.msgs = append(b.msgs, m)
	if len(b.msgs) < f.size {
		return true
	}
	return f.send(lane)
}

const (
	headerName = "file.name"
	headerLine = "file.line"
)

// nextID cuts the next ID, base.number, off a text that holds as many as messages fit in a block.
func (f *feeder) nextID() string {
	if f.ids == "" {
		n := len(f.block) + 1 // this one and those that have room
		base, most := f.job.ids.of(f.record)
		if most > 0 {
			n = min(n, most)
		}
		text := make([]byte, 0, n*(len(base)+1+len(strconv.Itoa(f.record+n))))
		for i := range n {
			text = append(text, base...)
			text = append(text, '.')
			text = strconv.AppendInt(text, int64(f.record+i), 10)
		}
		f.ids = string(text)
	}
	n := len(f.job.ids.base) + 1 + digits(f.record) // all bases are as long
	id := f.ids[:n]
	f.ids = f.ids[n:]
	return id
}

func digits(n int) int {
	d := 1
	for n >= 10 {
		n /= 10
		d++
	}
	return d
}

// key is the ordering key of a record.
func (f *feeder) key(body hub.Body) string {
	if f.keyPath == nil {
		if f.job.cfg.Key == keyFile {
			return f.job.name
		}
		return ""
	}
	v, err := body.Doc()
	if err != nil {
		return "" // the hub finds the fault
	}
	for _, name := range f.keyPath {
		v = v.Get(name)
	}
	if s := v.Str(); s != "" || v.IsNull() {
		return s
	}
	return string(v.JSON())
}

// flush gives out what is left.
func (f *feeder) flush() {
	for lane := range f.lanes {
		if len(f.lanes[lane].msgs) > 0 && !f.send(lane) {
			return
		}
	}
}

func (f *feeder) send(lane int) bool {
	b := f.lanes[lane]
	b.job = f.job
	f.lanes[lane] = batch{}
	f.job.pending.Add(int64(len(b.msgs)))
	f.size = min(2*f.size, f.job.pool.goodSize())
	if f.job.pool.give(f.job.ctx, lane, b) {
		return true
	}
	f.job.interrupted.Store(true)
	f.job.release(len(b.msgs))
	return false
}

func atoi(s string) int {
	n, _ := strconv.Atoi(s) // a number we wrote
	return n
}
