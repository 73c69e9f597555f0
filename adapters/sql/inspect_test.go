package sql

import (
	"context"
	"slices"
	"strings"
	"testing"

	"orderhub/hub"
)

func (o *opened) inspect() []string {
	o.t.Helper()
	findings, err := o.Inspect(context.Background())
	noError(o.t, err)
	for _, f := range findings {
		if strings.Contains(f, "\n") {
			o.t.Errorf("more than one line: %s", f)
		}
	}
	return findings
}

// TestInspectFindsNothing where all is well, and changes nothing: neither the file of create nor the hub's own tables are left behind.
func TestInspectFindsNothing(t *testing.T) {
	d := newDB(t)
	a := d.open(func(c *Config) {
		c.Create = write(t, strings.Replace(pollTable, "table", "table if not exists", 1))
		c.Ops = map[string]Op{"order": {Query: "select * from orders where id = :id", One: oneRow}, "cancel": {Exec: "update orders set state = 'cancelled' where id = :id"}}
	})
	a.target("insert orders")
	a.target("exec cancel")
	c := polling()
	c.Key, c.Version = "customer", "version"
	a.source("poll orders", c)
	if f := a.inspect(); len(f) != 0 {
		t.Errorf("%q", f)
	}
	if n := d.text("select count(*) from pg_tables where schemaname = $1", d.schema); n != "0" {
		t.Errorf("%s tables are left behind", n)
	}
	noError(t, a.send("insert orders", "m", `{"id": 1}`)) // it works afterwards
	if f := a.inspect(); len(f) != 0 {
		t.Errorf("%q", f)
	}
}

func TestInspectFinds(t *testing.T) {
	d := newDB(t, pollTable, "create table lines (a int, b int, state text)", "create table locked (id int)", "create view open as select * from orders where state = 'new'")
	a := d.open(func(c *Config) {
		c.Ops = map[string]Op{
			"a-good":   {Query: "select * from orders where id = :id"},
			"b-table":  {Query: "select * from order_lines"},
			"c-column": {Exec: "update orders set stat = 'x' where id = :id"},
			"d-syntax": {Query: "select from where"},
			"e-type":   {Query: "select f(:x)"},
			"f-rows":   {Query: "explain analyze select 1"},
			"g-twice":  {Query: "select a.id, b.id from orders a, orders b where a.id = :id"},
			"h-one":    {Exec: "update orders set n = 1 where id = :id", One: required},
			"i-void":   {Query: "table orders"},
			"j-param":  {Query: "select :x is null as y"},
		}
	})
	a.target("insert orders")
	a.target("insert nothing")
	for arg, change := range map[string]func(*SourceConfig){
		"poll orders": func(c *SourceConfig) { c.Done = "update orders set state = 'taken' where id = :order_id" },
		"poll lines":  func(c *SourceConfig) { c.ID, c.Done = []string{"a"}, "delete from lines where a = :a" },
		"poll open":   func(c *SourceConfig) {},
		"poll locked": func(c *SourceConfig) { c.Key, c.Done = "customer", "delete from locked where id = :id" },
	} {
		c := polling()
		change(&c)
		a.source(arg, c)
	}
	got := a.inspect()
	for _, want := range [][]string{
		{"op b-table: ", `"order_lines" does not exist`, "create the table"},
		{"op c-column: ", `"stat"`, "correct the name"},
		{"op d-syntax: ", "syntax error", "correct the statement"},
		{"op e-type: ", "f(unknown) does not exist"},
		{"op g-twice: ", `two columns are named "id"`, "with as"},
		{"op h-one: ", "returning"},
		{"op j-param: ", ":id::bigint"},
		{"insert nothing: ", "no such table", "create it"},
		{"poll orders: there is no column order_id; the table has id, customer"},
		{"poll lines: no primary key or unique index", "a is different"},
		{"poll locked: ", `"customer" does not exist`},
	} {
		if !slices.ContainsFunc(got, func(f string) bool {
			return strings.HasPrefix(f, want[0]) && !slices.ContainsFunc(want[1:], func(w string) bool { return !strings.Contains(f, w) })
		}) {
			t.Errorf("%q is not found", want)
		}
	}
	for _, f := range got {
		for _, good := range []string{"a-good", "i-void", "f-rows", "insert orders", "poll open"} {
			if strings.HasPrefix(f, good+":") || strings.HasPrefix(f, "op "+good+":") {
				t.Errorf("found by mistake: %s", f)
			}
		}
	}
	t.Logf("%s", strings.Join(got, "\n"))
}

