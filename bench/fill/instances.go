package main

import (
	"context"
	"fmt"
	"strings"

	"orderhub/hub"
	"orderhub/hub/store"
)

// original is the one instance that a store has, with all that goes with it.
type original struct {
	number  string
	records []hub.Record // its own, and its tasks
	timers  []*hub.Delivery
	counts  []hub.Add // its part of the counts
}

// theInstance is the one that the store has.
func theInstance(ctx context.Context, s store.Store) (*original, error) {
	kinds, err := s.Kinds(ctx, "process ")
	if err != nil || len(kinds) != 1 {
		return nil, fmt.Errorf("the store has instances of %d processes: there must be one, with one instance (%v)", len(kinds), err)
	}
	o := &original{}
	for _, kind := range []string{kinds[0], "task", "task.due"} {
		found, err := s.List(ctx, kind, "", "", 100)
		if err != nil {
			return nil, err
		}
		o.records = append(o.records, found...)
	}
	o.number = o.records[0].Key
	for _, kind := range []string{"process", "process.tasks"} {
		all, err := s.Counters(ctx, kind, "")
		if err != nil {
			return nil, err
		}
		for key, n := range all {
			o.counts = append(o.counts, hub.Add{Kind: kind, Key: key, Delta: n})
		}
	}
	o.timers, err = s.Browse(ctx, store.BrowseQuery{Queue: kinds[0], Limit: 100})
	return o, err
}

// instances writes n copies of the one instance that the store has. Copy i has its number with -i behind it.
func instances(ctx context.Context, s store.Store, n int) error {
	o, err := theInstance(ctx, s)
	for i := 0; i < n && err == nil; {
		u := &hub.Unit{}
		for range min(200, n-i) {
			o.copied(u, strings.NewReplacer(o.number, fmt.Sprint(o.number, "-", i)))
			i++
		}
		err = s.Commit(ctx, u)
	}
	return err
}

// copied puts a copy, in which another number stands, into the unit.
func (o *original) copied(u *hub.Unit, named *strings.Replacer) {
	for _, r := range o.records {
		u.Writes = append(u.Writes, hub.Write{Kind: r.Kind, Key: named.Replace(r.Key), Value: []byte(named.Replace(string(r.Value))), Expires: r.Expires})
	}
	for _, d := range o.timers {
		m := *d.Msg
		m.ID, m.Key, m.Correlation = named.Replace(m.ID), named.Replace(m.Key), named.Replace(m.Correlation)
		u.Puts = append(u.Puts, hub.Put{Queue: d.Queue, Msg: &m, Vars: d.Vars, Due: d.Due, Name: named.Replace(d.Name)})
	}
	u.Adds = append(u.Adds, o.counts...)
}
