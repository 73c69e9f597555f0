package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"orderhub/hub"
	"orderhub/hub/broker"
	"orderhub/hub/mask"
	"orderhub/hub/store"
)

// Runtime runs stages and sources over a store. Set it up with AddStage and
// AddSource, then Run it once.
type Runtime struct {
	Config string // version of the configuration, kept with failures
	Drain  time.Duration
	Index  *Index  // of values that messages are found by; nil: none
	Health *Health // of what the stages and sources depend on, and what they did; set anew before Open, it outlives the runtime
	Taps   *Taps   // who looks on; likewise

	store    store.Store
	shared   store.Shared // the store, when other hubs use it too; else nil
	clock    hub.Clock
	log      *slog.Logger
	recorder *Recorder
	env      hub.StageEnv
	observer hub.Observer // nil: nobody is told of runs
	suspects sync.Mutex
	requests broker.Requests[answer]
	late     broker.Late
	notes    *notes
	dead     hub.Repeats[deadCause]

	room    atomic.Pointer[hub.Error] // why the store takes nothing from outside; nil: it does
	blocked atomic.Bool               // it takes nothing at all

	queues  map[string]*dispatcher
	order   []*dispatcher
	sources []*feed
	manual  bool // Step carries the messages, not Run
	halt    atomic.Bool
	halted  chan struct{} // closed when halt is set
	die     chan error
	started chan struct{}
}

// NewRuntime makes a runtime. recorder may be nil (a store in memory).
func NewRuntime(s store.Store, clock hub.Clock, log *slog.Logger, recorder *Recorder) *Runtime {
	rt := &Runtime{Drain: 30 * time.Second, Health: NewHealth(clock, log), Taps: &Taps{}, store: s, clock: clock, log: log, recorder: recorder,
		env: hub.StageEnv{Store: s, Clock: clock}, queues: map[string]*dispatcher{},
		die: make(chan error, 1), started: make(chan struct{}), halted: make(chan struct{})}
	rt.env.Ask = rt.Ask
	rt.env.Save = rt.save
	rt.env.Figures = rt.Figures
	rt.shared, _ = s.(store.Shared)
	rt.notes = newNotes(rt)
	return rt
}

// Masked makes the runtime hide in its texts what m hides. It is called before Run.
func (rt *Runtime) Masked(m *mask.Masker) {
	rt.env.Mask = m
	rt.Health.mask.Store(m)
}

// Formatted makes the runtime read each body in the format that its headers say. It is called before Run.
func (rt *Runtime) Formatted(of func(h hub.Headers) *hub.Format) { rt.env.Format = of }

// Observed makes the runtime tell o of the runs of its stages. It is called before Run.
func (rt *Runtime) Observed(o hub.Observer) { rt.observer = o }

// AddStage makes the runtime carry the stage's queue.
func (rt *Runtime) AddStage(s *Stage) error {
	if rt.queues[s.Queue] != nil {
		return fmt.Errorf("queue %q has two readers", s.Queue)
	}
	d := newDispatcher(rt, s)
	s.count = rt.Health.Stage(s.Name)
	rt.queues[s.Queue] = d
	rt.order = append(rt.order, d)
	return nil
}

// Bind sets what StageEnv.Memory gives for owner: the handle of what was opened for this runtime.
func (rt *Runtime) Bind(owner, handle any) { rt.env.Bind(owner, handle) }

// AddSource feeds a stage, which AddStage was told of, from outside.
func (rt *Runtime) AddSource(name string, src hub.Source, s *Stage) {
	s.Direct = true
	from := cmp.Or(s.Adapter, name)
	rt.sources = append(rt.sources, &feed{rt: rt, src: src, stage: s, use: rt.Health.Part(PartAdapter, from).Use("from "+name, true), kick: hub.NewSignal()})
}

// Store is the runtime's store.
func (rt *Runtime) Store() store.Store { return rt.store }

// Refuser keeps what is refused by source, such as an adapter.
func (rt *Runtime) Refuser(source string) hub.Refuser { return &refuser{rt.notes, source} }

// Refused counts the inputs that were refused since the runtime was made.
func (rt *Runtime) Refused() int64 { return rt.notes.total.Load() }

