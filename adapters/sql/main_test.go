package sql

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"go.uber.org/goleak"

	"orderhub/hub"
	"orderhub/hub/doc"
	"orderhub/hub/hubtest"
	"orderhub/hub/units"
)

func TestMain(m *testing.M) {
	_ = flag.Set("test.parallel", "4") // tests that run side by side wait for servers and for times; they need no core each
	goleak.VerifyTestMain(m)
}

func TestComponent(t *testing.T) { hubtest.Component(t, Component()) }

const patience = time.Minute

// needPostgres is the URL of a real PostgreSQL: that of HUB_TEST_POSTGRES, else the one on this machine.
// Without one the test is skipped, and with HUB_TEST_SERVERS=1 it fails.
func needPostgres(t testing.TB) string {
	t.Helper()
	u := os.Getenv("HUB_TEST_POSTGRES")
	if u == "" {
		u = "postgres://hub:hub@127.0.0.1:5432/hubtest?sslmode=disable"
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, u)
	if err == nil {
		conn.Close(ctx)
		return u
	}
	if os.Getenv("HUB_TEST_SERVERS") == "1" {
		t.Fatalf("no PostgreSQL: %v", err)
	}
	t.Skip("no PostgreSQL; HUB_TEST_POSTGRES says where one is")
	return ""
}

var counter atomic.Int64

// db is a schema of the real server that goes with the test, seen by a client that is not the hub's.
type db struct {
	t      testing.TB
	server string // URL without the schema
	url    string
	schema string
	pool   *pgxpool.Pool
}

func newDB(t testing.TB, ddl ...string) *db {
	t.Helper()
	d := &db{t: t, server: needPostgres(t), schema: fmt.Sprintf("hubtest_%d_%d_%d", os.Getpid(), time.Now().UnixMilli(), counter.Add(1))}
	d.url = d.at(d.server)
	pc, err := pgxpool.ParseConfig(d.url)
	if err != nil {
		t.Fatal("HUB_TEST_POSTGRES is no PostgreSQL URL")
	}
	pc.MaxConns = 4
	if d.pool, err = pgxpool.NewWithConfig(context.Background(), pc); err != nil {
		t.Fatal(err)
	}
	d.exec("create schema " + d.schema)
	t.Cleanup(func() {
		d.exec("drop schema " + d.schema + " cascade")
		d.pool.Close()
	})
	for _, sql := range ddl {
		d.exec(sql)
	}
	return d
}

// at is the URL with the schema in its search path.
func (d *db) at(server string) string {
	u, err := url.Parse(server)
	if err != nil {
		d.t.Fatal("HUB_TEST_POSTGRES is no URL")
	}
	q := u.Query()
	q.Set("search_path", d.schema)
	u.RawQuery = q.Encode()
	return u.String()
}

func (d *db) exec(sql string, args ...any) {
	d.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if _, err := d.pool.Exec(ctx, sql, args...); err != nil {
		d.t.Fatalf("%s: %v", sql, err)
	}
}

// text is the first value that a statement gives.
func (d *db) text(sql string, args ...any) string {
	d.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var out *string
	if err := d.pool.QueryRow(ctx, "select ("+sql+")::text", args...).Scan(&out); err != nil {
		d.t.Fatalf("%s: %v", sql, err)
	}
	if out == nil {
		return "NULL"
	}
	return *out
}

func (d *db) list(sql string) (out []string) {
	d.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	rows, err := d.pool.Query(ctx, sql)
	if err != nil {
		d.t.Fatal(err)
	}
	if out, err = pgx.CollectRows(rows, pgx.RowTo[string]); err != nil {
		d.t.Fatal(err)
	}
	return out
}

// syncLog is a log that can be read while it is written.
type syncLog struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *syncLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *syncLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// opened is an adapter under test.
type opened struct {
	*Adapter
	t   testing.TB
	log *syncLog
}

// open makes an adapter that is closed with the test.
func (d *db) open(change func(*Config)) *opened {
	d.t.Helper()
	return openAdapter(d.t, d.url, change)
}

func openAdapter(t testing.TB, url string, change func(*Config)) *opened {
	t.Helper()
	cfg := defaultConfig()
	cfg.URL = hub.Secret(url)
	cfg.Pool.Max = 4
	if change != nil {
		change(cfg)
	}
	log := &syncLog{}
	a, err := definition().New(cfg, &hub.Env{Name: "db", Hub: "shop", Log: slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := a.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	return &opened{a, t, log}
}

func ops(m map[string]Op) func(*Config) { return func(c *Config) { c.Ops = m } }

func (o *opened) target(arg string) hub.Target {
	o.t.Helper()
	target, err := o.OpenTarget(arg)
	if err != nil {
		o.t.Fatal(err)
	}
	return target
}

func (o *opened) send(arg, id, body string) error {
	o.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return o.target(arg).Send(ctx, message(id, body))
}

// call gives the reply's body.
func (o *opened) call(op, body string) (string, error) {
	o.t.Helper()
	return o.callAs(op, hub.NewID(time.Now()), body)
}

func (o *opened) callAs(op, key, body string) (string, error) {
	o.t.Helper()
	c, err := o.OpenCaller(op)
	if err != nil {
		o.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	m, err := c.Call(ctx, message("m-"+key, body).WithHeader(hub.HeaderIdempotency, key))
	if err != nil {
		return "", err
	}
	return string(m.Body.Bytes()), nil
}

func message(id, body string) *hub.Message {
	return &hub.Message{ID: id, Time: time.Now(), Headers: hub.Headers{}, Body: hub.NewBody([]byte(body))}
}

// wantClass checks the class and the reason of an error, and words in its text.
func wantClass(t testing.TB, err error, class hub.Class, reason string, words ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want %s %s", class, reason)
	}
	e := hub.AsError(err)
	if e.Class != class || e.Reason != reason {
		t.Fatalf("%s %s, want %s %s: %v", e.Class, e.Reason, class, reason, err)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Fatalf("%q is not in: %v", w, err)
		}
	}
}

func noError(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal(what)
		}
	}
}

// same compares JSON texts but for their spaces.
func same(t testing.TB, got, want string) {
	t.Helper()
	if compactJSON(t, got) != compactJSON(t, want) {
		t.Fatalf("got  %s\nwant %s", got, want)
	}
}

func compactJSON(t testing.TB, text string) string {
	t.Helper()
	var b bytes.Buffer
	if err := json.Compact(&b, []byte(text)); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return b.String()
}

func docText(s string) doc.Value { return doc.StringValue(s) }

func defaultConfig() *Config { return units.Defaults[Config]() }
