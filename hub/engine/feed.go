package engine

import (
	"context"
	"sync"
	"time"

	"orderhub/hub"
)

// feed runs a source into its stage, and runs it again when it fails.
type feed struct {
	rt    *Runtime
	src   hub.Source
	stage *Stage
	use   *Use
	kick  hub.Signal // its adapter may be back: no more pause

	mu     sync.Mutex
	ended  bool // for good: the input is used up
	cancel context.CancelFunc
	asked  bool          // paused by ops
	held   bool          // paused since the store has no room
	paused chan struct{} // not nil: paused until closed
}

// restart bounds the pause before a failed source runs again.
var restart = hub.Retry{Min: 200 * time.Millisecond, Max: 2 * time.Second}

// run runs the source; a panic of its goroutine is a failure of it.
func (f *feed) run(ctx context.Context, e *Entry) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = hub.Panicked(p)
		}
	}()
	return f.src.Run(ctx, e)
}

// supervise returns when ctx is done or the source has ended for good.
func (f *feed) supervise(ctx, work context.Context) {
	for failures := 0; ctx.Err() == nil; {
		if !f.waitResumed(ctx) {
			return
		}
		run, cancel := context.WithCancel(ctx)
		f.mu.Lock()
		f.cancel = cancel
		f.mu.Unlock()
		begin := f.rt.clock.Now()
		err := f.run(run, f.rt.entry(f.stage, work, f.use))
		interrupted := run.Err() != nil
		cancel()
		if ctx.Err() != nil {
			return
		}
		if err == nil && !interrupted {
			f.mu.Lock()
			f.ended = true
			f.mu.Unlock()
			return
		}
		if err == nil {
			continue // paused
		}
		if f.rt.clock.Now().Sub(begin) > time.Minute {
			failures = 0
		}
		failures++
		f.use.Fails(hub.AsError(err))
		hub.Await(ctx, f.rt.clock, restart.Delay(failures), f.kick)
	}
}

func (f *feed) waitResumed(ctx context.Context) bool {
	f.mu.Lock()
	p := f.paused
	f.mu.Unlock()
	if p == nil {
		return true
	}
	select {
	case <-p:
		return true
	case <-ctx.Done():
		return false
	}
}

// setPaused is the pause that ops asked for, hold the one for want of room. It runs when neither is on.
func (f *feed) setPaused(on bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked = on
	f.settle()
}

func (f *feed) hold(on bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.held = on
	f.settle()
}

// settle stops the source, or lets it run. f.mu is held.
func (f *feed) settle() {
	switch on := f.asked || f.held; {
	case on && f.paused == nil:
		f.paused = make(chan struct{})
		if f.cancel != nil {
			f.cancel()
		}
	case !on && f.paused != nil:
		close(f.paused)
		f.paused = nil
	}
}

// Entry is where a source hands its messages to the hub. It is a Handler and,
// for sources that answer, a Caller.
type Entry struct {
	refuser // keeps what the source did not take
	rt      *Runtime
	stage   *Stage
	work    context.Context
	use     *Use // its source's; nil: none brought the message
}

func (rt *Runtime) entry(s *Stage, work context.Context, use *Use) *Entry {
	return &Entry{refuser: refuser{rt.notes, s.source()}, rt: rt, stage: s, work: work, use: use}
}

var (
	_ hub.Handler = (*Entry)(nil)
	_ hub.Caller  = (*Entry)(nil)
	_ hub.Refuser = (*Entry)(nil)
)

// Handle runs the stage; nil means the hub owns the message. Nobody waits for
// a reply, whatever Return Address it carries.
func (e *Entry) Handle(ctx context.Context, m *hub.Message) error {
	if e.stage.Replies && m.Headers[hub.HeaderReplyTo] != "" {
		s := *e.stage
		s.Replies = false
		e = e.rt.entry(&s, e.work, e.use)
	}
	_, err := e.Call(ctx, m)
	return err
}

// Reads takes what the source says of itself.
func (e *Entry) Reads(err error) {
	switch {
	case e.use == nil:
	case err == nil:
		e.use.Works()
	default:
		e.use.Fails(hub.AsError(err))
	}
}

