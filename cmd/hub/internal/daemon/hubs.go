package daemon

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"orderhub/cmd/hub/internal/api"
	"orderhub/hub"
	"orderhub/hub/figures"
	"orderhub/hub/store"
)

// hubs are those that share the store, by their names; none where the store is for one. What each runs it told itself (tellOwn).
func (d *Daemon) hubs(ctx context.Context) ([]api.Hub, error) {
	st, ok := d.storage.Store.(store.Shared)
	if !ok {
		return nil, nil
	}
	owners, err := st.Owners(ctx)
	if err != nil {
		return nil, err
	}
	var out []api.Hub
	for _, o := range owners {
		h := api.Hub{Hub: o.Hub, This: o.Hub == instance(), Queues: append([]string{}, o.Queues...)}
		r, err := d.storage.Get(ctx, partsKind, o.Hub)
		if err != nil && !errors.Is(err, hub.ErrNotFound) {
			return nil, err
		}
		told := &figures.Set{}
		if err == nil && told.Restore(r.Value) == nil {
			for _, p := range told.Snapshot() {
				switch p.Family {
				case figures.Build:
					h.Version, h.Commit = p.Labels[0], p.Labels[1]
				case figures.Config:
					h.Revision = p.Labels[1]
				}
			}
		}
		if h.This { // also before it has told
			h.Version, h.Commit, h.Revision = d.Version.Version, d.Version.Commit, d.current.Load().Plan.Version
		}
		out = append(out, h)
	}
	return out, nil
}

// differences are what the other hubs run, by their names, where it is not what this one runs.
func differences(hubs []api.Hub) map[string]string {
	out := map[string]string{}
	this := slices.IndexFunc(hubs, func(h api.Hub) bool { return h.This })
	if this < 0 {
		return out
	}
	own := hubs[this]
	for _, h := range hubs {
		var what []string
		if h.Version != own.Version || h.Commit != own.Commit {
			what = append(what, fmt.Sprintf("version %s %s, this one %s %s", h.Version, h.Commit, own.Version, own.Commit))
		}
		if h.Revision != own.Revision {
			what = append(what, fmt.Sprintf("configuration %s, this one %s", h.Revision, own.Revision))
		}
		if h.Version != "" && len(what) > 0 {
			out[h.Hub] = "runs " + strings.Join(what, "; ") + ": the same order is treated differently by each; bring both to one"
		}
	}
	return out
}

// differences tells of the hubs on the store that run something else than this one.
func (v *statusView) differences() {
	all := differences(v.Hubs)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		v.Attention = append(v.Attention, api.Attention{What: "hubs", Of: "hub " + name, Text: all[name], Do: "hub reload"})
	}
}

// compareHubs logs when another hub on the store begins to run something else than this one, and when that is over. It is called by one goroutine.
func (d *Daemon) compareHubs(ctx context.Context) {
	hubs, err := d.hubs(ctx)
	if err != nil {
		return // a store that is away tells of itself
	}
	now := differences(hubs)
	for name, what := range now {
		if !d.differ[name] {
			d.Log.Warn("another hub on this store "+what, "name", name)
		}
	}
	for name := range d.differ {
		if now[name] == "" {
			d.Log.Info("this hub and another one on its store run the same again, or the other one is gone", "name", name)
		}
	}
	d.differ = map[string]bool{}
	for name := range now {
		d.differ[name] = true
	}
}
