package matrix

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// database is a schema with one table, seen by a client that is not the hub's. It goes with the test.
type database struct {
	pool *pgxpool.Pool
	link *link
	url  string // for the hub: through the link
}

func newDatabase(t testing.TB, c *cell, side string) *database {
	t.Helper()
	u, err := url.Parse(env("HUB_TEST_POSTGRES", "postgres://hub:hub@127.0.0.1:5432/hubtest?sslmode=disable"))
	if err != nil {
		t.Fatal("HUB_TEST_POSTGRES is no URL")
	}
	reachable(t, "PostgreSQL", u.Host)
	schema := strings.NewReplacer(".", "_", "-", "_").Replace(c.name) + side
	q := u.Query()
	q.Set("search_path", schema)
	u.RawQuery = q.Encode()
	d := &database{}
	if d.pool, err = pgxpool.New(t.Context(), u.String()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		d.exec(t, "drop schema "+schema+" cascade")
		d.pool.Close()
	})
	d.exec(t, "create schema "+schema)
	d.exec(t, "create table messages (id text, pad text, state text default 'new')")
	d.link = newLink(t, "", u.Host)
	u.Host = d.link.addr
	d.url = u.String()
	return d
}

func (d *database) exec(t testing.TB, statement string) {
	t.Helper()
	if _, err := d.pool.Exec(context.Background(), statement); err != nil {
		t.Fatal(err)
	}
}

func (d *database) adapter() string { return fmt.Sprintf("{type: sql, url: %q}", d.url) }

// sqlSource is a table whose rows are taken.
func sqlSource(t testing.TB, c *cell) source {
	d := newDatabase(t, c, "_in")
	d.exec(t, "create unique index on messages (id)")
	put := func(ctx context.Context, ids []string) error {
		_, err := d.pool.Exec(ctx, "insert into messages (id, pad) select unnest($1::text[]), repeat('0', 200) on conflict do nothing", ids)
		return err
	}
	return source{adapter: d.adapter(), link: d.link, put: put,
		from: `{in: poll messages, where: "state = 'new'", done: "update messages set state = 'done' where id = :id", every: 200ms}`}
}

// sqlTarget is a table that takes rows; it would take one twice.
func sqlTarget(t testing.TB, c *cell) target { return newDatabase(t, c, "_out").target(t) }

func (d *database) target(t testing.TB) target {
	count := func() (map[string]int, error) {
		rows, err := d.pool.Query(t.Context(), "select id, count(*) from messages group by id")
		if err != nil {
			return nil, err
		}
		arrived, id, n := map[string]int{}, "", 0
		_, err = pgx.ForEachRow(rows, []any{&id, &n}, func() error { arrived[id] = n; return nil })
		return arrived, err
	}
	return target{adapter: d.adapter(), step: "send: {out: insert messages}", link: d.link, count: count}
}
