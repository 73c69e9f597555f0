package sql

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"orderhub/hub"
)

const pollTable = "create table orders (id int primary key, customer text, n int, state text not null default 'new', version int not null default 1)"

func polling() SourceConfig {
	return SourceConfig{Every: 10 * time.Millisecond, Where: "state = 'new'", Done: "update orders set state = 'taken' where id = :id", Workers: 4}
}

func (o *opened) source(arg string, c SourceConfig) *Source {
	o.t.Helper()
	src, err := o.OpenSource(arg, &c)
	if err != nil {
		o.t.Fatal(err)
	}
	return src.(*Source)
}

// running runs a source as the hub does, again when it fails, until stop.
func running(t testing.TB, src hub.Source, h hub.HandlerFunc) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for ctx.Err() == nil {
			if err := src.Run(ctx, h); err != nil {
				t.Logf("Run: %v", err)
				time.Sleep(20 * time.Millisecond)
			}
		}
	}()
	stop = sync.OnceFunc(func() {
		cancel()
		select {
		case <-ended:
		case <-time.After(patience):
			t.Error("Run did not return")
		}
	})
	t.Cleanup(stop)
	return stop
}

// ledger notes who handled what.
type ledger struct {
	mu   sync.Mutex
	seen map[string][]string // message ID: hubs
	keys map[string][]int    // key: n of its rows, in order
	busy map[string]bool
	bad  []string
}

func newLedger() *ledger {
	return &ledger{seen: map[string][]string{}, keys: map[string][]int{}, busy: map[string]bool{}}
}

func (l *ledger) begin(who string, m *hub.Message) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if m.Key != "" && l.busy[m.Key] {
		l.bad = append(l.bad, "two rows of key "+m.Key+" at once")
	}
	l.busy[m.Key] = true
	l.seen[m.ID] = append(l.seen[m.ID], who)
}

func (l *ledger) end(m *hub.Message, taken bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.busy[m.Key] = false
	if !taken {
		return
	}
	body, _ := m.Body.Doc()
	var n int
	fmt.Sscan(body.Get("n").Text(), &n)
	if old := l.keys[m.Key]; m.Key != "" && len(old) > 0 && n <= old[len(old)-1] {
		l.bad = append(l.bad, fmt.Sprintf("key %s: row %d after %d", m.Key, n, old[len(old)-1]))
	}
	l.keys[m.Key] = append(l.keys[m.Key], n)
}

func (l *ledger) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.seen)
}

// TestTwoHubsShareRows: each row is handled once, by one of them; rows of a key are handled one after another, in their order.
func TestTwoHubsShareRows(t *testing.T) {
	t.Parallel()
	for name, key := range map[string]string{"without keys": "", "with keys": "customer"} {
		t.Run(name, func(t *testing.T) {
			d := newDB(t, pollTable)
			const rows = 400
			d.exec("insert into orders (id, customer, n) select i, 'c' || i % 9, i from generate_series(1, $1) i", rows)
			l := newLedger()
			for _, who := range []string{"a", "b"} {
				c := polling()
				c.Key = key
				running(t, d.open(nil).source("poll orders", c), func(_ context.Context, m *hub.Message) error {
					l.begin(who, m)
					time.Sleep(time.Duration(rand.IntN(4)) * time.Millisecond)
					if rand.IntN(20) == 0 && key != "" { // for now
						l.end(m, false)
						l.mu.Lock()
						l.seen[m.ID] = l.seen[m.ID][1:]
						l.mu.Unlock()
						return hub.Fail(hub.Unavailable, "test", "not now")
					}
					l.end(m, true)
					return nil
				})
			}
			until(t, "not all rows are taken", func() bool { return d.text("select count(*) from orders where state = 'taken'") == fmt.Sprint(rows) })
			time.Sleep(50 * time.Millisecond) // for one too many
			by := map[string]int{}
			l.mu.Lock()
			defer l.mu.Unlock()
			for id, hubs := range l.seen {
				if len(hubs) != 1 {
					t.Errorf("%s was handled by %v", id, hubs)
				}
				by[hubs[0]]++
			}
			if len(l.seen) != rows || len(l.bad) > 0 {
				t.Errorf("%d rows handled; %v", len(l.seen), l.bad)
			}
			if by["a"] == 0 || by["b"] == 0 {
				t.Errorf("they did not share: %v", by)
			}
		})
	}
}

