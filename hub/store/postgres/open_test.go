package postgres

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"orderhub/hub"
	"orderhub/hub/store"
	"orderhub/hub/store/core"
	"orderhub/hub/store/storetest"
)

func TestPostgresNewerSchema(t *testing.T) {
	url := storetest.PostgresSchema(t)
	openPg(t, url, Options{}).Close()
	storetest.PostgresExec(t, url, fmt.Sprintf("UPDATE meta SET value=%d WHERE key='schema'", postgresVersion+1))
	_, err := Open(ctx, url, Options{})
	if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("store schema %d is newer than this binary (max %d)", postgresVersion+1, postgresVersion)) {
		t.Fatalf("error %v", err)
	}
}

func TestPostgresOpenErrors(t *testing.T) {
	base := storetest.PostgresBase(t)
	foreign := storetest.PostgresSchema(t)
	u, _ := url.Parse(foreign)
	schema := u.Query().Get("search_path")
	storetest.PostgresExec(t, base, "CREATE SCHEMA "+schema)
	storetest.PostgresExec(t, base, "CREATE TABLE "+schema+".orders(id int)")
	wrong, _ := url.Parse(base)
	wrong.User = url.UserPassword(wrong.User.Username(), "topsecret")
	for dsn, want := range map[string]string{
		foreign: "was not made by the hub",
		"postgres://hub:topsecret@127.0.0.1:1/x?connect_timeout=1":        "127.0.0.1",
		"postgres://hub:topsecret@127.0.0.1:5432/x?sslmode=sometimes":     "sslmode",
		"postgres://hub:topsecret@127.0.0.1:port/x":                       "postgres",
		"postgres://hub:topsecret@127.0.0.1:5432/x?pool_max_conns=plenty": "pool_max_conns",
		wrong.String(): "password authentication failed",
	} {
		_, err := Open(ctx, dsn, Options{})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("open %s: %v, want %q", dsn, err, want)
		} else if strings.Contains(err.Error(), "topsecret") {
			t.Errorf("the password is in the error: %v", err)
		}
	}
}

// Many hubs that start at once on an empty database make its tables once.
func TestPostgresFirstStart(t *testing.T) {
	base := storetest.PostgresSchema(t)
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			s := openPg(t, base, Options{})
			storetest.Put(t, s, "q", storetest.Message(fmt.Sprint("m", i), "1"))
		})
	}
	wg.Wait()
	if n := pgNumber(t, base, "SELECT count(*) FROM messages"); n != 4 {
		t.Errorf("%d messages", n)
	}
}

// A server or role that does not wait for the disk by default does so for the store.
func TestPostgresDurable(t *testing.T) {
	url := storetest.PostgresSchema(t)
	s := openPg(t, url+"&synchronous_commit=off", Options{})
	for range 2 {
		var setting string
		if err := s.writer.conn.QueryRow(ctx, "SHOW synchronous_commit").Scan(&setting); err != nil || setting != "on" {
			t.Fatalf("synchronous_commit is %q: %v", setting, err)
		}
		storetest.PostgresExec(t, url, "SELECT pg_terminate_backend($1)", s.writer.conn.PgConn().PID())
		storetest.Put(t, s, "q", storetest.Message("m", "1")) // on a new connection
	}
}

