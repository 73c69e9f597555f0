// Package daemon is the running hub: one store, one control socket with the admin
// API, and the generations of the configuration that run on them.
package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"orderhub/cmd/hub/internal/access"
	"orderhub/cmd/hub/internal/api"
	"orderhub/cmd/hub/internal/audit"
	"orderhub/cmd/hub/internal/config"
	"orderhub/cmd/hub/internal/console"
	"orderhub/cmd/hub/internal/exit"
	"orderhub/cmd/hub/internal/systemd"
	"orderhub/cmd/hub/internal/words"
	"orderhub/hub"
	"orderhub/hub/engine"
	"orderhub/hub/store"
	"orderhub/pipelines"
	"orderhub/pipelines/process"
)

// Options say what a daemon runs, and on what.
type Options struct {
	Config     *config.Loaded
	Registry   *pipelines.Registry        // that Config was loaded with: a reload uses it again
	Fresh      func() *pipelines.Registry // makes a registry to look at a configuration that does not run
	Stubs      *config.Stubs              // that Config was loaded with; closed with the daemon
	Log        *slog.Logger
	Version    api.Version
	Store      string // URL
	Socket     string // --hub
	AcceptLoss int    // store.Options.AcceptLoss
	Once       bool   // end when the files are read and the queues empty
}

// Daemon is a running hub. Serve alone changes the generation.
type Daemon struct {
	Options
	storage *storage
	control net.Listener
	ops     net.Listener   // where the hub is watched; nil: on the control socket alone
	console net.Listener   // of the pages for people; nil: there are none
	servers []*http.Server // of all three
	clock   hub.Clock
	began   time.Time
	health  *engine.Health // of its parts, over all generations
	taps    engine.Taps    // likewise
	counts  *counters      // likewise, what was counted
	refused int64          // by generations that a reload ended

	begun     chan struct{} // closed when there is a current generation
	current   atomic.Pointer[generation]
	unchanged atomic.Bool                     // the last reload was refused: the configuration before it runs on
	abandoned atomic.Pointer[map[string]bool] // queues that a reload left without a reader; never changed, only replaced
	reloads   chan chan *api.Reloaded
	closing   chan struct{} // closed when no reload is taken any more
	log       *audit.Log
	differ    map[string]bool // hubs on the store that run something else: compareHubs
	byHand    sync.Mutex      // held while an operation is called by hand
}

