package system

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"orderhub/hub"
	"orderhub/stub"
)

// needPostgres is a database with a schema of the test's own.
func needPostgres(t testing.TB) (dsn string, db *pgx.Conn) {
	t.Helper()
	base := os.Getenv("HUB_TEST_POSTGRES")
	if base == "" {
		base = "postgres://hub:hub@127.0.0.1:5432/hubtest?sslmode=disable"
	}
	u, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	schema := "system_" + strings.ToLower(hub.NewID(time.Now()))
	q := u.Query()
	q.Set("search_path", schema)
	u.RawQuery = q.Encode()
	if db, err = pgx.Connect(t.Context(), u.String()); err != nil {
		missing(t, "no PostgreSQL at %s (HUB_TEST_POSTGRES says where): %v", u.Host, err)
	}
	if _, err := db.Exec(t.Context(), "CREATE SCHEMA "+schema); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_, _ = db.Exec(ctx, "DROP SCHEMA "+schema+" CASCADE")
		_ = db.Close(ctx)
	})
	return u.String(), db
}

// Two hubs share a Kafka topic and a store. They are killed and stopped in
// turns, so that partitions move between them all the time: every ID is
// counted once, and every group of ten is gathered once, with all ten in it.
func TestEffectivelyOnce(t *testing.T) {
	const size = 10
	t.Parallel() // it mostly waits until Kafka takes a killed hub for dead
	ids, kills, moves := times("HUB_TEST_IDS", 2000), times("HUB_TEST_ONCE_KILLS", 2), times("HUB_TEST_ONCE_MOVES", 1)
	l := kafkaLine(t)
	dsn, db := needPostgres(t)
	var hubs [2]*site
	for i := range hubs {
		s := newSite(t, "", stub.Options{})
		s.config = filepath.Join(s.dir, "once.yaml")
		text := fmt.Sprintf(`hub: {name: once, store: %q}
adapters:
  web: {type: http-server, listen: "${HUB_LISTEN}"}
  %s
pipelines:
  ping: {from: {web: GET /ping}, steps: [{reply: 200}]}
  once:
    from: %s
    steps:
      - count: {name: seen, by: '=body.key + "-" + string(body.seq)'}
      - aggregate: {by: body.key, until: size == %d, idle: 1h, give: {n: =size, group: '=bodies[0].key'}}
      - count: {name: gathered, by: '=body.group + " " + string(body.n)'}
`, dsn, l.adapter, l.from, size)
		if err := os.WriteFile(s.config, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		s.env = append(s.env, "HUB_STORE="+dsn)
		hubs[i] = s
	}
	for _, s := range hubs {
		s.start()
	}
	began := time.Now()
	go func() {
		groups := ids / size
		for from := 0; from < groups; from += 500 {
			for seq := range size {
				var notes []note
				for g := from; g < min(from+500, groups); g++ {
					notes = append(notes, note{Key: fmt.Sprint("g", g), Seq: seq})
				}
				l.put(notes...)
			}
		}
	}()
	count := func(query string) (n int) {
		if err := db.QueryRow(t.Context(), query).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	const seen = "SELECT count(*) FROM counters WHERE kind='count seen'"
	for i := range kills + moves {
		mark := min(ids*(i+1)/(kills+moves+2), ids)
		await(t, 3*time.Minute, fmt.Sprintf("%d ids are counted\n%s", mark, hubs[0].tail()+hubs[1].tail()), func() bool { return count(seen) >= mark })
		s := hubs[i%2]
		if i < kills {
			s.kill()
		} else if _, err := s.stop(); err != nil {
			t.Errorf("SIGTERM: %v\n%s", err, s.tail())
		}
		s.start()
	}
	await(t, 5*time.Minute, "all ids are counted", func() bool { return count(seen) == ids })
	await(t, time.Minute, "all groups are gathered", func() bool {
		return count("SELECT count(*) FROM counters WHERE kind='count gathered'") >= ids/size
	})
	time.Sleep(time.Second) // what comes again now would be counted twice
	twice := count("SELECT count(*) FROM counters WHERE kind='count seen' AND value<>1")
	whole := count(fmt.Sprintf("SELECT count(*) FROM counters WHERE kind='count gathered' AND value=1 AND convert_from(key,'UTF8') LIKE '%% %d'", size))
	all := count("SELECT count(*) FROM counters WHERE kind='count gathered'")
	t.Logf("%d ids, %d kills, %d clean moves of 2 hubs: %d ids counted other than once, %d of %d groups whole and gathered once, %s", ids, kills, moves, twice, whole, ids/size, time.Since(began).Round(time.Second))
	if twice != 0 || whole != ids/size || all != ids/size {
		t.Errorf("not once: %d groups\n%s", all, hubs[0].report()+hubs[1].report())
	}
	for _, s := range hubs {
		s.stop()
	}
}