func TestInspectRights(t *testing.T) {
	d := newDB(t, "create table orders (id int primary key)")
	d.exec("revoke all on orders from current_user")
	d.exec("revoke create on schema " + d.schema + " from current_user")
	a := d.open(ops(map[string]Op{"all": {Query: "select * from orders"}}))
	a.target("insert orders")
	got := strings.Join(a.inspect(), "\n")
	for _, want := range []string{"what the hub needs can't be created: ", "README.md", "insert orders: the user of url may not insert there; grant insert"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in\n%s", want, got)
		}
	}
}

// A user who may prepare a statement and not run it is told; what can't be asked is said, and is no fault.
func TestFault_B9_RightsOfStatements(t *testing.T) {
	d := newDB(t, pollTable, "create table lines (id int primary key, n int)")
	a := d.open(func(c *Config) {
		c.Ops = map[string]Op{
			"good":   {Query: "select * from lines where id = :id"},
			"change": {Exec: "update lines set n = :n where id = :id"},
			"script": {Exec: "call nothing_there()"},
		}
	})
	a.source("poll orders", polling())
	a.target("insert lines")
	if f := a.inspect(); slices.ContainsFunc(f, func(f string) bool { return strings.Contains(f, "denied") }) {
		t.Fatalf("%q", f)
	}
	noError(t, a.send("insert lines", "m", `{"id": 1}`)) // makes the hub's own tables
	for _, table := range []string{"lines", "orders", "hub_applied"} {
		d.exec("revoke update, delete on " + table + " from current_user")
	}
	got := a.inspect()
	for _, want := range []string{"op change: permission denied for table lines", "poll orders, done: permission denied for table orders", `"hub_applied": the user of url may not use the hub's own table; grant update, delete`} {
		if !slices.ContainsFunc(got, func(f string) bool { return strings.HasPrefix(f, want) }) {
			t.Errorf("%q is not in %q", want, got)
		}
	}
	if slices.ContainsFunc(got, func(f string) bool { return strings.HasPrefix(f, "op good") || strings.HasPrefix(f, "insert lines") }) {
		t.Errorf("found by mistake: %q", got)
	}
	d.exec("create procedure known() language sql as 'select 1'")
	b := d.open(ops(map[string]Op{"script": {Exec: "call known()"}}))
	if got := b.inspect(); !slices.ContainsFunc(got, func(f string) bool { return strings.HasPrefix(f, hub.Unasked+"op script: ") }) {
		t.Errorf("%q", got)
	}
}

