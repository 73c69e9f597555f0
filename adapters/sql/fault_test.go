package sql

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"orderhub/hub"
)

var states = []struct {
	state  string
	class  hub.Class
	reason string
}{
	{"08000", hub.Unavailable, "connection_lost"}, {"08006", hub.Unavailable, "connection_lost"},
	{"57P01", hub.Unavailable, "connection_lost"}, {"57P03", hub.Unavailable, "connection_lost"}, {"57P05", hub.Unavailable, "connection_lost"}, {"25P03", hub.Unavailable, "connection_lost"},
	{"53100", hub.Unavailable, "server"}, {"53300", hub.Unavailable, "server"}, {"58030", hub.Unavailable, "server"}, {"XX000", hub.Unavailable, "server"}, {"55000", hub.Unavailable, "server"},
	{"40001", hub.Unavailable, "serialization"}, {"40P01", hub.Unavailable, "serialization"}, {"40002", hub.Rejected, "constraint"},
	{"55P03", hub.Unavailable, "locked"}, {"25006", hub.Unavailable, "read_only"},
	{"57014", hub.Timeout, "timeout"}, {"25P04", hub.Timeout, "timeout"},
	{"23505", hub.Rejected, "conflict"}, {"23P01", hub.Rejected, "conflict"},
	{"23502", hub.Rejected, "constraint"}, {"23503", hub.Rejected, "constraint"}, {"23514", hub.Rejected, "constraint"}, {"44000", hub.Rejected, "constraint"},
	{"22001", hub.Invalid, "bad_value"}, {"22003", hub.Invalid, "bad_value"}, {"22P02", hub.Invalid, "bad_value"}, {"22021", hub.Invalid, "bad_value"}, {"21000", hub.Invalid, "bad_value"},
	{"42601", hub.Unavailable, "schema"}, {"42703", hub.Unavailable, "schema"}, {"42P01", hub.Unavailable, "schema"}, {"42804", hub.Unavailable, "schema"}, {"3F000", hub.Unavailable, "schema"}, {"0A000", hub.Unavailable, "schema"},
	{"42501", hub.Unavailable, "permission"}, {"28000", hub.Unavailable, "permission"},
	{"54000", hub.Rejected, "too_large"},
	{"P0001", hub.Rejected, "raised"}, {"OH042", hub.Rejected, "raised"}, {"2F004", hub.Rejected, "raised"}, {"38001", hub.Rejected, "raised"},
}

func TestStates(t *testing.T) {
	for _, s := range states {
		if class, reason := classify(s.state); class != s.class || reason != s.reason {
			t.Errorf("%s is %s %s, want %s %s", s.state, class, reason, s.class, s.reason)
		}
	}
}

// TestStatesOfTheServer: the same, raised by the server in a send and in a call; the connection is good afterwards.
func TestStatesOfTheServer(t *testing.T) {
	d := newDB(t, "create table t (code text)", `create function fail() returns trigger language plpgsql as $$ begin if new.code <> 'fine' then raise exception 'it is so' using errcode = new.code; end if; return new; end $$`,
		"create trigger f before insert on t for each row execute function fail()")
	a := d.open(ops(map[string]Op{"add": {Exec: "insert into t values (:code)"}}))
	for i, s := range states {
		if s.state == "40001" || s.state == "40P01" { // they are tried again, which is told below
			continue
		}
		err := a.send("insert t", fmt.Sprintf("m%d", i), fmt.Sprintf(`{"code": %q}`, s.state))
		wantClass(t, err, s.class, s.reason, "db insert t", "it is so")
		_, err = a.call("add", fmt.Sprintf(`{"code": %q}`, s.state))
		wantClass(t, err, s.class, s.reason, "db add", "it is so")
		noError(t, a.send("insert t", fmt.Sprintf("f%d", i), `{"code": "fine"}`))
	}
	if got := d.text("select count(*) from t where code <> 'fine'"); got != "0" {
		t.Errorf("%s rows of refused messages", got)
	}
}

func TestTriedAgainAtOnce(t *testing.T) {
	d := newDB(t, "create table t (code text)", "create sequence tried", `create function fail() returns trigger language plpgsql as $$ begin
		if nextval('tried') <= new.code::int then raise exception 'not now' using errcode = '40001'; end if; return new; end $$`,
		"create trigger f before insert on t for each row execute function fail()")
	a := d.open(ops(map[string]Op{"add": {Exec: "insert into t values (:code)"}}))
	for name, do := range map[string]func(string) error{
		"send": func(n string) error { return a.send("insert t", "m"+n, `{"code": "`+n+`"}`) },
		"call": func(n string) error { _, err := a.call("add", `{"code": "`+n+`"}`); return err },
	} {
		d.exec("select setval('tried', 1, false)")
		if err := do("2"); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		d.exec("select setval('tried', 1, false)")
		wantClass(t, do("100"), hub.Unavailable, "serialization")
		if n := d.text("select last_value from tried"); len(n) > 1 {
			t.Errorf("%s: tried %s times", name, n)
		}
	}
}