// TestRowsSurviveEverything: rows are handled and done while backends are ended and connections cut; what comes again has the same ID.
func TestRowsSurviveEverything(t *testing.T) {
	t.Parallel()
	d := newDB(t, pollTable)
	p := newProxy(t, d)
	const rows = 300
	d.exec("insert into orders (id, customer, n) select i, 'c' || i % 20, i from generate_series(1, $1) i", rows)
	name := "orderhub_" + d.schema
	var handled sync.Map
	var confirmed atomic.Int64
	for range 2 {
		c := polling()
		c.Key = "customer"
		src := openAdapter(t, p.url+"&application_name="+name, nil).source("poll orders", c)
		src.lease = 2 * time.Second
		running(t, src, func(_ context.Context, m *hub.Message) error {
			body, _ := m.Body.Doc()
			if want := "db.orders." + body.Get("id").Text(); m.ID != want {
				t.Errorf("ID %s, want %s", m.ID, want)
			}
			handled.Store(m.ID, true)
			confirmed.Add(1)
			return nil
		})
	}
	stop, times := nemesis(&confirmed, func() {
		if rand.IntN(2) == 0 {
			p.cut()
		} else {
			d.terminate(name)
		}
	})
	defer stop()
	until(t, "not all rows are taken", func() bool { return d.text("select count(*) from orders where state = 'taken'") == fmt.Sprint(rows) })
	n := 0
	handled.Range(func(any, any) bool { n++; return true })
	if n != rows || times.Load() < 3 {
		t.Errorf("%d rows were handled, disturbed %d times", n, times.Load())
	}
}

// calmLease is a claim's time that a hub keeps even when the whole machine stands still for 2 seconds.
const calmLease = 4 * time.Second

// TestAFrozenHubIsReplaced: when a hub can't renew its claims, another takes its rows, and it begins none of them any more.
func TestAFrozenHubIsReplaced(t *testing.T) {
	t.Parallel()
	d := newDB(t, pollTable)
	p := newProxy(t, d)
	d.exec("insert into orders (id, customer, n) select i, 'same', i from generate_series(1, 5) i")
	c := polling()
	c.Key = "customer"
	frozen := openAdapter(t, p.url, func(c *Config) { c.Timeout = 2 * time.Second }).source("poll orders", c)
	frozen.lease = calmLease
	inside, thaw := make(chan struct{}, 10), make(chan struct{})
	free := sync.OnceFunc(func() { close(thaw) })
	defer free()
	var first atomic.Int64
	done := make(chan error, 1)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		done <- frozen.Run(ctx, hub.HandlerFunc(func(context.Context, *hub.Message) error {
			first.Add(1)
			inside <- struct{}{}
			<-thaw
			return nil
		}))
	}()
	<-inside
	other := d.open(nil).source("poll orders", c)
	other.lease = calmLease
	l := newLedger()
	running(t, other, func(_ context.Context, m *hub.Message) error {
		l.begin("other", m)
		l.end(m, true)
		return nil
	})
	time.Sleep(calmLease * 5 / 4) // well over a claim's time, which is renewed
	if n := l.count(); n != 0 {
		t.Fatalf("the other hub took %d rows of a hub that is well", n)
	}
	p.stall.Store(true) // the hub's network is gone
	until(t, "the rows of the frozen hub are not taken", func() bool { return l.count() == 5 })
	until(t, "they are not done", func() bool { return d.text("select count(*) from orders where state = 'taken'") == "5" })
	p.stall.Store(false)
	p.cut()
	free()
	select {
	case err := <-done:
		wantTransient(t, err)
	case <-time.After(patience):
		t.Fatal("Run did not end though its claims were lost")
	}
	if n := first.Load(); n != 1 {
		t.Errorf("the frozen hub began %d rows", n)
	}
	if len(l.bad) > 0 {
		t.Error(l.bad)
	}
}