func TestConfigFaults(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Config)
		path   string
		words  string
	}{
		"no URL of PostgreSQL":    {func(c *Config) { c.URL = "mysql://user:s3cret@host/db" }, "url", "no PostgreSQL URL"},
		"no URL":                  {func(c *Config) { c.URL = "host=/tmp password=s3cret" }, "url", "no PostgreSQL URL"},
		"bad URL":                 {func(c *Config) { c.URL = "postgres://user:s3cret%zz@host/db" }, "url", "no PostgreSQL URL"},
		"bad option":              {func(c *Config) { c.URL = "postgres://user:s3cret@host/db?sslmode=maybe" }, "url", "can't be used"},
		"neither":                 {func(c *Config) { c.Ops = map[string]Op{"x": {}} }, "ops.x", "query and exec"},
		"both":                    {func(c *Config) { c.Ops = map[string]Op{"x": {Query: "select 1", Exec: "delete from t"}} }, "ops.x", "query and exec"},
		"empty":                   {func(c *Config) { c.Ops = map[string]Op{"x": {Query: " -- nothing"}} }, "ops.x.query", "empty"},
		"several":                 {func(c *Config) { c.Ops = map[string]Op{"x": {Exec: "delete from a; delete from b"}} }, "ops.x.exec", "more than one statement"},
		"position":                {func(c *Config) { c.Ops = map[string]Op{"x": {Query: "select $1"}} }, "ops.x.query", ":name"},
		"changing query":          {func(c *Config) { c.Ops = map[string]Op{"x": {Query: "Delete from t"}} }, "ops.x.query", "only reads"},
		"transaction":             {func(c *Config) { c.Ops = map[string]Op{"x": {Exec: "COMMIT"}} }, "ops.x.exec", "transaction of its own"},
		"no file":                 {func(c *Config) { c.Create = "nothing.sql" }, "create", "nothing.sql"},
		"transaction in the file": {func(c *Config) { c.Create = write(t, "create table a (id int); Commit; create table b (id int)") }, "create", "commit"},
		"open quote in the file":  {func(c *Config) { c.Create = write(t, "create table a (id int default 'x)") }, "create", "quote"},
		"tables":                  {func(c *Config) { c.Tables = "a.b.c_" }, "tables", "no table"},
		"tables quote":            {func(c *Config) { c.Tables = `h"_` }, "tables", "no table"},
		"pool":                    {func(c *Config) { c.Pool.Max = 0 }, "pool.max", ""},
		"keep":                    {func(c *Config) { c.Keep = 0 }, "keep", ""},
		"timeout":                 {func(c *Config) { c.Timeout = 0 }, "timeout", ""},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := defaultConfig()
			cfg.URL = "postgres://user:s3cret@localhost/db"
			c.change(cfg)
			env := &hub.Env{Name: "db", Dir: t.TempDir()}
			faults := Component().Check(cfg, env)
			if len(faults) != 1 || faults[0].Path != c.path || !strings.Contains(faults[0].Message, c.words) || faults[0].Help == "" {
				t.Errorf("faults %+v", faults)
			}
			if _, err := Component().Open(cfg, env); err == nil || strings.Contains(err.Error(), "s3cret") {
				t.Errorf("Open: %v", err)
			}
			for _, f := range faults {
				if strings.Contains(f.Message+f.Help, "s3cret") {
					t.Errorf("the password is told: %+v", f)
				}
			}
		})
	}
}

func TestSourceAndTargetFaults(t *testing.T) {
	check := Component().CheckSource
	for name, c := range map[string]struct {
		arg    string
		change func(*SourceConfig)
		path   string
	}{
		"no verb":     {"orders", nil, ""},
		"no table":    {"poll", nil, ""},
		"two words":   {"poll orders lines", nil, ""},
		"quote":       {`poll or"ders`, nil, ""},
		"done":        {"poll orders", func(c *SourceConfig) { c.Done = "delete from a; delete from b" }, "done"},
		"where":       {"poll orders", func(c *SourceConfig) { c.Where = "true) or (true" }, "where"},
		"where value": {"poll orders", func(c *SourceConfig) { c.Where = "id = :id" }, "where"},
		"id":          {"poll orders", func(c *SourceConfig) { c.ID = []string{"id", strings.Repeat("x", 64)} }, "id"},
		"notify":      {"poll orders", func(c *SourceConfig) { c.Notify = "a\x00b" }, "notify"},
	} {
		cfg := polling()
		if c.change != nil {
			c.change(&cfg)
		}
		if f := check(c.arg, &cfg); len(f) != 1 || f[0].Path != c.path || f[0].Help == "" {
			t.Errorf("%s: %+v", name, f)
		}
	}
	cfg := polling()
	if f := check("poll shop.orders", &cfg); len(f) != 0 {
		t.Errorf("%+v", f)
	}
	for arg, good := range map[string]bool{"insert orders": true, "insert shop.orders": true, " exec cancel ": true, "": false, "insert": false, "orders": false, "exec": false,
		"exec a b": false, "insert a.b.c": false, "insert or ders": false, "update orders": false, "insert orders; drop table x": false} {
		if f := Component().CheckTarget(arg); (len(f) == 0) != good {
			t.Errorf("%q: %+v", arg, f)
		}
	}
}

func TestOneWords(t *testing.T) {
	for text, want := range map[string]One{"true": oneRow, "false": "", "required": required} {
		var o One
		if err := o.UnmarshalText([]byte(text)); err != nil || o != want {
			t.Errorf("%s: %q, %v", text, o, err)
		}
	}
	var o One
	if o.UnmarshalText([]byte("maybe")) == nil {
		t.Error("no error")
	}
}
