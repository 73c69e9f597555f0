package sql

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"orderhub/hub"
)

// Source makes messages of a table's rows. Hubs that read the same table share
// its rows: who takes one holds a claim on it, a row of the table hub_claims,
// until it is done. No transaction is open meanwhile.
type Source struct {
	a     *Adapter
	cfg   SourceConfig
	table string // as it is written
	fetch string // the statement that claims rows and gives them
	done  statement
	owner string        // of its claims
	lease time.Duration // of a claim; it is renewed three times in it
}

var _ hub.Source = (*Source)(nil)

// leaseTime is how long the rows of a hub that died wait for another.
const leaseTime = 15 * time.Second

func newSource(a *Adapter, arg string, c SourceConfig) (*Source, error) {
	table, err := parsePoll(arg)
	if err != nil {
		return nil, err
	}
	if len(c.ID) == 0 {
		c.ID = []string{"id"}
	}
	if len(c.Order) == 0 {
		c.Order = c.ID
	}
	s := &Source{a: a, cfg: c, table: strings.Join(table, "."), owner: hub.NewID(a.env.Clock.Now()), lease: leaseTime}
	s.fetch = fetchStatement(table, a.claims, &c)
	s.done, err = parseStatement(c.Done)
	return s, named("done", err)
}

// run is one Run of a source.
type run struct {
	*Source
	ctx     context.Context // its end begins nothing more
	stop    context.CancelFunc
	work    context.Context // what handlers get: their work is not cut short
	handler hub.Handler
	turns   chan struct{} // a place per handler that runs
	wake    hub.Signal    // there may be rows
	group   sync.WaitGroup

	mu    sync.Mutex
	err   error      // the first one, Run ends with it
	taken int        // rows that are not settled
	freed hub.Signal // rows were settled
	until time.Time  // the claims are ours

	known []*unit // whose rows may come again: those of the last look, and those that were at work when it began
	told  bool    // a warning that they came again
}

// Run takes rows until ctx is done (nil), or the database can't be asked (the
// error). Then it begins no other, and returns when those at work are settled
// and done. Rows that were taken and not begun are given back.
func (s *Source) Run(ctx context.Context, h hub.Handler) error {
	r := &run{Source: s, work: context.WithoutCancel(ctx), handler: h, turns: make(chan struct{}, s.cfg.Workers),
		wake: hub.NewSignal(), freed: hub.NewSignal()}
	r.ctx, r.stop = context.WithCancel(ctx)
	defer r.stop()
	err := s.a.setup.ready(ctx, true)
	if err == nil {
		err = r.release(ctx) // what an earlier Run could not
	}
	if err == nil {
		err = r.follow()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.err != nil:
		err = r.err
	case ctx.Err() != nil:
		return nil
	}
	return hub.About(s.a.env.Name+" poll "+s.table, err)
}

// follow looks for rows until r.ctx is done, and waits for those that were begun.
func (r *run) follow() error {
	var renewing sync.WaitGroup
	alive, end := context.WithCancel(r.work)
	renewing.Go(func() { r.renew(alive) })
	if r.cfg.Notify != "" {
		r.group.Go(r.listen)
	}
	err := r.lookOn()
	r.stop()
	r.group.Wait()
	end()
	renewing.Wait()
	_ = r.release(r.work) // else the claims run out
	return err
}

func (r *run) lookOn() error {
	for r.ctx.Err() == nil {
		more := true
		if room, working := r.room(); room > 0 {
			units, n, err := r.look(room)
			if err != nil {
				return err
			}
			hub.Reads(r.handler, nil)
			more = r.progress(units, working) && n == room
			r.begin(units, n)
		}
		r.wait(more)
	}
	return nil
}

// wait returns when the table is worth another look: soon when there are more
// rows and room for a good many of them.
func (r *run) wait(more bool) {
	t := r.a.env.Clock.Timer(r.cfg.Every)
	defer t.Stop()
	for {
		if more && r.busy() <= r.cfg.Workers {
			return
		}
		select {
		case <-r.ctx.Done():
			return
		case <-t.C():
			return
		case <-r.wake:
			return
		case <-r.freed:
		}
	}
}

