package scenario

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"orderhub/hub"
	"orderhub/hub/doc"
	"orderhub/pipelines/process"
)

// instance is an instance of a process as patterns see it: its state, its data, and where its branches stand.
func (r *run) instance(ctx context.Context, name, id string) (doc.Value, error) {
	v, err := process.Find(ctx, r.store, process.Of(r.plan), name, id)
	if errors.Is(err, hub.ErrNotFound) {
		return doc.Value{}, fmt.Errorf("there is no %s %s", name, id)
	}
	if err != nil {
		return doc.Value{}, err
	}
	return instanceView(v)
}

func instanceView(v *process.View) (doc.Value, error) {
	data, err := doc.Parse(v.Data)
	if err != nil {
		return data, err
	}
	fields := []doc.Field{{Name: "state", Value: doc.StringValue(v.State)}, {Name: "data", Value: data}}
	for _, list := range []struct {
		name string
		of   []string
	}{{"listens", v.Listens}, {"undo", v.Undo}, {"places", placesOf(v)}} {
		values := make([]doc.Value, len(list.of))
		for i, text := range list.of {
			values[i] = doc.StringValue(text)
		}
		fields = append(fields, doc.Field{Name: list.name, Value: doc.ListOf(values)})
	}
	return doc.ObjectOf(fields), nil
}

// placesOf tells where the branches of an instance stand.
func placesOf(v *process.View) (places []string) {
	for _, p := range v.Places {
		if p.Branch != "" {
			places = append(places, p.Branch+"/"+p.State)
		}
	}
	slices.Sort(places)
	return places
}

// taskOf is the ID of the open task that an answer names by its state or its ID.
func (r *run) taskOf(ctx context.Context, t *telling) (string, error) {
	v, err := process.Find(ctx, r.store, process.Of(r.plan), t.process, t.instance)
	if err != nil {
		return "", fmt.Errorf("%s %s: %w", t.process, t.instance, err)
	}
	var open []string
	for _, p := range v.Places {
		if p.Task == nil {
			continue
		}
		if p.Task.ID == t.name || p.State == t.name {
			return p.Task.ID, nil
		}
		open = append(open, p.State)
	}
	return "", fmt.Errorf("%s %s (state %s) has no open task %q; open: %q", t.process, t.instance, v.State, t.name, open)
}

// instances adds how the instances of all processes ended.
func (r *run) instances(ctx context.Context, add func(string, ...any)) error {
	for _, p := range r.plan.Pipelines {
		if p.From.Section != "processes" {
			continue
		}
		list, _, err := process.List(ctx, r.store, process.Of(r.plan), p.Name, "", 1<<20, 1<<20, nil)
		if err != nil {
			return err
		}
		for _, v := range list {
			data, err := doc.Parse(v.Data)
			if err != nil {
				return err
			}
			slices.Sort(v.Undo)
			add("%s %s: %s %q, can undo %q", p.Name, v.ID, v.State, placesOf(v), v.Undo)
			for name, value := range data.Fields() {
				add("%s %s has %s: %s", p.Name, v.ID, name, canonical(value))
			}
		}
	}
	return nil
}