// TestNothingIsOpenWhileRowsAreHandled: no transaction, and no lock on the rows.
func TestNothingIsOpenWhileRowsAreHandled(t *testing.T) {
	d := newDB(t, pollTable, "insert into orders (id) values (1), (2)")
	a := openAdapter(t, d.url+"&application_name=orderhub_"+d.schema, nil)
	inside, release := make(chan struct{}, 2), make(chan struct{})
	stop := running(t, a.source("poll orders", polling()), func(context.Context, *hub.Message) error {
		inside <- struct{}{}
		<-release
		return nil
	})
	<-inside
	<-inside
	until(t, "a transaction is open while rows are handled", func() bool {
		return d.text("select count(*) from pg_stat_activity where application_name = $1 and state like 'idle in transaction%'", "orderhub_"+d.schema) == "0" &&
			d.text("select count(*) from pg_locks l join pg_stat_activity a using (pid) where application_name = $1 and l.relation = 'orders'::regclass", "orderhub_"+d.schema) == "0"
	})
	d.exec("update orders set n = 7") // nobody waits
	close(release)
	until(t, "not done", func() bool { return d.text("select count(*) from orders where state = 'taken' and n = 7") == "2" })
	stop()
	if n := d.text("select count(*) from hub_claims"); n != "0" {
		t.Errorf("%s claims are left", n)
	}
}

// TestWhatBecomesOfARow by what its handler says.
func TestWhatBecomesOfARow(t *testing.T) {
	d := newDB(t, pollTable, "insert into orders (id, customer) values (1, 'a'), (2, 'b'), (3, 'c'), (4, 'd'), (5, null)")
	a := d.open(nil)
	c := polling()
	c.Key = "customer"
	var mu sync.Mutex
	tries, keys := map[string]int{}, map[string]string{}
	stop := running(t, a.source("poll orders", c), func(_ context.Context, m *hub.Message) error {
		mu.Lock()
		defer mu.Unlock()
		tries[m.ID]++
		keys[m.ID] = m.Key
		switch {
		case m.ID == "db.orders.1":
			return hub.Fail(hub.Invalid, "schema", "it is wrong")
		case m.ID == "db.orders.2":
			return hub.Fail(hub.Rejected, "no", "it is not wanted")
		case m.ID == "db.orders.3" && tries[m.ID] < 3:
			return hub.Fail(hub.Throttled, "backlog_full", "wait")
		case m.ID == "db.orders.4" && tries[m.ID] < 3:
			return errors.New("the store is broken") // nobody took the row
		}
		return nil
	})
	until(t, "not all are done", func() bool { return d.text("select count(*) from orders where state = 'taken'") == "5" })
	stop()
	want := map[string]int{"db.orders.1": 1, "db.orders.2": 1, "db.orders.3": 3, "db.orders.4": 3, "db.orders.5": 1}
	for id, n := range want {
		if tries[id] != n {
			t.Errorf("%s: %d tries, want %d", id, tries[id], n)
		}
	}
	if keys["db.orders.1"] != "a" || keys["db.orders.5"] != "" {
		t.Errorf("keys %v", keys)
	}
	if !strings.Contains(a.log.String(), "it is not wanted") {
		t.Error("the log does not tell of a refused row")
	}
}