func (r *run) busy() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.taken
}

// room is how many rows may be taken, and which of the known units are at work.
func (r *run) room() (rows int, working []*unit) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, u := range r.known {
		if u.open > 0 {
			working = append(working, u)
		}
	}
	return 2*r.cfg.Workers - r.taken, working
}

// progress tells whether a look brought rows that are not known; working are
// the units that were at work when it began. A row that done did not take out
// comes again at the first look behind the end of its unit. A look that brings
// only such rows is not followed by another at once.
func (r *run) progress(units, working []*unit) bool {
	known, fresh := map[string]bool{}, false
	for _, u := range r.known {
		for _, row := range u.rows {
			known[row.msg.ID] = true
		}
	}
	for _, u := range units {
		for _, row := range u.rows {
			fresh = fresh || !known[row.msg.ID]
		}
	}
	r.known = append(working, units...)
	if len(units) > 0 && !fresh && !r.told {
		r.told = true
		r.a.env.Log.Warn("the same rows come again and again: done does not take them out of where", "event", "not_done", "table", r.table)
	}
	return fresh
}

// fail ends Run with err, the first one.
func (r *run) fail(err error) {
	r.mu.Lock()
	if r.err == nil {
		r.err = err
	}
	r.mu.Unlock()
	r.stop()
}

// renew keeps the claims while rows are at work, until ctx is done.
func (r *run) renew(ctx context.Context) {
	for hub.Pause(ctx, r.a.env.Clock, r.lease/3) {
		if r.busy() == 0 {
			continue
		}
		if err := r.extend(ctx); err != nil && ctx.Err() == nil {
			r.a.env.Log.Debug("claims can't be renewed now", "table", r.table, "error", err)
		}
		if !r.ours() {
			r.fail(hub.Fail(hub.Unavailable, "claims_lost", "the claims ran out before they could be renewed"))
		}
	}
}

// ours tells whether nobody else can have our rows.
func (r *run) ours() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.taken == 0 || r.a.env.Clock.Now().Before(r.until)
}

// hold notes that the claims are ours for a lease from began on, by our clock, and a little less.
func (r *run) hold(began time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.until = began.Add(r.lease - r.lease/15)
}

// messageID is made of the row's identity, and without the sign that parts a message from its children.
func (s *Source) messageID(parts []string) string {
	id := s.a.env.Name + "." + s.table + "." + strings.Join(parts, ".")
	if len(id) > 150 || slices.ContainsFunc(parts, func(p string) bool { return strings.ContainsAny(p, "/\x00\r\n") }) {
		return s.a.env.Name + "." + s.table + "." + hub.HashID(fmt.Sprintf("%q", parts))
	}
	return id
}

// listen wakes the source when somebody notifies, until Run ends. It is a hint: what it misses is found by looking.
func (r *run) listen() {
	for try := 1; r.ctx.Err() == nil; try++ {
		began := r.a.env.Clock.Now()
		err := r.hear()
		if r.ctx.Err() != nil {
			return
		}
		if r.a.env.Clock.Now().Sub(began) > time.Minute {
			try = 1
		}
		r.a.env.Log.Debug("no notifications now, the table is only looked at", "table", r.table, "error", oneLine(err))
		if !hub.Pause(r.ctx, r.a.env.Clock, pauses.Delay(try)) {
			return
		}
	}
}

// hear listens on a connection of its own until that is lost.
func (r *run) hear() error {
	conn, err := pgx.ConnectConfig(r.ctx, r.a.listen.Copy())
	if err != nil {
		return err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(r.work, time.Second)
		defer cancel()
		_ = conn.Close(ctx)
	}()
	if _, err := conn.PgConn().Exec(r.ctx, "listen "+quote(r.cfg.Notify)).ReadAll(); err != nil {
		return err
	}
	for {
		r.wake.Give() // also for what came before we listened
		if _, err := conn.WaitForNotification(r.ctx); err != nil {
			return err
		}
	}
}
