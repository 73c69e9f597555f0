package sql

import (
	"context"
	"orderhub/hub"
	"time"

	"github.com/jackc/pgx/v5"
)

// listen wakes the source when somebody notifies, until Run ends. It is a hint: what it misses is found by looking.
func (r *run) listen() {
	for try := 1; r.ctx.Err() == nil; try++ {
		began := r.a.env.Clock.Now()
		err := r.hear()
		if r.ctx.Err() != nil {
			return
		}
		if r.a.env.Clock.Now().Sub(began) > time.Minute {
			try = 1
		}
		r.a.env.Log.Debug("no notifications now, the table is only looked at", "table", r.table, "error", oneLine(err))
		if !hub.Pause(r.ctx, r.a.env.Clock, pauses.Delay(try)) {
			return
		}
	}
}

// hear listens on a connection of its own until that is lost.
func (r *run) hear() error {
	conn, err := pgx.ConnectConfig(r.ctx, r.a.listen.Copy())
	if err != nil {
		return err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(r.work, time.Second)
		defer cancel()
		_ = conn.Close(ctx)
	}()
	if _, err := conn.PgConn().Exec(r.ctx, "listen "+quote(r.cfg.Notify)).ReadAll(); err != nil {
		return err
	}
	for {
		r.rouse() // also for what came before we listened
		if _, err := conn.WaitForNotification(r.ctx); err != nil {
			return err
		}
	}
}

func (r *run) rouse() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}
