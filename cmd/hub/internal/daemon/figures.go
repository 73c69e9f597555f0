package daemon

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"time"

	"orderhub/cmd/hub/internal/api"
	"orderhub/hub"
	"orderhub/hub/engine"
	"orderhub/hub/figures"
	"orderhub/hub/store"
)

const (
	figuresKind  = "hub.figures"       // of the record that keeps the counters of a hub over a restart
	figuresKept  = 30 * 24 * time.Hour // how long one is kept of a hub that does not come back
	keepEvery    = 5 * time.Second
	rateOver     = time.Minute     // what rates are the mean of
	keepPatience = time.Second     // that whoever asks waits for the store to keep what is told
	askPatience  = 2 * time.Second // that an adapter has to tell of itself
)

// counters are what the hub counts, made durable every few seconds, at the stop, and before
// they are told to anybody. So what was told once never goes back, not even after a crash: Prometheus would
// take a counter that went back for one that began at zero, and all that it had counted for new.
type counters struct {
	*figures.Set
	storage *storage
	clock   hub.Clock

	mu    sync.Mutex
	kept  []byte // what the store has; nil: it was not asked yet
	marks []mark // of the last minute, oldest first; the first may be older
}

// mark is what was counted at a time.
type mark struct {
	at      time.Time
	counted figures.Snapshot
}

// restore goes on with what an earlier run of this hub counted.
func (c *counters) restore(ctx context.Context, log *slog.Logger) error {
	r, err := c.storage.Get(ctx, figuresKind, instance())
	switch {
	case errors.Is(err, hub.ErrNotFound):
	case err != nil:
		return err
	default:
		if err := c.Restore(r.Value); err != nil {
			log.Warn("what was counted before can't be read: all counters begin at zero", "error", err)
		}
	}
	c.kept = []byte{}
	c.keep(ctx)
	return nil
}

// keep makes the counters durable, and gives them. Where the store can't keep them now, of which it tells itself, they are as they are.
func (c *counters) keep(ctx context.Context) figures.Snapshot {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := mark{c.clock.Now(), c.Snapshot()}
	if n := len(c.marks); n == 0 || now.at.Sub(c.marks[n-1].at) >= keepEvery {
		c.marks = append(c.marks, now)
	}
	for len(c.marks) > 1 && now.at.Sub(c.marks[1].at) >= rateOver {
		c.marks = c.marks[1:]
	}
	raw := now.counted.Encode()
	if c.kept == nil || bytes.Equal(raw, c.kept) {
		return now.counted
	}
	w := hub.Write{Kind: figuresKind, Key: instance(), Value: raw, Expires: now.at.Add(figuresKept), IfVersion: hub.AnyVersion}
	if c.storage.Commit(ctx, &hub.Unit{Writes: []hub.Write{w}}) == nil {
		c.kept = raw
	}
	return now.counted
}

// told are the counters as they may be told. It waits for the store no longer than who asks is patient.
func (c *counters) told(ctx context.Context) figures.Snapshot {
	kept := make(chan figures.Snapshot, 1)
	go func() { kept <- c.keep(context.WithoutCancel(ctx)) }()
	select {
	case s := <-kept:
		return s
	case <-time.After(keepPatience):
		return c.Snapshot()
	}
}

// rate is how much of a family was counted in a second, in the last minute.
func (c *counters) rate(now figures.Snapshot, f *figures.Family, labels ...string) float64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	from := c.marks[0]
	return (now.Sum(f, labels...) - from.counted.Sum(f, labels...)) / max(c.clock.Now().Sub(from.at).Seconds(), 1)
}

// before is what was counted a minute ago, or when the hub began.
func (c *counters) before() figures.Snapshot {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.marks[0].counted
}

// run keeps the counters until ctx ends.
func (c *counters) run(ctx context.Context) {
	for hub.Pause(ctx, c.clock, keepEvery) {
		c.keep(ctx)
	}
}

// Gathered is what the hub tells of itself at one moment. It is gathered here alone, for whoever watches the hub.
type Gathered struct {
	Status  *api.Status      // nil: the store can't be read now
	Figures figures.Snapshot // what is counted, and what was looked up
}

// gather looks at all parts of the hub. What can't be looked at is left out, and told as such (figures.Gathered).
func (d *Daemon) gather(ctx context.Context) Gathered {
	ctx, cancel := context.WithTimeout(ctx, askPatience)
	defer cancel()
	counted := d.counts.told(ctx)
	look := &figures.Set{Clean: d.Registry.Mask.Text}
	var asked sync.WaitGroup
	asked.Go(func() { d.current.Load().opened.Figures(ctx, look) })
	status, err := d.look(ctx, counted)
	look.PutFlag(figures.Gathered, err == nil, "store")
	if err == nil {
		putStatus(look, status)
	}
	d.putParts(ctx, look)
	asked.Wait()
	return Gathered{status, append(counted, look.Snapshot()...)}
}