func TestNotConnected(t *testing.T) {
	server := needPostgres(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	noError(t, err)
	nobody := l.Addr().String()
	l.Close()
	with := func(change func(*url.URL)) string {
		u, _ := url.Parse(server)
		change(u)
		return u.String()
	}
	for name, u := range map[string]string{
		"nobody there":   with(func(u *url.URL) { u.Host = nobody }),
		"wrong password": with(func(u *url.URL) { u.User = url.UserPassword(u.User.Username(), "wr0ng-secret") }),
		"no database":    with(func(u *url.URL) { u.Path = "/nothing_here" }),
	} {
		t.Run(name, func(t *testing.T) {
			a := openAdapter(t, u, ops(map[string]Op{"one": {Query: "select 1 as n"}}))
			_, err := a.call("one", `{}`)
			wantClass(t, err, hub.Unavailable, hub.NotConnected)
			wantClass(t, a.send("insert t", "m", `{}`), hub.Unavailable, hub.NotConnected)
			src, _ := a.OpenSource("poll t", &SourceConfig{Done: "delete from t"})
			wantClass(t, src.Run(context.Background(), nil), hub.Unavailable, hub.NotConnected)
			if _, err := a.Inspect(context.Background()); err == nil || strings.Contains(err.Error(), "wr0ng") {
				t.Errorf("Inspect: %v", err)
			}
			if strings.Contains(err.Error(), "wr0ng") || strings.Contains(a.log.String(), "wr0ng") || strings.Contains(err.Error(), "\n") {
				t.Errorf("%v", err)
			}
		})
	}
}

func TestTimeouts(t *testing.T) {
	t.Parallel()
	d := newDB(t)
	p := newProxy(t, d)
	a := openAdapter(t, p.url, func(c *Config) {
		c.Pool.Max, c.Timeout = 2, 2500*time.Millisecond // also for a new connection
		c.Ops = map[string]Op{"sleep": {Query: "select pg_sleep(:s::float8) as done", Timeout: 15 * time.Second}, "slow": {Query: "select pg_sleep(30) as " + d.schema}, "one": {Query: "select 1 as n"}}
	})
	began := time.Now()
	_, err := a.call("slow", `{}`)
	wantClass(t, err, hub.Timeout, "timeout")
	if took := time.Since(began); took > 8*time.Second {
		t.Errorf("it took %s", took)
	}
	until(t, "the server goes on with what was given up", func() bool {
		return d.text("select count(*) from pg_stat_activity where query like '%pg_sleep(30) as ' || $1 and state = 'active' and pid <> pg_backend_pid()", d.schema) == "0"
	})
	_, err = a.call("sleep", `{"s": 3}`) // an operation's own time counts
	noError(t, err)

	var held []*session
	for range 2 {
		s, err := a.acquire(t.Context())
		noError(t, err)
		held = append(held, s)
	}
	_, err = a.call("one", `{}`)
	wantClass(t, err, hub.Throttled, "busy", "2 connections")
	for _, s := range held {
		s.Release()
	}

	p.stall.Store(true) // a network that swallows everything
	began = time.Now()
	_, err = a.call("one", `{}`)
	wantTransient(t, err)
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("it took %s", took)
	}
	p.stall.Store(false)
	p.cut()
	until(t, "no call works after the network is back", func() bool { _, err := a.call("one", `{}`); return err == nil })

	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	c, _ := a.OpenCaller("one")
	_, err = c.Call(ctx, message("m", `{}`))
	if e := hub.AsError(err); e.Class != hub.Unavailable || e.Reason != "stopping" || !errors.Is(err, context.Canceled) {
		t.Errorf("%s %s: %v", e.Class, e.Reason, err)
	}
}

// TestACancelledConnectionIsNotUsedAgain: the server may be late in giving up a statement, and would then end another one.
func TestACancelledConnectionIsNotUsedAgain(t *testing.T) {
	t.Parallel()
	a := newDB(t).open(func(c *Config) {
		c.Pool.Max = 1
		c.Ops = map[string]Op{"slow": {Query: "select pg_sleep(30)", Timeout: 300 * time.Millisecond}, "who": {Query: "select pg_backend_pid() as pid"}}
	})
	backend := func() string {
		t.Helper()
		got, err := a.call("who", `{}`)
		noError(t, err)
		return got
	}
	first := backend()
	same(t, backend(), first)
	_, err := a.call("slow", `{}`)
	wantClass(t, err, hub.Timeout, "timeout")
	if backend() == first {
		t.Error("the connection of the statement that was given up is used again")
	}
}

// TestChangedTables: a statement that a connection knows goes on when the table behind it changes.
func TestChangedTables(t *testing.T) {
	d := newDB(t, "create table t (id int, a text)", "insert into t values (1, 'x')")
	a := d.open(func(c *Config) {
		c.Pool.Max = 3
		c.Ops = map[string]Op{"all": {Query: "select * from t"}, "touch": {Exec: "update t set a = a returning *"}}
	})
	all := func(op, want string) {
		t.Helper()
		var group sync.WaitGroup
		for range 12 {
			group.Go(func() {
				got, err := a.call(op, `{}`)
				if err != nil {
					t.Error(err)
				} else if compactJSON(t, got) != compactJSON(t, want) {
					t.Error(got)
				}
			})
		}
		group.Wait()
	}
	all("all", `[{"id": 1, "a": "x"}]`)
	all("touch", `[{"id": 1, "a": "x"}]`)
	d.exec("alter table t add column b numeric default 1.50")
	all("all", `[{"id": 1, "a": "x", "b": 1.50}]`)
	all("touch", `[{"id": 1, "a": "x", "b": 1.50}]`)
	d.exec("alter table t drop column a")
	all("all", `[{"id": 1, "b": 1.50}]`)
	d.exec("drop table t")
	_, err := a.call("all", `{}`)
	wantClass(t, err, hub.Unavailable, "schema", `"t" does not exist`)
	wantClass(t, a.send("insert t", "m", `{"id": 1}`), hub.Unavailable, "schema", `"t" does not exist`)
	d.exec("create table t (id int)")
	noError(t, a.send("insert t", "m", `{"id": 1}`))
}
