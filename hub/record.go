package hub

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"
)

// Record is a versioned value of the store: aggregation groups, idempotency
// keys, process state, tables, adapter positions.
type Record struct {
	Kind, Key string
	Value     []byte
	Version   int64
	Expires   time.Time
}

// Records reads what units have written: records and counters.
type Records interface {
	// Get reads a record; ErrNotFound when absent or expired.
	Get(ctx context.Context, kind, key string) (Record, error)
	// List pages through the records of a kind by key order, after a key, with a prefix.
	List(ctx context.Context, kind, prefix, after string, limit int) ([]Record, error)
	// Counters reads all counters of a kind whose keys have the prefix.
	Counters(ctx context.Context, kind, prefix string) (map[string]int64, error)
}

// Record reads a record as x's unit of work will leave it: what the unit
// writes already, else what the store has; ErrNotFound when absent, deleted or
// expired. Its Version is what a Write of it must check, 0 for an absent one.
func (x *Exchange) Record(ctx context.Context, kind, key string) (Record, error) {
	for u := x.Unit; u != nil; u = u.up {
		if w := u.written(kind, key); w != nil {
			r := Record{Kind: kind, Key: key, Value: w.Value, Version: w.IfVersion, Expires: w.Expires}
			if w.Value == nil {
				return r, ErrNotFound
			}
			return r, nil
		}
	}
	return x.Env.Store.Get(ctx, kind, key)
}

// ReadJSON reads a record, as get finds it (Exchange.Record, a store's Get), into v. Its version is what a Write of it must check. One that is
// not there leaves v as it is, and is no error.
func ReadJSON(ctx context.Context, get func(ctx context.Context, kind, key string) (Record, error), kind, key string, v any) (version int64, err error) {
	r, err := get(ctx, kind, key)
	switch {
	case errors.Is(err, ErrNotFound):
		err = nil
	case err == nil:
		err = json.Unmarshal(r.Value, v)
	}
	return r.Version, err
}

// Records reads up to limit records of a kind in key order, as x's unit of work will leave them.
func (x *Exchange) Records(ctx context.Context, kind string, limit int) ([]Record, error) {
	mine := map[string]Write{}
	for u := x.Unit; u != nil; u = u.up {
		for i := len(u.Writes) - 1; i >= 0; i-- {
			w := u.Writes[i]
			if _, newer := mine[w.Key]; w.Kind == kind && !newer {
				mine[w.Key] = w
			}
		}
	}
	list, err := x.Env.Store.List(ctx, kind, "", "", limit+len(mine))
	if err != nil || len(mine) == 0 {
		return list, err
	}
	list = slices.DeleteFunc(list, func(r Record) bool { _, written := mine[r.Key]; return written })
	for key, w := range mine {
		if w.Value != nil {
			list = append(list, Record{Kind: kind, Key: key, Value: w.Value, Version: w.IfVersion, Expires: w.Expires})
		}
	}
	slices.SortFunc(list, func(a, b Record) int { return strings.Compare(a.Key, b.Key) })
	return list[:min(limit, len(list))], nil
}

// Write sets a record in x's unit. A record that the unit writes already gets
// the new value and keeps the version check of its first write.
func (x *Exchange) Write(w Write) { x.Unit.write(w) }

func (u *Unit) write(w Write) {
	if have := u.written(w.Kind, w.Key); have != nil {
		have.Value, have.Expires = w.Value, w.Expires
		u.view = nil
		return
	}
	u.Writes = append(u.Writes, w)
}

type recordName struct{ kind, key string }

// written finds the unit's write of a record. Long lists are indexed as they grow.
func (u *Unit) written(kind, key string) *Write {
	if len(u.Writes) <= 8 {
		for i := len(u.Writes) - 1; i >= 0; i-- {
			if w := &u.Writes[i]; w.Key == key && w.Kind == kind {
				return w
			}
		}
		return nil
	}
	if u.index == nil {
		u.index = map[recordName]int{}
	}
	for ; u.indexed < len(u.Writes); u.indexed++ {
		w := &u.Writes[u.indexed]
		u.index[recordName{w.Kind, w.Key}] = u.indexed
	}
	if i, ok := u.index[recordName{kind, key}]; ok {
		return &u.Writes[i]
	}
	return nil
}

// snapshot is what forks see of the unit's writes: a copy that nobody changes any more.
func (u *Unit) snapshot() *Unit {
	if len(u.Writes) == 0 {
		return u.up
	}
	if u.view == nil || len(u.view.Writes) != len(u.Writes) {
		u.view = &Unit{Writes: slices.Clone(u.Writes), up: u.up}
		u.view.written("", "") // builds the index: forks only read it
	}
	return u.view
}