// Call runs the stage and gives the reply that it made, nil if it made none.
func (e *Entry) Call(ctx context.Context, m *hub.Message) (*hub.Message, error) {
	asked := e.stage.asked(m)
	if over, err := e.begin(ctx, m, asked); over {
		return nil, err
	}
	reply, _, err := e.rt.run(ctx, e.stage, m, nil)
	if err != nil && !asked {
		err = e.dropped(ctx, m, err)
	}
	return reply, err
}

// HandleLater is Handle as hub.HandleLater has it.
func (e *Entry) HandleLater(ctx context.Context, m *hub.Message, done func(error)) {
	if e.stage.asked(m) {
		done(e.Handle(ctx, m))
		return
	}
	if over, err := e.begin(ctx, m, false); over {
		done(err)
		return
	}
	e.rt.runLater(ctx, e.stage, m, func(err error) {
		if err != nil {
			err = e.dropped(ctx, m, err)
		}
		done(err)
	})
}

// begin looks at m before the stage runs. over: it does not, and err is what is to be said of m.
func (e *Entry) begin(ctx context.Context, m *hub.Message, asked bool) (over bool, err error) {
	if err := e.closed(m); err != nil {
		return true, err
	}
	if e.use != nil {
		e.use.Works()
	}
	if expired(m, e.rt.clock) {
		return true, e.overdue(ctx, m, asked)
	}
	if asked && e.stage.Answers {
		return false, nil
	}
	switch held, err := e.rt.queues[e.stage.Queue].holds(ctx, m.Key); {
	case err != nil:
		return true, err
	case held && asked:
		return true, hub.Fail(hub.Unavailable, "key_held", "an earlier message of key %q waits for its retry", m.Key)
	case held:
		return true, e.enqueue(ctx, m)
	}
	return false, nil
}

// closed is why no message may come in now; nil: it may.
func (e *Entry) closed(m *hub.Message) error {
	if e.work.Err() != nil {
		err := hub.Fail(hub.Unavailable, hub.ReasonStopping, "the hub is stopping")
		if e.stage.Answers {
			e.Refused(hub.RefusalOf(m, err))
		}
		return err
	}
	if e.stage.Keeps { // it would be kept: better nobody is asked for anything
		return e.rt.full()
	}
	return nil
}

// enqueue puts m into the stage's queue: an earlier message of its key waits for its retry there, and this one goes behind it.
func (e *Entry) enqueue(ctx context.Context, m *hub.Message) error {
	u := &hub.Unit{Puts: []hub.Put{{Queue: e.stage.Queue, Msg: m}}, Root: m.Root(), Correlation: m.Correlation}
	if e.stage.Inbox {
		u.Inbox = e.stage.Name + " " + m.ID
	}
	return ignoreDuplicate(e.rt.Commit(ctx, u))
}

// dropped keeps, as a refusal, a message that the hub can't even keep as a dead letter, for the reason of err.
func (e *Entry) dropped(ctx context.Context, m *hub.Message, err error) error {
	if c := hub.AsError(err).Class; c == hub.Invalid || c == hub.Rejected {
		e.Refused(hub.RefusalOf(m, err))
		if away := e.Kept(ctx); away != nil {
			return away
		}
	}
	return err
}

// expired tells that m came too late (EIP Message Expiration).
func expired(m *hub.Message, clock hub.Clock) bool {
	return !m.Expires.IsZero() && clock.Now().After(m.Expires)
}

func expiry(m *hub.Message) *hub.Error {
	return hub.Fail(hub.Rejected, "expired", "expired at %s", m.Expires.Format(time.RFC3339))
}

// overdue makes a message that came expired a dead letter. Of a request, who waits
// at the source is told; one with a Return Address is dropped, since nobody waits for its reply any more.
func (e *Entry) overdue(ctx context.Context, m *hub.Message, asked bool) error {
	if asked {
		e.Refused(hub.RefusalOf(m, expiry(m)))
		if e.stage.Answers {
			return hub.NoReply(m)
		}
		return nil
	}
	_, err := e.rt.react(ctx, e.stage.final(), m, nil, expiry(m), &hub.Unit{})
	return err
}

func ignoreDuplicate(err error) error {
	if err == hub.ErrDuplicate {
		return nil
	}
	return err
}