func TestPostgresReopen(t *testing.T) {
	url := storetest.PostgresSchema(t)
	s := openPg(t, url, Options{})
	later := time.Now().Add(time.Hour).UTC().Round(0)
	storetest.Put(t, s, "q", storetest.Message("a", "1"))
	storetest.Put(t, s, "q", storetest.Message("b", "2"))
	if err := s.Commit(ctx, &hub.Unit{Inbox: "in", Root: "r", Puts: []hub.Put{{Queue: "q", Msg: storetest.Message("c", "3"), Due: later, Name: "n"}},
		Writes: []hub.Write{{Kind: "k", Key: "x", Value: []byte("v")}}, Adds: []hub.Add{{Kind: "c", Key: "x", Delta: 3}},
		History: []hub.Event{{What: "received", Message: "r"}}}); err != nil {
		t.Fatal(err)
	}
	first := claimed(t, s, "q", 1)
	record, _ := s.Get(ctx, "k", "x")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if n := pgNumber(t, url, "SELECT count(*) FROM hubs"); n != 0 {
		t.Errorf("%d hubs are entered after Close", n)
	}
	s = openPg(t, url, Options{})
	if err := s.Commit(ctx, &hub.Unit{Input: first[0]}); !errors.Is(err, hub.ErrLost) {
		t.Fatalf("a claim of an earlier start commits: %v", err)
	}
	storetest.Put(t, s, "q", storetest.Message("d", "4"))
	batch, next, err := s.Claim(ctx, "q", 10, 0)
	if err != nil || len(batch) != 3 || batch[0].Msg.ID != "a" || batch[2].Msg.ID != "d" || !next.Equal(later) {
		t.Fatalf("claimed %v, next %v: %v", batch, next, err)
	}
	again, err := s.Get(ctx, "k", "x")
	if err != nil || string(again.Value) != "v" || again.Version != record.Version {
		t.Fatalf("record %+v: %v", again, err)
	}
	if err := s.Commit(ctx, &hub.Unit{Inbox: "in"}); !errors.Is(err, hub.ErrDuplicate) {
		t.Fatalf("inbox: %v", err)
	}
	if rows, err := s.History(ctx, "last"); err != nil || len(rows) != 1 {
		t.Fatalf("history %v: %v", rows, err)
	}
}

// Any flipped bit of a message or a record is found.
func TestPostgresDamage(t *testing.T) {
	url := storetest.PostgresSchema(t)
	s := openPg(t, url, Options{Options: store.Options{Log: silent}})
	for i := range 60 {
		storetest.Put(t, s, "q", storetest.Message(fmt.Sprint("m", i), fmt.Sprintf("body-%04d", i)))
	}
	for i, column := range []string{"body", "head", "id", "key"} {
		storetest.PostgresExec(t, url, fmt.Sprintf("UPDATE messages SET %s=set_bit(%s, 5, 1-get_bit(%s, 5)) WHERE id=$1", column, column, column), []byte(fmt.Sprint("m", 7+i*10)))
	}
	got := map[string]bool{}
	for batch := claimed(t, s, "q", 9); len(batch) > 0; batch = claimed(t, s, "q", 9) {
		for _, d := range batch {
			var i int
			fmt.Sscanf(d.Msg.ID, "m%d", &i)
			if string(d.Msg.Body.Bytes()) != fmt.Sprintf("body-%04d", i) || d.Msg.Key != "k" {
				t.Fatalf("damaged message %s was delivered", d.Msg.ID)
			}
			got[d.Msg.ID] = true
		}
	}
	g, err := s.DeadGroups(ctx)
	if err != nil || len(got) != 56 || len(g) != 1 || g[0].Count != 4 || g[0].Cause != core.Corrupt || g[0].Sample.Error.Reason != core.Corrupt || g[0].Sample.Msg.Body.Len() != 0 {
		t.Fatalf("%d delivered, dead letters %+v: %v", len(got), g, err)
	}
	dead, _ := s.Browse(ctx, store.BrowseQuery{State: hub.Dead})
	if err := s.Commit(ctx, &hub.Unit{Settles: []hub.Settle{{Seq: dead[0].Seq, Replay: true}}}); err != nil {
		t.Fatal(err)
	}
	if batch := claimed(t, s, "q", 9); len(batch) != 0 {
		t.Fatalf("a damaged message was replayed: %v", batch)
	}
	if err := s.Commit(ctx, &hub.Unit{Writes: []hub.Write{{Kind: "k", Key: "x", Value: []byte("value")}}}); err != nil {
		t.Fatal(err)
	}
	storetest.PostgresExec(t, url, "UPDATE records SET value=set_bit(value, 9, 1-get_bit(value, 9))")
	if _, err := s.Get(ctx, "k", "x"); !errors.Is(err, core.ErrDamaged) {
		t.Fatalf("a damaged record: %v", err)
	}
}

