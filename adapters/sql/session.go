package sql

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"orderhub/hub"
)

// session is a connection of the pool while it is ours. Release gives it back.
type session struct {
	*pgxpool.Conn
	a *Adapter
}

// Release gives the connection back to the pool. One on which the server was asked to give up a statement is closed: the server
// may come to it late, and would then give up the next statement.
func (s *session) Release() {
	if conn := s.Conn.Conn().PgConn(); conn.CustomData()[cancelledKey] != nil {
		_ = conn.Close(context.Background())
	}
	s.Conn.Release()
}

// canceller asks the server to give up what we give up, and notes it with the connection.
type canceller struct {
	pgconn.CancelRequestContextWatcherHandler
}

// HandleUnwatchAfterCancel is called by who used the connection, at the end of the statement.
func (c *canceller) HandleUnwatchAfterCancel() {
	c.CancelRequestContextWatcherHandler.HandleUnwatchAfterCancel()
	c.Conn.CustomData()[cancelledKey] = true
}

// prepared is a statement that a connection knows.
type prepared struct {
	*pgconn.StatementDescription
	params []*sqlType
	fields []*sqlType
}

// session takes a connection when the database is set up, within ctx and the adapter's time.
func (a *Adapter) session(ctx context.Context, own bool) (*session, error) {
	if err := a.setup.ready(ctx, own); err != nil {
		return nil, err
	}
	return a.acquire(ctx)
}

func (a *Adapter) acquire(parent context.Context) (*session, error) {
	ctx, cancel := context.WithTimeout(parent, a.cfg.Timeout)
	defer cancel()
	conn, err := a.pool.Acquire(ctx)
	switch {
	case err == nil:
		s := &session{conn, a}
		if err = s.tidy(ctx); err != nil {
			s.Release()
			return nil, err
		}
		return s, nil
	case errors.Is(ctx.Err(), context.DeadlineExceeded) && a.pool.Stat().AcquiredConns() >= int32(a.cfg.Pool.Max):
		return nil, hub.Fail(hub.Throttled, "busy", "all %d connections are busy, none was free in time", a.cfg.Pool.Max)
	case parent.Err() != nil:
		return nil, hub.GaveUp(parent, "no connection")
	}
	return nil, hub.Fail(hub.Unavailable, hub.NotConnected, "no connection to %s: %s", a.address(), oneLine(err))
}

const (
	customKey     = "orderhub.prepared"
	cancelledKey  = "orderhub.cancelled"
	maxStatements = 256 // prepared on a connection
)

// tidy makes the connection forget its statements when they have become many, as those of rows with ever other columns.
func (s *session) tidy(ctx context.Context) error {
	conn := s.Conn.Conn()
	data := conn.PgConn().CustomData()
	if known, _ := data[customKey].(map[string]*prepared); len(known) < maxStatements {
		return nil
	}
	delete(data, customKey)
	return s.fault(ctx, conn.DeallocateAll(ctx))
}

// prepare makes the connection know a statement. It asks the server once.
func (s *session) prepare(ctx context.Context, sql string) (*prepared, error) {
	conn := s.Conn.Conn()
	data := conn.PgConn().CustomData()
	known, _ := data[customKey].(map[string]*prepared)
	if p := known[sql]; p != nil {
		return p, nil
	}
	ctx, cancel := context.WithTimeout(ctx, s.a.cfg.Timeout)
	defer cancel()
	sd, err := conn.Prepare(ctx, sql, sql)
	if err != nil {
		return nil, s.fault(ctx, err)
	}
	p := &prepared{StatementDescription: sd}
	oids := make([]uint32, len(sd.Fields))
	for i, f := range sd.Fields {
		oids[i] = f.DataTypeOID
	}
	if p.params, err = s.a.types.of(ctx, conn.PgConn(), sd.ParamOIDs); err == nil {
		p.fields, err = s.a.types.of(ctx, conn.PgConn(), oids)
	}
	if err != nil {
		return nil, s.fault(ctx, err)
	}
	if known == nil {
		known = map[string]*prepared{}
	}
	known[sql] = p
	data[customKey] = known
	return p, nil
}

// step is one statement of a pipeline.
type step struct {
	sql    string
	values [][]byte                         // nil: the text is sent as it is; else it is prepared
	read   func(*pgconn.ResultReader) error // nil: what it gives is dropped
}

// texts are values of a statement.
func texts(list ...string) [][]byte {
	out := make([][]byte, len(list))
	for i, t := range list {
		out[i] = []byte(t)
	}
	return out
}

// errSlow is the cause of a context that ended since the server was silent for too long.
var errSlow = errors.New("no answer in time")

// run sends the steps in one go: without a begin among them they are one transaction. Each has the time d.
// On an error, at is the step that failed; len(steps) is the end, where the server commits.
// An error of read ends the statement, and is the error.
func (s *session) run(parent context.Context, d time.Duration, steps ...step) (at int, err error) {
	known := make([]*prepared, len(steps))
	for i, st := range steps {
		if st.values != nil {
			if known[i], err = s.prepare(parent, st.sql); err != nil {
				return i, err
			}
		}
	}
	ctx, cancel := context.WithCancelCause(parent)
	defer cancel(nil)
	watchdog := time.AfterFunc(d, func() { cancel(errSlow) })
	defer watchdog.Stop()
	p := s.Conn.Conn().PgConn().StartPipeline(ctx)
	for i, st := range steps {
		if known[i] != nil {
			p.SendQueryStatement(known[i].StatementDescription, st.values, nil, nil)
		} else {
			p.SendQueryParams(st.sql, nil, nil, nil, nil)
		}
	}
	if err = p.Sync(); err == nil {
		at, err = results(p, steps, func() { watchdog.Reset(d) })
	}
	if err != nil {
		if _, ok := errors.AsType[*hub.Error](err); ok {
			cancel(nil) // there may be much more to come
		}
	}
	if end := p.Close(); err == nil {
		err = end
	}
	if errors.Is(context.Cause(ctx), errSlow) && err != nil {
		return at, hub.Fail(hub.Timeout, "timeout", "no answer in %s: %w", d, err)
	}
	return at, s.fault(parent, err)
}

// results reads what the steps gave, one after another, and the end.
func results(p *pgconn.Pipeline, steps []step, progress func()) (at int, err error) {
	for at = range steps {
		got, err := p.GetResults()
		if err != nil {
			return at, err
		}
		r, ok := got.(*pgconn.ResultReader)
		if !ok {
			return at, errors.New("the answers don't fit the statements")
		}
		if read := steps[at].read; read != nil {
			err = read(r)
		}
		if err == nil {
			_, err = r.Close()
		}
		if err != nil {
			return at, err
		}
		progress()
	}
	_, err = p.GetResults()
	return len(steps), err
}

// rollback ends a transaction that failed. A connection that does not answer is not used again.
func (s *session) rollback() {
	conn := s.Conn.Conn().PgConn()
	if conn.IsClosed() || conn.TxStatus() == 'I' {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), s.a.cfg.Timeout)
	defer cancel()
	_, _ = conn.Exec(ctx, "rollback").ReadAll() // on an error, Release closes the connection
}