// TestMessages: what a row looks like.
func TestMessages(t *testing.T) {
	d := newDB(t, `create table lines (a text, b int, note text, rev timestamptz not null default '2024-07-01 10:00:00+00', state text default 'new', primary key (a, b))`)
	d.exec(`insert into lines values ('x', 1, 'one'), ('y/z', 2, 'two'), ($1, 3, 'three')`, strings.Repeat("k", 300))
	a := d.open(nil)
	c := SourceConfig{Every: 10 * time.Millisecond, ID: []string{"a", "b"}, Order: []string{"b"}, Version: "rev", Where: "state = 'new' -- not yet", Workers: 1,
		Done: "update lines set state = 'taken' where a = :a and b = :b and rev = :rev;"}
	var mu sync.Mutex
	var got []*hub.Message
	stop := running(t, a.source("poll "+d.schema+".lines", c), func(_ context.Context, m *hub.Message) error {
		mu.Lock()
		defer mu.Unlock()
		got = append(got, m)
		return nil
	})
	until(t, "not all rows came", func() bool { return d.text("select count(*) from lines where state = 'taken'") == "3" })
	d.exec("update lines set state = 'new', rev = now(), note = 'once more' where b = 1")
	until(t, "the changed row did not come", func() bool { return d.text("select count(*) from lines where state = 'taken'") == "3" })
	stop()
	if len(got) != 4 {
		t.Fatalf("%d messages", len(got))
	}
	table := d.schema + ".lines"
	m := got[0]
	same(t, string(m.Body.Bytes()), `{"a": "x", "b": 1, "note": "one", "rev": "2024-07-01T10:00:00Z", "state": "new"}`)
	if m.ID != "db."+table+".x.1.2024-07-01T10:00:00Z" || m.Headers.Get("content-type") != "application/json" || m.Headers.Get("sql.table") != table || m.Time.IsZero() || m.Key != "" {
		t.Errorf("%+v", m)
	}
	ids := map[string]bool{}
	for _, m := range got {
		ids[m.ID] = true
		if strings.Contains(m.ID, "/") || len(m.ID) > 200 {
			t.Errorf("ID %s", m.ID)
		}
	}
	if len(ids) != 4 {
		t.Errorf("IDs %v", ids)
	}
}

// TestNotify: a notification brings rows at once, also after the listening connection was lost.
func TestNotify(t *testing.T) {
	t.Parallel()
	d := newDB(t, pollTable)
	channel := "new_" + d.schema
	c := polling()
	c.Every, c.Notify = time.Hour, channel
	name := "orderhub_" + d.schema
	a := openAdapter(t, d.url+"&application_name="+name, nil)
	var n atomic.Int64
	running(t, a.source("poll orders", c), func(context.Context, *hub.Message) error { n.Add(1); return nil })
	listening := func() bool {
		return d.text("select count(*) from pg_stat_activity where application_name = $1 and query like 'listen %'", name) == "1"
	}
	until(t, "nobody listens", listening)
	d.exec("insert into orders (id) values (1)")
	d.exec("notify " + channel)
	until(t, "the row did not come", func() bool { return n.Load() == 1 })
	d.text("select count(pg_terminate_backend(pid)) from pg_stat_activity where application_name = $1 and query like 'listen %'", name)
	d.exec("insert into orders (id) values (2)") // its notification is lost
	until(t, "the row that was notified of while nobody listened did not come", func() bool { return n.Load() == 2 })
	until(t, "nobody listens again", listening)
	d.exec("insert into orders (id) values (3)")
	d.exec("notify " + channel)
	until(t, "the row did not come", func() bool { return n.Load() == 3 })
}

// looks counts the looks of a source at its table.
type looks struct {
	*Source
	n atomic.Int64
}

func (l *looks) Run(ctx context.Context, h hub.Handler) error {
	return l.Source.Run(ctx, reader{h, &l.n})
}

type reader struct {
	hub.Handler
	n *atomic.Int64
}

func (r reader) Reads(error) { r.n.Add(1) }

