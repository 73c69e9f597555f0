package main

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"orderhub/hub"
	"orderhub/pipelines/process"
)

// findInstances adds the instances of processes that have one of the correlations.
func (v *traceView) findInstances(ctx context.Context, st process.Reader, ps *process.Processes, correlations map[string]bool) error {
	names := ps.Names()
	if ps == nil { // a store that no hub uses: those that have instances
		all, err := process.Populations(ctx, st, nil, "")
		if err != nil {
			return err
		}
		for _, p := range all {
			if !slices.Contains(names, p.Process) {
				names = append(names, p.Process)
			}
		}
	}
	for _, name := range names {
		for _, id := range slices.Sorted(maps.Keys(correlations)) {
			i, err := process.Find(ctx, st, ps, name, id)
			if errors.Is(err, hub.ErrNotFound) {
				continue
			}
			if err != nil {
				return err
			}
			v.Instances = append(v.Instances, i)
		}
	}
	return nil
}

// inOrder are the events of a row with times in their order. A process notes
// what led to a call when it has the answer: that happened no later than the call.
func inOrder(row hub.HistoryRow) []hub.Event {
	out := slices.Clone(row.Events)
	of := strings.HasSuffix(row.Root, ":"+row.Correlation) // of an instance
	var first time.Time                                    // of what comes behind
	for i := len(out) - 1; i >= 0; i-- {
		e := &out[i]
		if of && e.Message == row.Root && !first.IsZero() && e.Time.After(first) {
			e.Time = first
		}
		if first.IsZero() || e.Time.Before(first) {
			first = e.Time
		}
	}
	return out
}

// sleeps tells that the message is a timer of one of the instances, or keeps
// an event for it: the instance tells of those itself, and nothing is under way.
func (v *traceView) sleeps(d *hub.Delivery) bool {
	return d.State == hub.Waiting && d.Error == nil && process.Sleeps(d.Msg) &&
		slices.ContainsFunc(v.Instances, func(i *process.View) bool { return i.ID == d.Msg.Correlation })
}

// instanceState is where the instances stand; done when there are none, or none has started.
func (v *traceView) instanceState() string {
	var states []string
	for _, i := range v.Instances {
		if i.State != "" && !slices.Contains(states, i.State) {
			states = append(states, i.State)
		}
	}
	if len(states) == 0 {
		return stateDone
	}
	return strings.Join(states, ", ")
}
