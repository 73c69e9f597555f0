package smtp

import (
	"context"
	"sync"
	"time"

	"orderhub/hub"
)

const (
	maxSessions = 8
	keepIdle    = 10 * time.Second
)

// pool keeps sessions for the next mail. At most maxSessions are open; one that was idle for keepIdle is ended.
type pool struct {
	server *server
	turns  chan struct{} // a place per open session in use
	mu     sync.Mutex
	idle   []*session
	closed bool
	timed  sync.WaitGroup // sessions whose expiry runs
}

func newPool(s *server) *pool { return &pool{server: s, turns: make(chan struct{}, maxSessions)} }

// send hands a letter in, on an idle session if there is one.
func (p *pool) send(ctx context.Context, l *letter) error {
	select {
	case p.turns <- struct{}{}:
		defer func() { <-p.turns }()
	case <-ctx.Done():
		return hub.Fail(hub.Timeout, "timeout", "no connection to the mail server became free: %w", ctx.Err())
	}
	s, err := p.take(ctx)
	if err != nil {
		return err
	}
	err, fresh := p.use(ctx, s, l)
	if !fresh || ctx.Err() != nil {
		return err
	}
	if s, err = p.server.dial(ctx); err != nil { // the server had closed the idle session: nothing was said about this mail
		return err
	}
	err, _ = p.use(ctx, s, l)
	return err
}

// use hands l in on s, and gives s back or closes it.
func (p *pool) use(ctx context.Context, s *session, l *letter) (error, bool) {
	release := bound(ctx, s.conn)
	err, usable, fresh := s.hand(l)
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
	return p.server.dial(ctx)
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
	for i, other := range p.idle {
		if other == s {
			p.idle = append(p.idle[:i], p.idle[i+1:]...)
			break
		}
	}
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
