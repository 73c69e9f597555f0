package system

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"orderhub/stub"
)

// TestClockOfTwoHubs: two hubs share a store and have one clock of every second. They are killed and stopped in turns: each second is run
// once, also those at which nobody ran.
func TestClockOfTwoHubs(t *testing.T) {
	t.Parallel() // it mostly waits for the time to go by
	dsn, db := needPostgres(t)
	var hubs [2]*site
	for i := range hubs {
		s := newSite(t, "", stub.Options{})
		s.config = filepath.Join(s.dir, "clock.yaml")
		text := fmt.Sprintf(`hub: {name: clock, store: %q}
adapters: {web: {type: http-server, listen: "${HUB_LISTEN}"}}
pipelines:
  ping: {from: {web: GET /ping}, steps: [{reply: 200}]}
  ticks:
    from: {every: 1s, missed: each}
    steps: [{count: {name: ticks, by: body.due}}]
`, dsn)
		if err := os.WriteFile(s.config, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		s.env = append(s.env, "HUB_STORE="+dsn)
		hubs[i] = s
		s.start()
	}
	count := func(query string) (n int) {
		if err := db.QueryRow(t.Context(), query).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	const ticks = "SELECT count(*) FROM counters WHERE kind='count ticks'"
	for i := range 4 {
		mark := count(ticks) + 3
		await(t, time.Minute, fmt.Sprintf("%d seconds are run\n%s", mark, hubs[0].tail()+hubs[1].tail()), func() bool { return count(ticks) >= mark })
		if s := hubs[i%2]; i < 2 {
			s.kill()
			s.start()
		} else if _, err := s.stop(); err != nil {
			t.Errorf("SIGTERM: %v\n%s", err, s.tail())
		} else if i == 2 {
			s.start()
		}
	}
	mark := count(ticks) + 3
	await(t, time.Minute, "the last hub goes on", func() bool { return count(ticks) >= mark })
	const span = "SELECT extract(epoch FROM max(convert_from(key,'UTF8')::timestamptz)-min(convert_from(key,'UTF8')::timestamptz))::int+1 FROM counters WHERE kind='count ticks'"
	all, twice := count(ticks), count(ticks+" AND value<>1")
	if seconds := count(span); twice != 0 || all != seconds {
		t.Errorf("of %d seconds %d were run, %d of them other than once\n%s", seconds, all, twice, hubs[0].report()+hubs[1].report())
	}
	hubs[0].stop()
}
