package sql

import (
	"fmt"
	"strings"
	"testing"

	"orderhub/hub"
)

func TestCalls(t *testing.T) {
	d := newDB(t, "create table orders (id int primary key, total numeric, note text)", "insert into orders values (1, 12.50, 'a'), (2, 5.20, null)",
		"create sequence s", "create function side() returns int language sql as 'insert into orders values (99, 0, null) returning id'")
	a := d.open(ops(map[string]Op{
		"order":   {Query: "select id, total, note from orders where id = :id", One: oneRow},
		"need":    {Query: "select id from orders where id = :id", One: required},
		"many":    {Query: "select id from orders order by id", One: oneRow},
		"orders":  {Query: "select id, total from orders where total >= :least order by id"},
		"none":    {Query: "select id from orders where false"},
		"in":      {Query: "select id from orders where id = any(:ids) order by id"},
		"note":    {Exec: "update orders set note = :note where id = :id"},
		"add":     {Exec: "insert into orders values (:id, :total, :note) returning id, total"},
		"sneak":   {Query: "select side()"},
		"lock":    {Query: "select id from orders for update"},
		"noargs":  {Query: "select 1 as n"},
		"twice":   {Query: "select :a::text || :a as t, 'x' || :b as u, ':a' as v", One: oneRow},
		"like":    {Query: "select id from orders where note like :p || '%'"},
		"procure": {Exec: "do $$ begin update orders set note = ':id;'; end $$"},
		"null":    {Query: "select :x::int is null as is_null", One: oneRow},
	}))
	for _, c := range []struct{ op, with, want string }{
		{"order", `{"id": 1}`, `{"id": 1, "total": 12.50, "note": "a"}`},
		{"order", `{"id": "2", "more": "is not used"}`, `{"id": 2, "total": 5.20, "note": null}`},
		{"order", `{"id": 3}`, `null`},
		{"need", `{"id": 1}`, `{"id": 1}`},
		{"orders", `{"least": 5.2}`, `[{"id": 1, "total": 12.50}, {"id": 2, "total": 5.20}]`},
		{"none", `{}`, `[]`},
		{"in", `{"ids": [2, 7, 1]}`, `[{"id": 1}, {"id": 2}]`},
		{"note", `{"id": 2, "note": "b"}`, `{"rows": 1}`},
		{"note", `{"id": 7, "note": "b"}`, `{"rows": 0}`},
		{"note", `{"id": 2, "note": null}`, `{"rows": 1}`},
		{"add", `{"id": 3, "total": 0.10, "note": "c"}`, `[{"id": 3, "total": 0.10}]`},
		{"noargs", ``, `[{"n": 1}]`},
		{"noargs", `not json`, `[{"n": 1}]`},
		{"twice", `{"a": "1", "b": "2"}`, `{"t": "11", "u": "x2", "v": ":a"}`},
		{"like", `{"p": "a"}`, `[{"id": 1}]`},
		{"null", `{"x": null}`, `{"is_null": true}`},
		{"procure", `{}`, `{"rows": 0}`},
	} {
		got, err := a.call(c.op, c.with)
		if err != nil {
			t.Errorf("%s %s: %v", c.op, c.with, err)
			continue
		}
		if compactJSON(t, got) != compactJSON(t, c.want) {
			t.Errorf("%s %s\ngot  %s\nwant %s", c.op, c.with, got, c.want)
		}
	}
	for _, c := range []struct {
		op, with, words string
		class           hub.Class
		reason          string
	}{
		{"need", `{"id": 7}`, "db need", hub.Rejected, "not_found"},
		{"many", `{}`, "3 rows", hub.Rejected, "not_one"},
		{"order", `{"ID": 1, "x": 2}`, ":id, and the data has no such field; it has ID, x", hub.Invalid, "missing_param"},
		{"order", `{}`, "it has none", hub.Invalid, "missing_param"},
		{"order", `[1]`, "array", hub.Invalid, "no_object"},
		{"order", ``, "", hub.Invalid, "no_object"},
		{"order", `{"id": "x"}`, `"x"`, hub.Invalid, "bad_value"},
		{"order", `{"id": {"a": 1}}`, "id: object", hub.Invalid, "bad_value"},
		{"add", `{"id": 1, "total": 1, "note": ""}`, "orders_pkey", hub.Rejected, "conflict"},
		{"sneak", `{}`, "read-only", hub.Unavailable, "read_only"},
		{"lock", `{}`, "read-only", hub.Unavailable, "read_only"},
	} {
		_, err := a.call(c.op, c.with)
		wantClass(t, err, c.class, c.reason, c.words)
	}
	if got := d.text("select count(*) from orders where id = 99"); got != "0" {
		t.Error("a query changed something")
	}
	_, err := a.call("order", `{"ID": 1}`)
	if f := hub.AsError(err).Fields; len(f) != 1 || f[0].Pointer != "/id" {
		t.Errorf("fields %v", f)
	}
	if _, err := a.OpenCaller("oder"); err == nil || !strings.Contains(err.Error(), "order") {
		t.Errorf("%v", err)
	}
	if _, err := a.OpenTarget("exec order"); err == nil || !strings.Contains(err.Error(), "call it") {
		t.Errorf("%v", err)
	}
	if _, err := a.OpenTarget("exec nothing"); err == nil {
		t.Error("no error")
	}
}