func TestPostgresFull(t *testing.T) {
	url := storetest.PostgresSchema(t)
	s := openPg(t, url, Options{Options: store.Options{QueueLimit: 3}})
	storetest.Put(t, s, "q", storetest.Message("a", "1"))
	storetest.Put(t, s, "q", storetest.Message("b", "1"))
	two := &hub.Unit{Puts: []hub.Put{{Queue: "other", Msg: storetest.Message("x", "1")}, {Queue: "q", Msg: storetest.Message("c", "1")}, {Queue: "q", Msg: storetest.Message("d", "1")}}}
	if err := s.Commit(ctx, two); !errors.Is(err, hub.ErrFull) {
		t.Fatalf("%v, want ErrFull", err)
	}
	if st, _ := s.Queues(ctx); len(st) != 1 || st[0].Ready != 2 {
		t.Fatalf("queues %+v", st)
	}
	other := openPg(t, url, Options{Options: store.Options{QueueLimit: 3}})
	if err := other.Commit(ctx, two); !errors.Is(err, hub.ErrFull) {
		t.Fatalf("another hub: %v, want ErrFull", err)
	}
	batch := claimed(t, s, "q", 1)
	if err := s.Commit(ctx, &hub.Unit{Input: batch[0]}); err != nil {
		t.Fatal(err)
	}
	if err := s.Commit(ctx, two); err != nil {
		t.Fatalf("after it drained: %v", err)
	}
	other.mu.Lock()
	for _, q := range other.queues {
		q.counted = time.Time{}
	}
	other.mu.Unlock()
	storetest.Eventually(t, "the other hub counts", 10*time.Second, func() bool {
		other.mu.Lock()
		defer other.mu.Unlock()
		return other.queues["q"].depth == 3
	})
}

// Names that PostgreSQL's text may not hold are kept byte for byte.
func TestPostgresAnyBytes(t *testing.T) {
	s := openPg(t, storetest.PostgresSchema(t), Options{})
	odd := "\x00\xff\xfe é '\\"
	m := &hub.Message{ID: odd + "1", Key: odd, Correlation: odd}
	u := &hub.Unit{Inbox: odd, Root: odd, Correlation: odd, Puts: []hub.Put{{Queue: "q", Name: odd, Msg: m, Error: &hub.Failure{Message: odd}, Due: time.Now().Add(-time.Second)}},
		Writes: []hub.Write{{Kind: "k", Key: odd, Value: []byte(odd)}}, Adds: []hub.Add{{Kind: "c", Key: odd, Delta: 1}}, History: []hub.Event{{What: "x", Links: []string{odd}}}}
	if err := s.Commit(ctx, u); err != nil {
		t.Fatal(err)
	}
	d := claimed(t, s, "q", 1)[0]
	if d.Msg.ID != m.ID || d.Msg.Key != odd || d.Msg.Correlation != odd || d.Name != odd {
		t.Errorf("message %+v", d.Msg)
	}
	list, err := s.List(ctx, "k", "\x00\xff", "", 1)
	if err != nil || len(list) != 1 || list[0].Key != odd {
		t.Errorf("records %v: %v", list, err)
	}
	rows, err := s.History(ctx, odd)
	if err != nil || len(rows) != 1 || rows[0].Root != odd {
		t.Errorf("history %v: %v", rows, err)
	}
	if n, err := s.Counters(ctx, "c", "\x00"); err != nil || n[odd] != 1 {
		t.Errorf("counters %v: %v", n, err)
	}
	if err := s.Commit(context.Background(), &hub.Unit{Input: d}); err != nil {
		t.Error(err)
	}
}