// TestDoneThatDoesNotTakeRowsOut neither spins nor goes unnoticed, also when handlers are slow and some rows of a look are still at work at the next:
// behind the looks that find the rows for the first time, none comes before its time.
func TestDoneThatDoesNotTakeRowsOut(t *testing.T) {
	t.Parallel()
	for name, key := range map[string]string{"without keys": "", "with keys": "customer"} {
		t.Run(name, func(t *testing.T) {
			d := newDB(t, pollTable, "insert into orders (id, customer) select i, 'c' || i from generate_series(1, 100) i")
			a := d.open(nil)
			c := polling()
			c.Every, c.Key, c.Done = 50*time.Millisecond, key, "update orders set n = 1 where id = :id"
			l := &looks{Source: a.source("poll orders", c)}
			stop := running(t, l, func(context.Context, *hub.Message) error {
				time.Sleep(time.Duration(rand.IntN(80)) * time.Millisecond)
				return nil
			})
			until(t, "the log does not tell of it", func() bool { return strings.Contains(a.log.String(), "event=not_done") })
			before, began := l.n.Load(), time.Now()
			until(t, "it looks no more", func() bool { return l.n.Load() >= before+20 })
			stop()
			if n, most := l.n.Load()-before, int64(time.Since(began)/c.Every)+1; n > most {
				t.Errorf("%d looks in %s, at most %d are well", n, time.Since(began), most)
			}
		})
	}
}

// TestDoneFails: for one row, it holds back that row; for all, it ends Run.
func TestDoneFails(t *testing.T) {
	d := newDB(t, pollTable, "insert into orders (id, customer) values (1, 'a'), (2, 'a'), (3, 'b')", "create table fault (id int)", "insert into fault values (1)",
		`create function f() returns trigger language plpgsql as $$ begin if exists (select from fault where id = new.id) then raise exception 'no such state'; end if; return new; end $$`,
		"create trigger f before update on orders for each row execute function f()")
	a := d.open(nil)
	c := polling()
	c.Key = "customer"
	var got []string
	var mu sync.Mutex
	stop := running(t, a.source("poll orders", c), func(_ context.Context, m *hub.Message) error {
		mu.Lock()
		defer mu.Unlock()
		got = append(got, m.ID)
		return nil
	})
	until(t, "a row of another key waits", func() bool { return d.text("select state from orders where id = 3") == "taken" })
	until(t, "the log does not tell of it", func() bool { return strings.Contains(a.log.String(), "no such state") })
	if s := d.text("select string_agg(state, ' ') from orders where customer = 'a'"); s != "new new" {
		t.Errorf("states %s", s)
	}
	d.exec("delete from fault")
	until(t, "the row is not done when it can be", func() bool { return d.text("select count(*) from orders where state = 'taken'") == "3" })
	mu.Lock()
	if slices.Sort(got); !slices.Equal(got, []string{"db.orders.1", "db.orders.2", "db.orders.3"}) {
		t.Errorf("handled %v", got)
	}
	mu.Unlock()
	stop()

	for done, reason := range map[string]string{
		"update orders set stat = 'taken' where id = :id":     "schema",
		"update orders set state = 'taken' where id = :order": "missing_param",
	} {
		d.exec("update orders set state = 'new'")
		c.Done = done
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		err := a.source("poll orders", c).Run(ctx, hub.HandlerFunc(func(context.Context, *hub.Message) error { return nil }))
		cancel()
		if e := hub.AsError(err); e == nil || e.Reason != reason || !strings.Contains(err.Error(), "done") {
			t.Errorf("%s: %v", done, err)
		}
	}
	c = polling()
	c.Where = "stat = 'new'"
	wantClass(t, a.source("poll orders", c).Run(context.Background(), nil), hub.Unavailable, "schema", "stat", "db poll orders")
	wantClass(t, a.source("poll order", polling()).Run(context.Background(), nil), hub.Unavailable, "schema", `"order"`)
}

