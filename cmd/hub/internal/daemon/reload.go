package daemon

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"

	"orderhub/cmd/hub/internal/api"
	"orderhub/cmd/hub/internal/config"
	"orderhub/cmd/hub/internal/words"
	"orderhub/pipelines/yamlfile"
)

// reloadNow asks Serve to reload, and waits for its answer. Problems are an answer, not an error.
func (a *admin) reloadNow(r *http.Request) (*api.Reloaded, error) {
	answer := make(chan *api.Reloaded, 1)
	select {
	case a.reloads <- answer:
	case <-a.closing:
		return nil, api.Problemf(http.StatusServiceUnavailable, "stopping", "stopping", "the hub is stopping")
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
	done := <-answer
	c := actOf(r.Context())
	c.On, c.Outcome = done.New, done.Outcome()
	return done, nil
}

// reload is replace; whether it went well is remembered.
func (d *Daemon) reload(ctx context.Context) (*api.Reloaded, error) {
	a, err := d.replace(ctx)
	d.unchanged.Store(!a.OK)
	if shared(d.Store) && err == nil {
		d.tellOwn(ctx)
	}
	return a, err
}

// replace loads the file again and, when it is valid, lets the old generation
// end and the new one begin. An error means that nothing runs any more.
func (d *Daemon) replace(ctx context.Context) (*api.Reloaded, error) {
	old := d.current.Load()
	a := &api.Reloaded{Old: old.Plan.Version, New: old.Plan.Version}
	l := config.Load(old.Path, d.Registry, d.Stubs, old.Sets...)
	if !d.mayReplace(ctx, old, l, a) {
		return a, nil
	}
	if l.Store() != d.storage.url {
		a.Warnings = append(a.Warnings, "hub.store changed: the new store is used from the next start on")
	}
	if l.Plan.Ops.Address != d.Config.Plan.Ops.Address {
		a.Warnings = append(a.Warnings, "hub.ops.address changed: the new one is used from the next start on")
	}
	if err := old.stop(); err != nil {
		return a, storeFailure(err)
	}
	d.refused += old.rt.Refused()
	if err := d.storage.Recover(ctx, nil); err != nil { // what was held behind a retry is ready again
		return a, storeFailure(err)
	}
	g, err := d.begin(ctx, l)
	if err != nil {
		a.Errors, a.Problems = 1, err.Error()
		a.Summary = fmt.Sprintf("%s did not start; %s runs again", l.Plan.Version, a.Old)
		if g, back := d.begin(ctx, old.Loaded); back == nil {
			d.current.Store(g)
			return a, nil
		} else {
			return a, fmt.Errorf("reload: %w", errors.Join(err, back))
		}
	}
	d.current.Store(g)
	d.keepConfig(ctx, g)
	a.OK, a.New = true, l.Plan.Version
	if err := d.abandon(ctx, old, g, a); err != nil {
		d.Log.Warn("queues that nobody reads any more can't be found", "error", err)
	}
	a.Summary = fmt.Sprintf("%s -> %s: %s", a.Old, a.New, l.Sizes())
	return a, nil
}

// mayReplace tells that l may run in the place of old; if it may not, a says why, or that nothing changed.
func (d *Daemon) mayReplace(ctx context.Context, old *generation, l *config.Loaded, a *api.Reloaded) bool {
	if !l.OK() {
		a.Errors, a.Problems = l.Problems.Errors(), config.ProblemText(l.Problems)
		a.Summary = fmt.Sprintf("%s: %s; %s keeps running", l.Path, words.Plural(a.Errors, "error"), a.Old)
		return false
	}
	if l.Plan.Version == old.Plan.Version {
		a.OK, a.Summary = true, "nothing changed: "+a.Old+" keeps running"
		return false
	}
	fates, err := l.Processes().Compare(ctx, d.storage)
	if err != nil {
		a.Errors, a.Problems = 1, "processes: "+err.Error()
		a.Summary = fmt.Sprintf("what becomes of the instances of processes can't be read; %s keeps running", a.Old)
		return false
	}
	if a.Stranded = api.Stranded(fates); len(a.Stranded) > 0 {
		a.Errors, a.Problems = len(a.Stranded), l.Strands(a.Stranded)
		a.Summary = fmt.Sprintf("%s would strand instances; %s keeps running", l.Path, a.Old)
		return false
	}
	return true
}

// abandon tells of the queues with messages that old read and g does not. Status goes on telling of them.
func (d *Daemon) abandon(ctx context.Context, old, g *generation, a *api.Reloaded) error {
	qs, err := d.storage.Queues(ctx)
	if err != nil {
		return err
	}
	gone := map[string]bool{}
	if before := d.abandoned.Load(); before != nil {
		gone = maps.Clone(*before)
	}
	before, now := old.Reads(), g.Reads()
	for _, q := range qs {
		if live := q.Live(); live > 0 && before[q.Queue] && !now[q.Queue] {
			gone[q.Queue] = true
			lie := " lie"
			if live == 1 {
				lie += "s"
			}
			a.Warnings = append(a.Warnings, fmt.Sprintf("%s: %s%s here, and nobody reads it any more", q.Queue, words.Plural(live, "message"), lie))
		}
	}
	maps.DeleteFunc(gone, func(queue string, _ bool) bool { return now[queue] })
	d.abandoned.Store(&gone)
	return nil
}

// keepConfig notes in the store that the configuration of g runs, so that it can be told, and had again.
func (d *Daemon) keepConfig(ctx context.Context, g *generation) {
	if err := config.Keep(ctx, d.storage, g.Loaded, g.began, true); err != nil && ctx.Err() == nil {
		d.Log.Warn("the configuration is not kept: hub config history does not have it", "error", err)
	}
}

// loadFile reads and checks the configuration in the file, as a reload would.
func (a *admin) loadFile(g *generation) *config.Loaded {
	return config.Load(g.Path, a.Fresh(), &config.Stubs{}, g.Sets...)
}

// configChange tells what a reload, or with ?revision= a roll back, would change.
func (a *admin) configChange(r *http.Request) (*api.ConfigChange, error) {
	g, revision := a.current.Load(), r.FormValue("revision")
	v := &api.ConfigChange{From: g.Plan.Version, To: cmp.Or(revision, g.Plan.Version), Lines: []string{}}
	var to []yamlfile.Source
	if revision != "" {
		k, err := config.KeptOf(r.Context(), a.storage, revision)
		if err != nil {
			return nil, err
		}
		to = k.Files
	} else if config.OnDisk(g.Plan.Files) {
		return v, nil
	} else {
		l := a.loadFile(g)
		if to, v.To = l.Plan.Files, l.Plan.Version; !l.OK() {
			v.To, v.Problems = "", config.ProblemText(l.Problems)
		}
	}
	v.Lines = append(v.Lines, config.Difference(g.Plan.Files, to)...)
	return v, nil
}

// rollback takes a configuration that ran before: its files are written over those that are there, and reloaded. What is there is kept in the
// store, and put back if the reload is refused.
func (a *admin) rollback(r *http.Request) (*api.Reloaded, error) {
	var q api.Rollback
	if err := readJSON(r, &q); err != nil {
		return nil, err
	}
	g := a.current.Load()
	k, err := config.KeptOf(r.Context(), a.storage, q.Revision)
	if err != nil {
		return nil, err
	}
	if !config.OnDisk(g.Plan.Files) {
		l := a.loadFile(g)
		if err := config.Keep(r.Context(), a.storage, l, a.clock.Now(), false); err != nil {
			return nil, err
		}
		if _, err := config.KeptOf(r.Context(), a.storage, l.Plan.Version); err != nil {
			return nil, api.Conflictf("unkept", "what stands in the file never ran, and can't be kept: %v", err)
		}
	}
	undo, err := k.Replace(g.Plan.Dir)
	if err != nil {
		return nil, err
	}
	done, err := a.reloadNow(r)
	switch {
	case err != nil || !done.OK:
		err = errors.Join(err, undo())
	case done.New != q.Revision:
		done.Warnings = append(done.Warnings, fmt.Sprintf("%s runs, not %s: what it was started with by --set is different", done.New, q.Revision))
	}
	return done, err
}

// config is the configuration that runs, or with ?revision= one that ran; with ?part= the lines of that pipeline or process alone.
func (a *admin) config(r *http.Request) (*api.Config, error) {
	g, revision := a.current.Load(), r.FormValue("revision")
	v := &api.Config{Revision: g.Plan.Version, Loaded: g.began}
	files := g.Plan.Files
	if revision != "" && revision != v.Revision {
		k, err := config.KeptOf(r.Context(), a.storage, revision)
		if err != nil {
			return nil, err
		}
		v.Revision, v.Loaded, files = revision, k.Last, k.Files
	}
	for _, f := range files {
		v.Files = append(v.Files, api.ConfigFile{File: f.Name, First: 1, Lines: f.Shown()})
	}
	name := r.FormValue("part")
	if name == "" {
		return v, nil
	}
	p, err := g.pipeline(name)
	if err != nil {
		return nil, err
	}
	file, line := words.Place(p.Line)
	v.Files = slices.DeleteFunc(v.Files, func(f api.ConfigFile) bool { return f.File != file || line < 1 || line > len(f.Lines) })
	for i := range v.Files {
		f := &v.Files[i]
		f.First, f.Lines = line, yamlfile.Entry(f.Lines[line-1:])
	}
	return v, nil
}

func logReload(log *slog.Logger, a *api.Reloaded) {
	for _, w := range a.Warnings {
		log.Warn("reload", "warning", w)
	}
	if a.OK {
		log.Warn("reload", "result", a.Summary)
	} else {
		log.Error("reload", "result", a.Summary, "problems", a.Problems)
	}
}
