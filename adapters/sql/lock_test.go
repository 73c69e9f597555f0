package sql

import (
	"context"
	"fmt"
	"testing"
	"time"

	"orderhub/hub"
)

// Rows that somebody has locked hold up their own done, and that of no other row, however many they are.
func TestFault_B10_LockedRowsHoldNoOther(t *testing.T) {
	t.Parallel()
	d := newDB(t, pollTable, "insert into orders select i, 'c' || i, 0 from generate_series(1, 10) i")
	a := d.open(func(c *Config) { c.Timeout = 3 * time.Second })
	ctx := context.Background()
	tx, err := d.pool.Begin(ctx)
	noError(t, err)
	defer tx.Rollback(ctx)
	_, err = tx.Exec(ctx, "select * from orders where id % 2 = 0 for update")
	noError(t, err)
	began := time.Now()
	c := polling()
	c.Workers = 10
	running(t, a.source("poll orders", c), func(context.Context, *hub.Message) error { return nil })
	until(t, "the free rows are not done", func() bool { return d.text("select count(*) from orders where state = 'taken'") == "5" })
	t.Logf("5 free rows of 10 done in %s, while the others are locked", time.Since(began).Round(time.Millisecond))
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("they took %s", took)
	}
	noError(t, tx.Rollback(ctx))
	until(t, "the others are not done", func() bool { return d.text("select count(*) from orders where state = 'taken'") == "10" })
}

// A target of many messages goes on beside locked rows.
func TestFault_B10_LockedRowsOfATarget(t *testing.T) {
	t.Parallel()
	d := newDB(t, "create table orders (id int primary key, n int default 0)", "insert into orders select i from generate_series(1, 40) i")
	a := d.open(func(c *Config) {
		c.Ops = map[string]Op{"count": {Exec: "update orders set n = n + 1 where id = :id"}}
		c.Timeout = 5 * time.Second
	})
	ctx := context.Background()
	tx, err := d.pool.Begin(ctx)
	noError(t, err)
	defer tx.Rollback(ctx)
	_, err = tx.Exec(ctx, "select * from orders where id % 4 = 0 for update")
	noError(t, err)
	target := a.target("exec count")
	for i := range 40 {
		go func() { _ = target.Send(ctx, message(fmt.Sprint(i), fmt.Sprintf(`{"id": %d}`, i+1))) }()
	}
	until(t, "the free rows are not counted", func() bool { return d.text("select count(*) from orders where n = 1") == "30" })
}

// Null of json is a value: it comes out of a column of json as it went in.
func TestFault_B10_NullOfJSON(t *testing.T) {
	d := newDB(t, "create table docs (id int primary key, j jsonb, k json not null, l jsonb[], n int)")
	a := d.open(func(c *Config) { c.Ops = map[string]Op{"set": {Exec: "update docs set j = :j, n = :n where id = :id"}} })
	ctx := context.Background()
	noError(t, a.target("insert docs").Send(ctx, message("1", `{"id":1,"j":null,"k":null,"l":[null,1],"n":null}`)))
	noError(t, a.target("insert docs").Send(ctx, message("2", `{"id":2,"k":{"a":null}}`)))
	noError(t, a.target("insert docs").Send(ctx, message("3", `{"id":3,"j":5,"k":1,"n":7}`)))
	noError(t, a.target("exec set").Send(ctx, message("4", `{"id":3,"j":null,"n":null}`)))
	want := "1 null null null f t|2 NULL object NULL t t|3 null number NULL f t"
	got := d.text(`select string_agg(concat_ws(' ', id, coalesce(jsonb_typeof(j), 'NULL'), json_typeof(k), coalesce(jsonb_typeof(l[1]), 'NULL'), case when j is null then 't' else 'f' end,
		case when n is null then 't' else 'f' end), '|' order by id) from docs`)
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