// Open opens the store and the control socket. Nothing runs before Begin. Close gives all of it back; on an error it is given back already.
func Open(ctx context.Context, o Options) (*Daemon, error) {
	slog.SetDefault(o.Log) // libraries that know no other log, as net/http's client, write there
	clock := hub.RealClock{}
	health := engine.NewHealth(clock, o.Log)
	st, err := openStorage(ctx, o.Store, store.Options{Clock: clock, Log: o.Log, Figures: health.Figures, AcceptLoss: o.AcceptLoss, MinFree: o.Config.Plan.Reserve})
	if err != nil {
		o.Stubs.Close()
		return nil, err
	}
	if st.crashed > 0 {
		o.Log.Warn("the last run ended uncleanly; its running messages run again, each crash counted", "messages", st.crashed)
	}
	d := &Daemon{Options: o, storage: st, clock: clock, began: clock.Now(), health: health,
		counts: &counters{Set: health.Figures, storage: st, clock: clock}, begun: make(chan struct{}), reloads: make(chan chan *api.Reloaded), closing: make(chan struct{}),
		log: &audit.Log{Store: st.Store}}
	d.Socket = api.Socket(o.Socket, config.StoreFolder(o.Store))
	if d.control, err = api.Listen(d.Socket); err == nil {
		d.ops, err = openOps(o.Config.Plan.Ops.Address)
	}
	if err == nil && !o.Once {
		d.console, err = openConsole(o.Config, o.Log)
	}
	if err == nil {
		err = d.counts.restore(ctx, o.Log)
	}
	if err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

// Begin runs the configuration, and answers on the control socket. When it returns nil the servers answer.
func (d *Daemon) Begin(ctx context.Context) error {
	g, err := d.begin(ctx, d.Config)
	if err != nil {
		return err
	}
	d.current.Store(g)
	d.keepConfig(ctx, g)
	close(d.begun)
	calls := (&admin{Daemon: d}).routes()
	d.serve(d.control, openly(calls))
	if d.ops != nil {
		mux := d.watched(http.NewServeMux())
		mux.HandleFunc("GET /trace", d.peerTrace)
		d.serve(d.ops, mux)
	}
	if d.console != nil {
		d.serve(d.console, console.New(calls, access.New(d.Config.Plan.Console, d.storage, d.clock, func(ctx context.Context, r audit.Record, u *hub.Unit) error {
			return d.log.Append(ctx, r, u, d.storage.Commit)
		})))
	}
	return nil
}

// Close gives everything back; Serve has returned.
func (d *Daemon) Close() error {
	for _, s := range d.servers {
		s.Close()
	}
	for _, l := range []net.Listener{d.control, d.ops, d.console} {
		if l != nil {
			l.Close()
		}
	}
	d.Stubs.Close()
	d.counts.keep(context.Background())
	err := d.storage.close()
	if errors.Is(err, hub.ErrClosed) {
		return nil
	}
	return err
}

// Addresses are where the servers answer, by adapter.
func (d *Daemon) Addresses() map[string]string { return d.current.Load().opened.Addresses }

// Ready is what is told when the hub answers.
func (d *Daemon) Ready() *api.Ready {
	r := &api.Ready{Event: "ready", Version: d.Version.Version, Config: d.Config.Path, Revision: d.Config.Plan.Version,
		Store: d.storage.shown(), Fresh: d.storage.fresh && d.storage.file != "", Control: d.Socket, URLs: d.Addresses(),
		Ops: d.opsURL(), Stubs: append([]string{}, d.Stubs.Stubbed...), Stored: append([]string{}, d.Stubs.Stored...)}
	d.tellConsole(r)
	return r
}

// Paused are the pipelines that are paused now.
func (d *Daemon) Paused() map[string]bool { return d.current.Load().paused() }

// Serve runs until ctx ends, the inputs are used up, or the store fails. A value on hup is a reload.
func (d *Daemon) Serve(ctx context.Context, hup <-chan os.Signal) error {
	defer close(d.closing)
	keeping, stop := context.WithCancel(ctx)
	defer stop()
	go d.counts.run(keeping)
	go d.tellParts(keeping)
	go d.lookMeanwhile(keeping)
	watched, stopWatching := context.WithCancel(context.WithoutCancel(ctx)) // also while it drains
	defer stopWatching()
	go systemd.Watch(watched, d.alive)
	systemd.Notify(systemd.Ready)
	if d.Once {
		watch, cancel := context.WithCancel(ctx)
		defer cancel()
		go d.endWhenUsedUp(watch)
	}
	for {
		g := d.current.Load()
		select {
		case <-ctx.Done():
			systemd.Notify(systemd.Stopping)
			d.Log.Info("stopping", "drain", g.Plan.Drain)
			return storeFailure(g.stop())
		case <-g.done:
			return d.ended(g)
		case <-hup:
			a, err := d.reload(ctx)
			if err != nil {
				return err
			}
			logReload(d.Log, a)
			d.recordReload(ctx, a)
		case answer := <-d.reloads:
			a, err := d.reload(ctx)
			answer <- a
			if err != nil {
				return err
			}
		}
	}
}

// ended is the result of a generation that nobody stopped: its inputs are used up, or the store failed.
func (d *Daemon) ended(g *generation) error {
	if err := g.stop(); err != nil {
		return storeFailure(err)
	}
	qs, err := d.storage.Queues(context.Background())
	if err != nil {
		return storeFailure(err)
	}
	dead := 0
	for _, q := range qs {
		dead += q.Dead
	}
	var left []string
	if n := d.refused + g.rt.Refused(); n > 0 {
		left = append(left, fmt.Sprintf("%d refused: hub refused list", n))
	}
	if dead > 0 {
		left = append(left, words.Plural(dead, "dead letter")+" left: hub dlq")
	}
	if len(left) > 0 {
		return errors.New(strings.Join(left, "; "))
	}
	return nil
}

func storeFailure(err error) error {
	if err == nil {
		return nil
	}
	return exit.With(exit.Store, fmt.Errorf("the store failed: %w", err))
}

// Until asks again and again whether something is done, and tells whether it was before ctx ended.
func (d *Daemon) Until(ctx context.Context, every time.Duration, done func() (bool, error)) (bool, error) {
	for {
		if ok, err := done(); ok || err != nil {
			return ok, err
		}
		if !hub.Pause(ctx, d.clock, every) {
			return false, nil
		}
	}
}

// endWhenUsedUp ends the generation when its files are read and nothing waits any more.
func (d *Daemon) endWhenUsedUp(ctx context.Context) {
	d.Until(ctx, 20*time.Millisecond, func() (bool, error) {
		g := d.current.Load()
		used := g.usedUp() && d.Quiet(ctx, time.Time{}) && d.Quiet(ctx, time.Time{})
		if used {
			g.cancel()
		}
		return used, nil
	})
}

// Quiet tells that no message runs and none waits in a queue that is read, but for clocks and what waits for a time after limit. Of a zero
// limit no time is too late.
func (d *Daemon) Quiet(ctx context.Context, limit time.Time) bool {
	read, clocks := map[string]bool{}, map[string]bool{}
	for _, s := range d.current.Load().rt.Status() {
		read[s.Queue], clocks[s.Queue] = true, s.Clock
		if s.Running > 0 {
			return false
		}
	}
	qs, err := d.storage.Queues(ctx)
	for _, q := range qs {
		late := !limit.IsZero() && q.NextDue.After(limit)
		if read[q.Queue] && (q.Ready > 0 || q.Waiting+q.Held > 0 && !late && !clocks[q.Queue] && !d.sleeps(ctx, q)) {
			return false
		}
	}
	return err == nil
}

// sleeps tells that all that waits in the queue are timers of processes: an instance that waits for days is no work under way.
func (d *Daemon) sleeps(ctx context.Context, q store.QueueStats) bool {
	const look = 1000 // more retries than that are work under way
	waiting, err := d.storage.Browse(ctx, store.BrowseQuery{Queue: q.Queue, State: hub.Waiting, Limit: look})
	return err == nil && q.Held == 0 && len(waiting) > 0 && !slices.ContainsFunc(waiting, func(m *hub.Delivery) bool { return !process.Sleeps(m.Msg) })
}