// putParts tells of the hub itself and of its parts.
func (d *Daemon) putParts(ctx context.Context, to *figures.Set) {
	g := d.current.Load()
	to.PutFlag(figures.Ready, d.ready() == nil)
	to.Put(figures.Build, 1, d.Version.Version, d.Version.Commit, d.Version.Go)
	to.Put(figures.Config, 1, g.Plan.Name, g.Plan.Version)
	to.Put(figures.Loaded, g.began.Unix())
	to.PutFlag(figures.ReloadOK, !d.unchanged.Load())
	if size, err := d.storage.Size(ctx); err == nil {
		to.Put(figures.StoreSize, size.Data, "data")
		to.Put(figures.StoreSize, size.Log, "log")
		if size.Free > 0 {
			to.Put(figures.StoreFree, size.Free)
		}
	}
	d.health.PutParts(to)
}

// putStatus makes figures of a status.
func putStatus(to *figures.Set, v *api.Status) {
	for _, s := range v.Stages {
		p := engine.PipelineOf(s.Name)
		to.Put(figures.Running, int64(s.Running), p, s.Name)
		to.PutFlag(figures.Paused, s.Paused, p, s.Name)
	}
	qs := make([]store.QueueStats, len(v.Queues))
	for i, q := range v.Queues {
		qs[i] = q.QueueStats
	}
	engine.PutStored(to, qs, v.Refused, time.Now())
	for name, keys := range v.Counters {
		for key, n := range keys {
			to.Put(figures.Counted, n, name, key)
		}
	}
	for _, p := range v.Processes {
		for _, s := range p.States {
			to.Put(figures.Instances, int64(s.Count), p.Process, s.State)
		}
		to.Put(figures.Stuck, int64(p.Stuck), p.Process)
		to.Put(figures.Tasks, int64(p.Tasks), p.Process, "open")
		to.Put(figures.Tasks, int64(p.Late), p.Process, "late")
	}
}

// adapters are the adapters of the configuration in its order, with what the hub knows of their far ends.
func (a *admin) adapters(r *http.Request) ([]api.Adapter, error) {
	seen := a.gather(r.Context())
	if seen.Status == nil {
		return nil, hub.Fail(hub.Unavailable, "figures", "the store can't be read in time")
	}
	g, before, out := a.current.Load(), a.counts.before(), []api.Adapter{}
	for _, ad := range g.Plan.Adapters {
		all, done := seen.Figures.Sum(figures.Requests, ad.Name), seen.Figures.Sum(figures.Requests, ad.Name, "", figures.Done)
		v := api.Adapter{Adapter: ad.Name, Type: ad.Type.Name, Line: ad.Line, Operations: ad.Operations(), URL: g.opened.Addresses[ad.Name], Stub: slices.Contains(a.Stubs.Stubbed, ad.Name),
			Done: int64(done), Failed: int64(all - done), Rate: a.counts.rate(seen.Figures, figures.Requests, ad.Name, "", figures.Done),
			P95: seen.Figures.Quantile(before, 0.95, figures.RequestDuration, ad.Name), Lag: int64(seen.Figures.Sum(figures.Lag, ad.Name))}
		for _, state := range []string{"open", "half-open", "closed"} {
			if v.Breaker == "" && seen.Figures.Sum(figures.Breaker, ad.Name, state) > 0 {
				v.Breaker = state
			}
		}
		v.Certificate = firstExpiry(seen.Figures, ad.Name)
		for _, n := range seen.Status.Attention {
			if n.Outage != nil && n.Outage.Kind == engine.PartAdapter && n.Outage.Name == ad.Name {
				v.Outage, v.Waiting = n.Outage, n.Waiting
			}
		}
		out = append(out, v)
	}
	return out, nil
}

// firstExpiry is when the first of the certificates of an adapter ends; zero: it has none.
func firstExpiry(seen figures.Snapshot, adapter string) (first time.Time) {
	for i := range seen {
		if s := &seen[i]; s.Family == figures.Expiry && s.Labels[0] == adapter {
			if ends := time.Unix(int64(s.Value()), 0); first.IsZero() || ends.Before(first) {
				first = ends
			}
		}
	}
	return first
}
