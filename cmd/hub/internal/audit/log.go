package audit

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"orderhub/hub"
	"orderhub/hub/store"
)

// The log lies in the records of the store: one for each act, by its number, and one that names the last.
const (
	kind     = "audit"
	headKind = "audit head"
)

func key(n int64) string { return fmt.Sprintf("%019d", n) }

// Log appends to the log of a store, which several hubs may share: the version of the head lets one of them
// append at a time, so that the chain stays one chain.
type Log struct {
	Store store.Store
	mu    sync.Mutex // this hub's own acts need no second try
}

// Append commits u together with the record r of what it does. It fills in the record's place in the chain.
func (l *Log) Append(ctx context.Context, r Record, u *hub.Unit, commit func(context.Context, *hub.Unit) error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	own := len(u.Writes)
	for {
		version, err := l.write(ctx, r, u)
		if err != nil {
			return err
		}
		err = commit(ctx, u)
		u.Writes = u.Writes[:own]
		if !errors.Is(err, hub.ErrConflict) {
			return err
		}
		if _, now, e := Head(ctx, l.Store); e != nil || now == version { // the conflict is with the act itself
			return errors.Join(err, e)
		}
	}
}

// write adds the record to what u writes, behind the head, whose version it gives.
func (l *Log) write(ctx context.Context, r Record, u *hub.Unit) (version int64, err error) {
	head, version, err := Head(ctx, l.Store)
	if err != nil {
		return 0, err
	}
	r.N, r.Prev = head.N+1, head.Hash
	line, hash, err := r.seal()
	if err != nil {
		return 0, err
	}
	u.Writes = append(u.Writes, hub.Write{Kind: kind, Key: key(r.N), Value: line},
		hub.Write{Kind: headKind, Key: "head", Value: []byte(Place{r.N, hash}.String()), IfVersion: version})
	return version, nil
}

// Head is the place of the last record, with the version of what names it. Both are zero before the first.
func Head(ctx context.Context, st hub.Records) (Place, int64, error) {
	rec, err := st.Get(ctx, headKind, "head")
	if errors.Is(err, hub.ErrNotFound) {
		return Place{}, 0, nil
	}
	if err != nil {
		return Place{}, 0, err
	}
	p, err := ParsePlace(string(rec.Value))
	return p, rec.Version, err
}

// Lines are up to limit records behind the number after, in their order.
func Lines(ctx context.Context, st hub.Records, after int64, limit int) ([]string, error) {
	list, err := st.List(ctx, kind, "", key(after), limit)
	out := make([]string, len(list))
	for i, rec := range list {
		out[i] = string(rec.Value)
	}
	return out, err
}

// expirePart is how many records one commit removes at most.
const expirePart = 500

// Expire removes the records from before a time, and adds one that says so. The last record always stays.
func (l *Log) Expire(ctx context.Context, before time.Time, r Record) error {
	for {
		head, _, err := Head(ctx, l.Store)
		if err != nil {
			return err
		}
		lines, err := Lines(ctx, l.Store, 0, expirePart)
		if err != nil {
			return err
		}
		u, last := &hub.Unit{}, Place{}
		for _, line := range lines {
			old, _, hash, err := Parse([]byte(line))
			if err != nil || !old.Time.Before(before) || old.N == head.N {
				break // what can't be read stays, for verify to tell
			}
			last = Place{old.N, hash}
			u.Writes = append(u.Writes, hub.Write{Kind: kind, Key: key(old.N), IfVersion: hub.AnyVersion})
		}
		if len(u.Writes) == 0 {
			return nil
		}
		r.Act, r.On, r.Count = Expired, last.String(), len(u.Writes)
		if err := l.Append(ctx, r, u, l.Store.Commit); err != nil || len(u.Writes) < expirePart {
			return err
		}
	}
}
