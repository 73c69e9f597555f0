package main

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"orderhub/hub"
)

// pauseKind is the kind of the records that keep a pipeline paused over a restart.
const pauseKind = "hub.paused"

// pauseRecord is why a pipeline is paused.
type pauseRecord struct {
	Pipeline string    `json:"pipeline"`
	Reason   string    `json:"reason,omitempty"`
	Since    time.Time `json:"since"`
}

// pipelineOf is the pipeline that a stage belongs to: web-orders#1 -> web-orders.
func pipelineOf(stage string) string { return before(before(stage, "#"), " timer") }

// stagesOf are the names of all stages of a pipeline.
func (g *generation) stagesOf(pipeline string) map[string]bool {
	names := map[string]bool{}
	for _, s := range g.plan.Stages() {
		if pipelineOf(s.Name) == pipeline && !strings.HasPrefix(s.Name, "@") {
			names[s.Name] = true
		}
	}
	return names
}

// setPaused pauses or resumes a pipeline, durably.
func (d *daemon) setPaused(ctx context.Context, g *generation, p pauseRecord, on bool) error {
	w := hub.Write{Kind: pauseKind, Key: p.Pipeline, IfVersion: hub.AnyVersion}
	if on {
		value, err := json.Marshal(p)
		if err != nil {
			return err
		}
		w.Value = value
	}
	if err := d.storage.Commit(ctx, &hub.Unit{Writes: []hub.Write{w}}); err != nil {
		return err
	}
	g.rt.Pause(g.stagesOf(p.Pipeline), on)
	return nil
}

func (d *daemon) pauses(ctx context.Context) ([]pauseRecord, error) {
	records, err := d.storage.List(ctx, pauseKind, "", "", 1000)
	var out []pauseRecord
	for _, r := range records {
		p := pauseRecord{Pipeline: r.Key}
		if json.Unmarshal(r.Value, &p) == nil {
			out = append(out, p)
		}
	}
	return out, err
}

// restorePauses keeps paused what was paused before the start.
func (d *daemon) restorePauses(ctx context.Context, g *generation) error {
	paused, err := d.pauses(ctx)
	for _, p := range paused {
		g.rt.Pause(g.stagesOf(p.Pipeline), true)
	}
	return err
}
