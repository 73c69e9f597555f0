package sql

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"orderhub/hub"
)

// setup makes what the adapter needs in the database, once, when it is first needed: the far end need not be there before.
type setup struct {
	a *Adapter

	mu      sync.Mutex
	created bool          // the file of create: has been run
	own     bool          // the hub's own tables are there
	running chan struct{} // closed when the try under way ends; nil: none
	err     error         // of the last try
	failed  time.Time
}

const (
	setupPatience = 5 * time.Minute // an index may take its time
	setupPause    = time.Second     // between tries
)

// ready returns when the file has been run and, for own, the hub's own tables are there. Waiting ends with ctx, the work does not.
func (u *setup) ready(ctx context.Context, own bool) error {
	for {
		wait, err := u.begin(own)
		if wait == nil {
			return err
		}
		select {
		case <-wait:
		case <-ctx.Done():
			return hub.GaveUp(ctx, "no answer")
		}
	}
}

// begin joins or starts a try; nil: there is nothing to wait for.
func (u *setup) begin(own bool) (wait chan struct{}, err error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if (u.created || u.a.cfg.Create == "") && (u.own || !own) {
		return nil, nil
	}
	if u.running == nil {
		if u.err != nil && u.a.env.Clock.Now().Sub(u.failed) < setupPause {
			return nil, u.err
		}
		u.running = make(chan struct{})
		u.a.group.Go(func() {
			err := u.try(own)
			u.mu.Lock()
			defer u.mu.Unlock()
			if u.err, u.failed = err, u.a.env.Clock.Now(); err == nil {
				u.created, u.own = true, u.own || own
			}
			close(u.running)
			u.running = nil
		})
	}
	return u.running, nil
}

func (u *setup) try(own bool) error {
	ctx, cancel := context.WithTimeout(u.a.ctx, setupPatience)
	defer cancel()
	s, err := u.a.acquire(ctx)
	if err != nil {
		return err
	}
	defer s.Release()
	defer s.rollback()
	if _, err := s.script(ctx, "begin; select pg_advisory_xact_lock(hashtextextended('orderhub', 0))"); err != nil {
		return err
	}
	if err := s.create(ctx, own); err != nil {
		return err
	}
	_, err = s.script(ctx, "commit")
	return err
}

// create makes everything, within a transaction of the caller's.
func (s *session) create(ctx context.Context, own bool) error {
	if file := s.a.cfg.Create; file != "" {
		text, err := os.ReadFile(s.a.env.Path(file))
		if err != nil {
			return hub.Fail(hub.Unavailable, reasonSchema, "create: %w", err)
		}
		if _, err := s.script(ctx, string(text)); err != nil {
			return hub.About(file, err)
		}
	}
	if !own {
		return nil
	}
	there, err := s.script(ctx, fmt.Sprintf("select to_regclass(%s) is not null and to_regclass(%s) is not null",
		literal(s.a.applied.Sanitize()), literal(s.a.claims.Sanitize())))
	if err != nil || there == "t" {
		return err
	}
	_, err = s.script(ctx, s.a.ownTables())
	if err != nil && hub.AsError(err).Reason == reasonRight {
		err = hub.About(fmt.Sprintf("the table %s or %s is missing and the user may not create it; README.md has the statements", s.a.applied.Sanitize(), s.a.claims.Sanitize()), err)
	}
	return err
}

// ownTables are the statements that make the hub's own tables.
func (a *Adapter) ownTables() string {
	return strings.NewReplacer("hub_applied_at", quote(a.applied[len(a.applied)-1]+"_at"), "hub_applied", a.applied.Sanitize(), "hub_claims", a.claims.Sanitize()).Replace(ownTables)
}

const ownTables = `
create table if not exists hub_applied (target text, id text, at timestamptz not null default now(), result json, primary key (target, id));
create index if not exists hub_applied_at on hub_applied (at);
create table if not exists hub_claims (source text, unit text, owner text not null, until timestamptz not null, primary key (source, unit));
`

// script runs statements without values, and gives the first value of the last one.
func (s *session) script(ctx context.Context, text string) (first string, err error) {
	all, err := s.Conn.Conn().PgConn().Exec(ctx, text).ReadAll()
	for _, r := range all {
		if len(r.Rows) > 0 && len(r.Rows[0]) > 0 {
			first = string(r.Rows[0][0])
		}
	}
	return first, s.fault(ctx, err)
}

// literal is a text between quotes, for names that stand in none of the places that take values.
func literal(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }
