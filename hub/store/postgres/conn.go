package postgres

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"orderhub/hub"
	"orderhub/hub/store/core"
)

// configure reads the URL.
func (s *Store) configure(url string) error {
	pool, err := pgxpool.ParseConfig(url)
	if err != nil {
		return err
	}
	c := pool.ConnConfig
	s.schema = "hub"
	if path := c.RuntimeParams["search_path"]; path != "" {
		first, _, _ := strings.Cut(path, ",")
		s.schema = strings.Trim(strings.TrimSpace(first), `"`)
	}
	for name, value := range map[string]string{
		"search_path":                         pgx.Identifier{s.schema}.Sanitize(),
		"default_transaction_isolation":       "read committed",
		"idle_in_transaction_session_timeout": "60000",
		"enable_seqscan":                      "off", // a plan made while a table was small must not stay when it is not
		"jit":                                 "off",
		"application_name":                    "orderhub " + hub.NewID(time.Now()), // tells the connections of this store
	} {
		c.RuntimeParams[name] = value
	}
	c.ConnectTimeout = cmp.Or(c.ConnectTimeout, 5*time.Second)
	pool.AfterConnect = durable
	s.config, s.pool, s.place = c, pool, fmt.Sprintf("postgres %s/%s schema %s", c.Host, c.Database, s.schema)
	return nil
}

// connect opens a connection outside of the pool.
func (s *Store) connect(ctx context.Context) (*pgx.Conn, error) {
	c, err := pgx.ConnectConfig(ctx, s.config.Copy())
	if err != nil {
		return nil, err
	}
	if err := durable(ctx, c); err != nil {
		return nil, errors.Join(err, closeConn(c))
	}
	return c, nil
}

// durable makes a commit wait for the disk, whatever the server's default is. What waits for more keeps it.
func durable(ctx context.Context, c *pgx.Conn) error {
	_, err := c.Exec(ctx, "SELECT set_config('synchronous_commit','on',false) WHERE current_setting('synchronous_commit')='off'")
	return err
}

func closeConn(c *pgx.Conn) error {
	if c == nil || c.IsClosed() {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = c.Close(ctx) // the far end learns it from the socket, if not from the goodbye
	return nil
}

// link is the connection of one goroutine. It is opened again when it was lost.
type link struct {
	s    *Store
	conn *pgx.Conn
}

func (l *link) get(ctx context.Context) (*pgx.Conn, error) {
	if l.conn != nil && !l.conn.IsClosed() {
		return l.conn, nil
	}
	c, err := l.s.connect(ctx)
	if err != nil {
		return nil, err
	}
	l.conn = c
	return c, nil
}

// close drops the connection, and whatever it was doing.
func (l *link) close() error {
	err := closeConn(l.conn)
	l.conn = nil
	return err
}

// do lends the connection to f, for at most limit.
func (l *link) do(limit time.Duration, f func(ctx context.Context, c *pgx.Conn) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	c, err := l.get(ctx)
	if err == nil {
		err = f(ctx, c)
	}
	if err = lost(c, err); away(err) {
		_ = l.close()
	}
	l.s.heard(err)
	return err
}

// read lends a connection to f, for a short time, and again when it was lost,
// until patience is over: f does what may be done twice.
func (s *Store) read(ctx context.Context, f func(ctx context.Context, c *pgx.Conn) error) error {
	begun := time.Now()
	for try := 1; ; try++ {
		err := s.once(ctx, f)
		if err != nil && ctx.Err() != nil {
			return ctx.Err()
		}
		switch s.heard(err); {
		case broken(err):
			s.Fail(err)
			return s.Err()
		case !away(err) && !again(err):
			return err
		case s.gaveUp(begun):
			return s.unavailable(err)
		}
		select {
		case <-s.Stopping():
			return hub.ErrClosed
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause(try)):
		}
	}
}

func (s *Store) once(ctx context.Context, f func(ctx context.Context, c *pgx.Conn) error) error {
	if err := s.Usable(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, s.o.Patience)
	defer cancel()
	c, err := s.readers.Acquire(ctx)
	if err != nil {
		return lost(nil, err)
	}
	defer c.Release()
	if err = lost(c.Conn(), f(ctx, c.Conn())); away(err) {
		_ = closeConn(c.Conn())
	}
	return err
}

// records is how records are read; all kinds have one table.
var records = core.RecordsIn("records")

// look lends a connection to a core.Look, in whose words it asks.
func (s *Store) look(ctx context.Context, f func(query core.Query) error) error {
	return s.read(ctx, func(ctx context.Context, c *pgx.Conn) error {
		return f(queryOf(ctx, c))
	})
}

// queryOf runs statements of a core.Look on a connection, or in a transaction.
func queryOf(ctx context.Context, c interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}) core.Query {
	return func(sql string, args []any, row func(r core.Row) error) error {
		rows, err := c.Query(ctx, translated(sql), bytesFor(args)...)
		if err != nil {
			return err
		}
		return each(rows, row)
	}
}

var hint = regexp.MustCompile(` INDEXED BY \w+`)

// translated is a statement of a core.Look in PostgreSQL's words: parameters have numbers, and indexes are not named.
func translated(sql string) string {
	var b strings.Builder
	n := 0
	for part := range strings.SplitSeq(hint.ReplaceAllString(sql, ""), "?") {
		if n++; n > 1 {
			b.WriteString("$" + strconv.Itoa(n-1))
		}
		b.WriteString(part)
	}
	return b.String()
}

// bytesFor is args with bytes for texts, as most columns want them.
func bytesFor(args []any) []any {
	out := slices.Clone(args)
	for i, a := range out {
		if text, ok := a.(string); ok {
			out[i] = []byte(text)
		}
	}
	return out
}
