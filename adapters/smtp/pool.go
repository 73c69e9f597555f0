package smtp

import (
	"context"
	"slices"
	"sync"
	"time"

	"orderhub/hub"
)

const (
	maxSessions = 8
	keepIdle    = 10 * time.Second
	waitTurn    = 15 * time.Second // for one of them
)

// pauses between tries to open a session that fail. A login that is refused is tried seldom: servers lock users out.
var (
	connects = hub.Retry{Min: 500 * time.Millisecond, Max: 4 * time.Second}
	logins   = hub.Retry{Min: time.Second, Max: time.Minute}
)

// pool keeps sessions for the next mail. At most maxSessions are open; one that was idle for keepIdle is ended.
type pool struct {
	server *server
	clock  hub.Clock
	turns  chan struct{} // a place per open session in use
	mu     sync.Mutex
	idle   []*session
	closed bool
	timed  sync.WaitGroup // sessions whose expiry runs

	failures int // to open a session, in a row
	failed   *hub.Error
	next     time.Time // no try before
}

func newPool(s *server, clock hub.Clock) *pool {
	return &pool{server: s, clock: clock, turns: make(chan struct{}, maxSessions)}
}

// send hands a letter in, on an idle session if there is one.
func (p *pool) send(ctx context.Context, l *letter) error {
	wait := p.clock.Timer(waitTurn)
	defer wait.Stop()
	select {
	case p.turns <- struct{}{}:
		defer func() { <-p.turns }()
	case <-wait.C():
		return hub.Fail(hub.Throttled, "busy", "all %d connections to the mail server are in use", maxSessions)
	case <-ctx.Done():
		return hub.AsError(ctx.Err())
	}
	s, err := p.take(ctx)
	if err != nil {
		return err
	}
	err, fresh := p.use(ctx, s, l)
	if !fresh || ctx.Err() != nil {
		return err
	}
	if s, err = p.dial(ctx); err != nil { // the server had closed the idle session: nothing was said about this mail
		return err
	}
	err, _ = p.use(ctx, s, l)
	return err
}

// use hands l in on s, and gives s back or closes it.
func (p *pool) use(ctx context.Context, s *session, l *letter) (error, bool) {
	release := s.follow(ctx)
	err, usable, fresh := s.hand(ctx, l)
	release()
	if !usable || ctx.Err() != nil {
		s.drop()
	} else {
		p.give(s)
	}
	return err, fresh
}

// take finds an idle session, or makes one.
func (p *pool) take(ctx context.Context) (*session, error) {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return nil, hub.Fail(hub.Unavailable, "stopping", "the mail adapter is closed")
	}
	for len(p.idle) > 0 {
		s := p.idle[len(p.idle)-1]
		p.idle = p.idle[:len(p.idle)-1]
		if s.expiry.Stop() {
			p.mu.Unlock()
			p.timed.Done()
			return s, nil
		}
	}
	p.mu.Unlock()
	return p.dial(ctx)
}

// dial opens a session. After one that failed the next tries fail at once, with its error, until a pause is over that grows with the failures.
func (p *pool) dial(ctx context.Context) (*session, error) {
	p.mu.Lock()
	if wait := p.next.Sub(p.clock.Now()); wait > 0 {
		e := *p.failed
		p.mu.Unlock()
		e.After = wait
		return nil, &e
	}
	p.mu.Unlock()
	s, err := p.server.dial(ctx)
	p.mu.Lock()
	defer p.mu.Unlock()
	if err == nil {
		p.failures, p.next = 0, time.Time{}
		return s, nil
	}
	if e := hub.AsError(err); e.Reason != "stopping" {
		pauses := connects
		if e.Reason != hub.NotConnected {
			pauses = logins
		}
		now := p.clock.Now()
		if !now.Before(p.next) { // others may have failed at the same time
			p.failures++
			p.failed, p.next = e, now.Add(pauses.Delay(p.failures))
		}
	}
	return nil, err
}

// give keeps a session for the next mail.
func (p *pool) give(s *session) {
	_ = s.conn.SetDeadline(time.Time{})
	s.reused = true
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		s.drop()
		return
	}
	p.timed.Add(1)
	s.expiry = time.AfterFunc(keepIdle, func() { p.expire(s) })
	p.idle = append(p.idle, s)
}

// expire ends a session that nobody took.
func (p *pool) expire(s *session) {
	defer p.timed.Done()
	p.mu.Lock()
	p.idle = slices.DeleteFunc(p.idle, func(other *session) bool { return other == s })
	p.mu.Unlock()
	s.quit()
}

// close ends all sessions. No send may run.
func (p *pool) close() {
	p.mu.Lock()
	p.closed = true
	idle := p.idle
	p.idle = nil
	p.mu.Unlock()
	for _, s := range idle {
		if s.expiry.Stop() {
			go p.expire(s)
		}
	}
	p.timed.Wait()
}
