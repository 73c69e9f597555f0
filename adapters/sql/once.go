package sql

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
	"orderhub/hub"
	"orderhub/hub/doc"
)

// onceKey is something that is applied once: a row of the table hub_applied,
// written by the transaction that applies it.
type onceKey struct{ target, id string }

// onceID is a message's ID as the table keeps it.
func onceID(id string) string {
	if len(id) > 200 || !utf8.ValidString(id) || strings.Contains(id, "\x00") {
		return hub.HashID(id)
	}
	return id
}

// idleOpen is when the server ends a transaction of a hub that has stopped in the middle of it, so that another one can go on.
const idleOpen = "10s"

// begin opens a transaction, by first, that applies the keys. Those in fresh were not applied before; what another transaction is applying
// just now is waited for.
func (s *session) begin(ctx context.Context, d time.Duration, first []step, keys []onceKey) (fresh map[onceKey]bool, err error) {
	targets, ids := make([]string, len(keys)), make([]string, len(keys))
	for i, k := range keys {
		targets[i], ids[i] = k.target, k.id
	}
	insert := fmt.Sprintf(`insert into %s (target, id) select t, i from unnest($1::text[], $2::text[]) as k(t, i) order by 1, 2
		on conflict do nothing returning target, id`, s.a.applied.Sanitize())
	fresh = map[onceKey]bool{}
	read := func(r *pgconn.ResultReader) error {
		for r.NextRow() {
			v := r.Values()
			fresh[onceKey{string(v[0]), string(v[1])}] = true
		}
		return nil
	}
	_, err = s.run(ctx, d, append(slices.Clone(first), step{sql: "set local idle_in_transaction_session_timeout = '" + idleOpen + "'"},
		step{insert, [][]byte{textArray(targets), textArray(ids)}, read})...)
	return fresh, err
}

// keep writes what was given for a key, and commits.
func (s *session) keep(ctx context.Context, d time.Duration, k onceKey, v doc.Value) error {
	update := fmt.Sprintf("update %s set result = $3 where target = $1 and id = $2", s.a.applied.Sanitize())
	_, err := s.run(ctx, d, step{sql: update, values: append(texts(k.target, k.id), v.JSON())}, step{sql: "commit"})
	return err
}

// kept reads what was given for a key. The transaction is left to be rolled back: it changed nothing.
func (s *session) kept(ctx context.Context, d time.Duration, k onceKey) (v doc.Value, err error) {
	query := fmt.Sprintf("select result from %s where target = $1 and id = $2", s.a.applied.Sanitize())
	v = doc.NullValue()
	_, err = s.run(ctx, d, step{query, texts(k.target, k.id), func(r *pgconn.ResultReader) error {
		for r.NextRow() {
			v = decode(r.Values()[0], &sqlType{oid: pgtype.JSONOID})
		}
		return nil
	}})
	return v, err
}

const (
	sweepEvery = time.Hour
	sweepMost  = 10_000 // rows of one statement
	sweepSoon  = time.Second
)

// sweep forgets what was applied longer ago than the hub keeps it. It runs beside the work, now and then; what it can't do now it does later.
func (a *Adapter) sweep() {
	now := a.env.Clock.Now()
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.sweeping || now.Before(a.nextSweep) {
		return
	}
	a.sweeping = true
	a.group.Go(func() {
		full, err := a.forget(a.ctx)
		if err != nil {
			a.env.Log.Debug("what was applied long ago is not forgotten yet", "error", err)
		}
		a.mu.Lock()
		defer a.mu.Unlock()
		a.sweeping, a.nextSweep = false, a.env.Clock.Now().Add(sweepEvery)
		if full {
			a.nextSweep = a.env.Clock.Now().Add(sweepSoon)
		}
	})
}

// forget deletes the oldest rows; full: there are more.
func (a *Adapter) forget(ctx context.Context) (full bool, err error) {
	s, err := a.acquire(ctx)
	if err != nil {
		return false, err
	}
	defer s.Release()
	ctx, cancel := context.WithTimeout(ctx, a.cfg.Timeout)
	defer cancel()
	n, err := s.script(ctx, fmt.Sprintf(`with old as (delete from %[1]s where ctid = any(array(
		select ctid from %[1]s where at < now() - interval '%[2]d seconds' order by at limit %[3]d for update skip locked)) returning 1)
		select count(*) from old`, a.applied.Sanitize(), int(a.cfg.Keep.Seconds()), sweepMost))
	return n == fmt.Sprint(sweepMost), err
}