// TestALongHandlerAtTheEnd: a row stays ours while its handler ends its work, after the source was told to stop.
func TestALongHandlerAtTheEnd(t *testing.T) {
	t.Parallel()
	d := newDB(t, pollTable, "insert into orders (id) values (1)")
	src := d.open(nil).source("poll orders", polling())
	src.lease = calmLease
	inside, release := make(chan struct{}), make(chan struct{})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- src.Run(ctx, hub.HandlerFunc(func(context.Context, *hub.Message) error { close(inside); <-release; return nil }))
	}()
	<-inside
	cancel()
	var n atomic.Int64
	other := d.open(nil).source("poll orders", polling())
	other.lease = src.lease
	running(t, other, func(context.Context, *hub.Message) error { n.Add(1); return nil })
	time.Sleep(calmLease * 5 / 4)
	close(release)
	noError(t, <-done)
	if s := d.text("select state from orders"); s != "taken" || n.Load() != 0 {
		t.Errorf("state %s, the other hub took %d", s, n.Load())
	}
}

// TestBacklog: many rows are taken without waiting between them, and never more at once than are allowed.
func TestBacklog(t *testing.T) {
	t.Parallel()
	d := newDB(t, pollTable)
	const rows = 600 // with a wait between looks they would take minutes
	d.exec("insert into orders (id, customer, n) select i, 'c' || i % 300, i from generate_series(1, $1) i", rows)
	c := polling()
	c.Every, c.Key, c.Workers = 5*time.Second, "customer", 8
	a := d.open(nil)
	src := a.source("poll orders", c)
	began := time.Now()
	stop := running(t, src, func(_ context.Context, m *hub.Message) error {
		if n := d.text("select count(*) from hub_claims"); m.Headers != nil && len(n) > 2 {
			t.Errorf("%s claims", n)
		}
		return nil
	})
	until(t, "not all rows are taken", func() bool { return d.text("select count(*) from orders where state = 'taken'") == fmt.Sprint(rows) })
	t.Logf("%d rows in %s", rows, time.Since(began))
	stop()
}

// TestARowOfAnotherHubIsNotBegun: a hub that was stopped for longer than its claims hold, as by SIGSTOP, begins nothing when it goes on.
func TestARowOfAnotherHubIsNotBegun(t *testing.T) {
	d := newDB(t, pollTable)
	src := d.open(nil).source("poll orders", polling())
	r := &run{Source: src, work: t.Context(), turns: make(chan struct{}, 1), handler: hub.HandlerFunc(func(context.Context, *hub.Message) error {
		t.Error("it was begun")
		return nil
	})}
	r.ctx, r.stop = context.WithCancel(t.Context())
	defer r.stop()
	r.taken = 1
	r.hold(time.Now().Add(-src.lease))
	if !r.turn() || r.handle(message("m", `{}`)) {
		t.Error("it counts as taken")
	}
	if len(r.turns) != 0 {
		t.Error("its turn is not given back")
	}
}

// TestOtherIsolation: where sessions see one state for a whole transaction by default, hubs share rows all the same, and sends are applied once.
func TestOtherIsolation(t *testing.T) {
	t.Parallel()
	d := newDB(t, pollTable, "create table copies (id int)")
	d.exec("insert into orders (id, customer, n) select i, 'c' || i % 9, i from generate_series(1, 200) i")
	u := d.url + "&default_transaction_isolation=serializable"
	l := newLedger()
	for _, who := range []string{"a", "b"} {
		c := polling()
		c.Key = "customer"
		a := openAdapter(t, u, nil)
		target := a.target("insert copies")
		running(t, a.source("poll orders", c), func(ctx context.Context, m *hub.Message) error {
			l.begin(who, m)
			body, _ := m.Body.Doc()
			insistently(t, func(ctx context.Context) error {
				return target.Send(ctx, message(m.ID, `{"id": `+body.Get("id").Text()+`}`))
			})
			l.end(m, true)
			return nil
		})
	}
	until(t, "not all rows are taken", func() bool { return d.text("select count(*) from orders where state = 'taken'") == "200" })
	if n := d.text("select count(*) || ' ' || count(distinct id) from copies"); n != "200 200" {
		t.Errorf("rows, different rows: %s", n)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for id, hubs := range l.seen {
		if len(hubs) != 1 {
			t.Errorf("%s was handled by %v", id, hubs)
		}
	}
	if len(l.bad) > 0 {
		t.Error(l.bad)
	}
}