// TestLargeResults: a result is bounded, and the connection is fine afterwards.
func TestLargeResults(t *testing.T) {
	d := newDB(t)
	a := d.open(func(c *Config) {
		c.Pool.Max, c.MaxResult = 1, 64<<10
		c.Ops = map[string]Op{"rows": {Query: "select generate_series(1, :n::int) as number"}, "row": {Query: "select repeat('x', :n::int) as x", One: oneRow}}
	})
	got, err := a.call("rows", `{"n": 1000}`)
	noError(t, err)
	if n := strings.Count(got, "number"); n != 1000 {
		t.Errorf("%d rows", n)
	}
	for range 3 {
		_, err = a.call("rows", `{"n": 100000000}`)
		wantClass(t, err, hub.Rejected, "too_large", "limit")
	}
	_, err = a.call("row", `{"n": 70000}`)
	wantClass(t, err, hub.Rejected, "too_large")
	got, err = a.call("row", `{"n": 3}`)
	noError(t, err)
	same(t, got, `{"x": "xxx"}`)
}

// TestManyShapesOfRows: ever other columns do not fill the server with prepared statements.
func TestManyShapesOfRows(t *testing.T) {
	const columns = 12
	var b strings.Builder
	for i := range columns {
		fmt.Fprintf(&b, ", c%d int", i)
	}
	d := newDB(t, "create table t (id text"+b.String()+")")
	a := d.open(func(c *Config) { c.Pool.Max = 1 })
	target := a.target("insert t")
	for i := range 700 {
		body := fmt.Sprintf(`{"id": "%d"`, i)
		for c := range columns {
			if i&(1<<c) != 0 {
				body += fmt.Sprintf(`, "c%d": %d`, c, i)
			}
		}
		noError(t, target.Send(t.Context(), message(fmt.Sprint(i), body+"}")))
	}
	s, err := a.acquire(t.Context())
	noError(t, err)
	n, err := s.script(t.Context(), "select count(*) from pg_prepared_statements")
	s.Release()
	noError(t, err)
	prepared := 0
	if fmt.Sscan(n, &prepared); prepared == 0 || prepared > maxStatements {
		t.Errorf("%s statements are prepared", n)
	}
	if got := d.text("select count(*) || ' ' || sum(c0) || ' ' || sum(c9) from t"); got != fmt.Sprintf("700 %d %d", sumWith(700, 0), sumWith(700, 9)) {
		t.Error(got)
	}
	noError(t, target.Send(t.Context(), message("empty", `{}`)))
	if got := d.text("select count(*) from t where id is null"); got != "1" {
		t.Error("an empty object is a row of defaults")
	}
}

func sumWith(n, bit int) (sum int) {
	for i := range n {
		if i&(1<<bit) != 0 {
			sum += i
		}
	}
	return sum
}

func TestUnknownColumns(t *testing.T) {
	d := newDB(t, "create table orders (id int, total numeric, state text)")
	a := d.open(nil)
	err := a.send("insert orders", "m1", `{"id": 1, "totl": 2, "remark": "x"}`)
	wantClass(t, err, hub.Rejected, "unknown_column", `orders has no column "totl", "remark"; it has id, total, state`, `"orders.total"`)
	if f := hub.AsError(err).Fields; len(f) != 2 || f[0].Pointer != "/totl" || f[1].Pointer != "/remark" {
		t.Errorf("fields %v", f)
	}
	wantClass(t, a.send("insert orders", "m2", `{"ctid": "(0,1)"}`), hub.Rejected, "unknown_column")
	d.exec("alter table orders add column remark text, add column totl int")
	noError(t, a.send("insert orders", "m1", `{"id": 1, "totl": 2, "remark": "x"}`))
}