// Unkept counts the messages that passed through and whose history was not kept since the runtime was made: they came faster than the store wrote.
func (rt *Runtime) Unkept() int64 { return rt.notes.lost.Load() }

// WriteNotes makes durable what was refused up to now, and the history of what passed through, if the store takes it.
func (rt *Runtime) WriteNotes() { rt.notes.writeAll() }

// WakeAll makes every dispatcher look at its queue, after changes from outside such as a replay.
func (rt *Runtime) WakeAll() {
	for _, d := range rt.order {
		d.kick.Give()
	}
}

func (rt *Runtime) stopping() bool { return rt.halt.Load() }

// fatal ends Run with err: the store failed, nothing may go on.
func (rt *Runtime) fatal(err error) {
	if errors.Is(err, hub.ErrClosed) && rt.stopping() {
		return
	}
	select {
	case rt.die <- err:
	default:
	}
}

// stop makes an end of taking in, and of waiting for replies.
func (rt *Runtime) stop() {
	if !rt.halt.Swap(true) {
		close(rt.halted)
	}
}

// Started is closed when the dispatchers run and the sources may be reached.
func (rt *Runtime) Started() <-chan struct{} { return rt.started }

// Run carries messages until ctx ends, the inputs are used up, or the store
// fails. On ctx's end the intake stops at once, work in flight has ¾ of Drain,
// then it is handed back to the store; after that Run returns.
func (rt *Runtime) Run(ctx context.Context) error {
	intake, stop := context.WithCancel(ctx)
	defer stop()
	work, abort := context.WithCancel(context.WithoutCancel(ctx))
	defer abort()
	context.AfterFunc(intake, func() { rt.stop() })

	var dispatchers, feeds, notes sync.WaitGroup
	consume, stopConsume := context.WithCancel(context.WithoutCancel(ctx))
	defer stopConsume()
	if rt.shared == nil { // else each queue is learned when this hub gets its lease
		for _, d := range rt.order { // before any source runs: what lies in the store comes first
			if err := d.learn(ctx); err != nil && ctx.Err() == nil {
				return fmt.Errorf("queue %s: %w", d.stage.Queue, err)
			}
		}
	}
	if err := rt.wind(ctx); err != nil {
		return err
	}
	for _, d := range rt.order {
		dispatchers.Go(func() {
			if err := d.run(consume, work); err != nil {
				rt.fatal(fmt.Errorf("queue %s: %w", d.stage.Queue, err))
			}
		})
	}
	for _, f := range rt.sources {
		feeds.Go(func() { f.supervise(intake, work) })
	}
	if rt.shared != nil {
		dispatchers.Go(func() { rt.hear(consume) })
	}
	dispatchers.Go(func() { rt.watch(consume) })
	dispatchers.Go(func() { rt.survey(consume) })
	noting, stopNoting := context.WithCancel(context.WithoutCancel(ctx))
	defer notes.Wait()
	defer stopNoting()
	notes.Go(func() { rt.notes.run(noting) })
	close(rt.started)
	used := make(chan struct{}) // closed when all inputs are used up
	if len(rt.sources) > 0 {
		go func() { feeds.Wait(); close(used) }()
	}
	err := rt.ended(ctx, used)
	if err != nil { // nothing can be kept any more
		rt.stop()
		abort()
	}
	stop()
	stopConsume()
	deadline := time.AfterFunc(rt.Drain*3/4, abort)
	defer deadline.Stop()
	feeds.Wait()
	dispatchers.Wait()
	return err
}

// Tick is the name of the one message of a clock (Stage.Clock): whoever puts it replaces the one that lies there.
const Tick = "tick"

// wind gives the clocks their message now, whenever it is due: the configuration may be another one, or nothing may lie there yet.
// Where the store can't keep it, they go on with what they have.
func (rt *Runtime) wind(ctx context.Context) error {
	u := &hub.Unit{}
	for _, d := range rt.order {
		if d.stage.Clock {
			u.Puts = append(u.Puts, hub.Put{Queue: d.stage.Queue, Name: Tick, Msg: &hub.Message{ID: d.stage.Queue, Time: rt.clock.Now()}})
		}
	}
	if len(u.Puts) == 0 {
		return nil
	}
	if err := rt.Commit(ctx, u); err != nil && !hub.AsError(err).Class.Transient() {
		return err
	}
	return nil
}

