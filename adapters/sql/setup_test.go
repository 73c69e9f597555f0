package sql

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"orderhub/hub"
	"orderhub/hub/hubtest"
)

func write(t testing.TB, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "schema.sql")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

const schemaFile = `-- the tables; of the shop
create table if not exists orders (id text primary key, note text default 'a;b''c');
create or replace function next_id() returns int language sql as $$ select 1; $$;
create or replace function twice(int) returns int begin atomic select 2 * $1; end;
insert into orders (id) values ('first') on conflict do nothing;
`

// TestCreate: the file is run before anything else, once for each start, also when several hubs start together.
func TestCreate(t *testing.T) {
	d := newDB(t)
	file := write(t, schemaFile)
	var group sync.WaitGroup
	for range 4 {
		a := d.open(func(c *Config) {
			c.Create, c.Ops = file, map[string]Op{"all": {Query: "select note from orders where id = 'first'", One: oneRow}}
		})
		for range 3 {
			group.Go(func() {
				got, err := a.call("all", `{}`)
				if err != nil || got != `{"note":"a;b'c"}` {
					t.Errorf("%s, %v", got, err)
				}
				if err := a.send("insert orders", "m1", `{"id": "m1"}`); err != nil {
					t.Error(err)
				}
			})
		}
	}
	group.Wait()
	if n := d.text("select count(*) from orders"); n != "2" {
		t.Errorf("%s rows", n)
	}
}

// TestCreateFails: all of the file or nothing, told with its name, and tried again.
func TestCreateFails(t *testing.T) {
	d := newDB(t)
	file := write(t, "create table first (id int); create table second (id nonsense);")
	a := d.open(func(c *Config) { c.Create = file })
	wantClass(t, a.send("insert first", "m", `{"id": 1}`), hub.Unavailable, "schema", "schema.sql", "nonsense")
	if n := d.text("select count(*) from pg_tables where schemaname = $1", d.schema); n != "0" {
		t.Errorf("%s tables are left", n)
	}
	if err := os.WriteFile(file, []byte("create table if not exists first (id int)"), 0o600); err != nil {
		t.Fatal(err)
	}
	until(t, "it is not tried again", func() bool { return a.send("insert first", "m", `{"id": 1}`) == nil })
	if n := d.text("select count(*) from first"); n != "1" {
		t.Errorf("%s rows", n)
	}
}

// TestOwnTables: they are made when they are missing, under the names that are told, and need no rights once they are there.
func TestOwnTables(t *testing.T) {
	d := newDB(t, "create table orders (id int)")
	a := d.open(func(c *Config) { c.Tables = d.schema + `.my_` })
	noError(t, a.send("insert orders", "m1", `{"id": 1}`))
	if got := d.text(`select string_agg(tablename, ' ' order by tablename) from pg_tables where schemaname = $1`, d.schema); got != "my_applied my_claims orders" {
		t.Error(got)
	}
	if got := d.text("select target || '|' || id from my_applied"); got != "shop db insert orders|m1" {
		t.Error(got)
	}

	d.exec("revoke all on schema " + d.schema + " from public, current_user")
	d.exec("grant usage on schema " + d.schema + " to current_user")
	b := d.open(nil)
	wantClass(t, b.send("insert orders", "m2", `{"id": 2}`), hub.Unavailable, "permission", "hub_applied", "README.md")
	noError(t, a.send("insert orders", "m2", `{"id": 2}`))
	c := d.open(func(c *Config) { c.Tables = "my_" })
	noError(t, c.send("insert orders", "m2", `{"id": 2}`)) // the same tables, the same message
	q := d.open(ops(map[string]Op{"n": {Query: "select count(*) as n from orders", One: oneRow}}))
	got, err := q.call("n", `{}`) // a query needs no tables of the hub
	noError(t, err)
	same(t, got, `{"n": 2}`)
}

// TestWaitingForSetup: a statement file that takes long keeps nobody longer than they want to wait.
func TestWaitingForSetup(t *testing.T) {
	t.Parallel()
	d := newDB(t)
	file := write(t, "select pg_sleep(5); create table if not exists orders (id int)")
	a := d.open(func(c *Config) { c.Create, c.Timeout = file, 300*time.Millisecond })
	target := a.target("insert orders")
	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	began, stood := time.Now(), hubtest.Standstill(t)
	wantClass(t, target.Send(ctx, message("m", `{"id": 1}`)), hub.Timeout, "timeout")
	if took := time.Since(began); took > 4*time.Second+stood() {
		t.Errorf("it took %s", took)
	}
	until(t, "the file is given up", func() bool { return a.send("insert orders", "m", `{"id": 1}`) == nil })
}

// TestReadmeStatements: what README.md tells an administrator to run is what the hub would run.
func TestReadmeStatements(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(strings.TrimSpace(ownTables)) {
		if !strings.Contains(string(readme), strings.TrimSpace(line)) {
			t.Errorf("README.md lacks: %s", line)
		}
	}
}