// ended returns when ctx is done, or the inputs are used up and every queue is empty; an error is the store's.
func (rt *Runtime) ended(ctx context.Context, used <-chan struct{}) error {
	var again <-chan time.Time
	for {
		select {
		case <-ctx.Done():
			return nil
		case err := <-rt.die:
			return err
		case <-rt.store.Done():
			return rt.store.Err()
		case <-used:
			used = nil
		case <-again:
		}
		if empty, err := rt.empty(ctx); empty || err != nil {
			return err
		}
		again = rt.clock.Timer(20 * time.Millisecond).C()
	}
}

// empty tells that no queue that somebody reads holds messages, and that none is being handled.
func (rt *Runtime) empty(ctx context.Context) (bool, error) {
	quiet := true
	for _, d := range rt.order {
		if !d.quiet() {
			quiet = false
			d.kick.Give()
		}
	}
	if !quiet {
		return false, nil
	}
	stats, err := rt.store.Queues(ctx)
	if ctx.Err() != nil {
		return true, nil
	}
	return err == nil && !slices.ContainsFunc(stats, func(q store.QueueStats) bool {
		d := rt.queues[q.Queue]
		return d != nil && (q.Ready > 0 || q.Live() > 0 && !d.stage.Clock)
	}), err
}

// hear wakes the dispatchers of queues that other hubs put to.
func (rt *Runtime) hear(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case queue := <-rt.shared.Woken():
			if d := rt.queues[queue]; d != nil {
				d.kick.Give()
			}
		}
	}
}

// StageStatus is what `hub status` tells of a stage.
type StageStatus struct {
	Name    string `json:"name"`
	Queue   string `json:"queue"`
	Running int    `json:"running"`
	Paused  bool   `json:"paused"`
	Clock   bool   `json:"clock,omitempty"`  // see Stage.Clock
	Source  string `json:"source,omitempty"` // "", "degraded", "ended"
	Error   string `json:"error,omitempty"`
}

// Status is the state of every stage, in the order they were added.
func (rt *Runtime) Status() []StageStatus {
	var out []StageStatus
	for _, d := range rt.order {
		d.mu.Lock()
		s := StageStatus{Name: d.stage.Name, Queue: d.stage.Queue, Running: d.running, Paused: d.paused, Clock: d.stage.Clock}
		d.mu.Unlock()
		for _, f := range rt.sources {
			if f.stage == d.stage {
				f.mu.Lock()
				if f.ended {
					s.Source = "ended"
				} else if s.Error = f.use.trouble(); s.Error != "" {
					s.Source = "degraded"
				}
				s.Paused = s.Paused || f.asked
				f.mu.Unlock()
			}
		}
		out = append(out, s)
	}
	return out
}

// Pause stops the stages whose names are given, with their sources: what is
// running ends, what waits stays in the store, nothing is dropped. on=false resumes.
func (rt *Runtime) Pause(names map[string]bool, on bool) {
	for _, f := range rt.sources {
		if names[f.stage.Name] {
			f.setPaused(on)
		}
	}
	for _, d := range rt.order {
		if names[d.stage.Name] {
			d.setPaused(on)
		}
	}
}

// Inject hands a message to a stage as if it came from its source.
func (rt *Runtime) Inject(ctx context.Context, stage string, m *hub.Message) (*hub.Message, error) {
	for _, d := range rt.order {
		if d.stage.Name == stage {
			return rt.entry(d.stage, ctx, nil).Call(ctx, m)
		}
	}
	return nil, hub.ErrNotFound
}

const (
	sweepEvery = time.Minute
	sweepMost  = 1000                 // rows of one transaction, some 6 ms of CPU: others wait for it
	sweepRest  = 5 * time.Millisecond // behind each while there is more
)

// Janitor deletes what is over until ctx ends: in portions, so that a commit waits for one of them at most.
func (rt *Runtime) Janitor(ctx context.Context, keep store.Retention) {
	for {
		_, more, err := rt.store.Sweep(ctx, keep, sweepMost)
		pause := sweepEvery
		if err != nil && ctx.Err() == nil {
			rt.log.Warn("sweep", "error", err)
		} else if more {
			pause = sweepRest
		}
		if !hub.Pause(ctx, rt.clock, pause) {
			return
		}
	}
}
