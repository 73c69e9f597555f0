package sql

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"orderhub/hub"
)

// insistently does what the hub does: it tries again until it works.
func insistently(t testing.TB, try func(context.Context) error) {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); ; {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		err := try(ctx)
		cancel()
		if err == nil {
			return
		}
		if !hub.AsError(err).Class.Transient() || time.Now().After(deadline) {
			t.Errorf("given up: %v", err)
			return
		}
		time.Sleep(time.Duration(1+rand.IntN(20)) * time.Millisecond)
	}
}

// nemesis spoils something, again and again until stop, which waits for its end: each time at a random instant, after up to 60 more
// confirmations, so that the work gets on however slow the machine is.
func nemesis(confirmed *atomic.Int64, spoil func()) (stop func(), times *atomic.Int64) {
	end, ended, times := make(chan struct{}), make(chan struct{}), &atomic.Int64{}
	go func() {
		defer close(ended)
		for goal := int64(1); ; {
			select {
			case <-end:
				return
			case <-time.After(time.Duration(rand.IntN(5000)) * time.Microsecond):
			}
			if confirmed.Load() >= goal {
				spoil()
				times.Add(1)
				goal = confirmed.Load() + 1 + rand.Int64N(60)
			}
		}
	}()
	return sync.OnceFunc(func() { close(end); <-ended }), times
}

// sendMany sends n messages from several goroutines, each to an insert and to an operation, until all are confirmed.
func sendMany(t *testing.T, a *opened, n int64, confirmed *atomic.Int64) {
	insert, count := a.target("insert orders"), a.target("exec count")
	var next atomic.Int64
	var group sync.WaitGroup
	for range 16 {
		group.Go(func() {
			for i := next.Add(1); i <= n; i = next.Add(1) {
				m := message(fmt.Sprintf("m%d", i), fmt.Sprintf(`{"id": %d, "account": %d}`, i, i%7))
				for _, target := range []hub.Target{insert, count} {
					insistently(t, func(ctx context.Context) error { return target.Send(ctx, m) })
					confirmed.Add(1)
				}
			}
		})
	}
	group.Wait()
}

const onceTables = `create table orders (n serial, id int not null, account int); create table accounts (id int primary key, n int not null); insert into accounts select i, 0 from generate_series(0, 6) i`

var onceOps = map[string]Op{"count": {Exec: "update accounts set n = n + 1 where id = :account"}}

func checkOnce(t *testing.T, d *db, n int) {
	t.Helper()
	if got := d.text("select count(*) || ' ' || count(distinct id) from orders"); got != fmt.Sprintf("%d %d", n, n) {
		t.Errorf("rows, different rows: %s; %d were sent", got, n)
	}
	if got := d.text("select sum(n) from accounts"); got != fmt.Sprint(n) {
		t.Errorf("counted %s, want %d", got, n)
	}
}

// TestExactlyOnceWhenConnectionsAreCut: 500 messages, each sent to an insert and to an operation, over connections that are cut at random
// instants, also between the server's commit and its answer.
func TestExactlyOnceWhenConnectionsAreCut(t *testing.T) {
	t.Parallel()
	d := newDB(t, onceTables)
	p := newProxy(t, d)
	a := openAdapter(t, p.url, ops(onceOps))
	var confirmed atomic.Int64
	stop, cuts := nemesis(&confirmed, p.cut)
	defer stop()
	sendMany(t, a, 500, &confirmed)
	stop()
	checkOnce(t, d, 500)
	t.Logf("%d cuts", cuts.Load())
	if cuts.Load() < 8 {
		t.Errorf("only %d cuts", cuts.Load())
	}
}

// TestExactlyOnceWhenBackendsAreTerminated: the same while an administrator ends the server's processes of the hub.
func TestExactlyOnceWhenBackendsAreTerminated(t *testing.T) {
	t.Parallel()
	d := newDB(t, onceTables)
	name := "orderhub_" + d.schema
	a := openAdapter(t, d.url+"&application_name="+name, ops(onceOps))
	var confirmed atomic.Int64
	stop, times := nemesis(&confirmed, func() { d.terminate(name) })
	defer stop()
	sendMany(t, a, 250, &confirmed)
	stop()
	checkOnce(t, d, 250)
	if times.Load() < 4 {
		t.Errorf("only %d times", times.Load())
	}
}

// terminate ends the server's processes of an application.
func (d *db) terminate(application string) {
	d.text("select count(pg_terminate_backend(pid)) from pg_stat_activity where application_name = $1 and datname = current_database()", application)
}

// TestLostConfirmation: the server commits, its answer is lost, and the message is sent again.
func TestLostConfirmation(t *testing.T) {
	t.Parallel()
	d := newDB(t, "create table orders (id int)")
	p := newProxy(t, d)
	a := openAdapter(t, p.url, func(c *Config) { c.Timeout = 3 * time.Second })
	noError(t, a.send("insert orders", "m0", `{"id": 0}`)) // all is prepared
	p.mute.Store(true)
	wantTransient(t, a.send("insert orders", "m1", `{"id": 1}`))
	until(t, "the row is not there, though the server was asked to commit", func() bool { return d.text("select count(*) from orders where id = 1") == "1" })
	p.mute.Store(false)
	p.cut()
	insistently(t, func(ctx context.Context) error {
		return a.target("insert orders").Send(ctx, message("m1", `{"id": 1}`))
	})
	if got := d.text("select count(*) from orders where id = 1"); got != "1" {
		t.Errorf("%s rows", got)
	}
}

func wantTransient(t testing.TB, err error) {
	t.Helper()
	if err == nil || !hub.AsError(err).Class.Transient() {
		t.Fatalf("want an error that may pass, got %v", err)
	}
}

// TestSameMessageFromTwoHubs: two hubs send the same messages at the same time.
func TestSameMessageFromTwoHubs(t *testing.T) {
	d := newDB(t, onceTables)
	a, b := d.open(ops(onceOps)), d.open(ops(onceOps))
	var confirmed atomic.Int64
	var group sync.WaitGroup
	for _, o := range []*opened{a, b} {
		group.Go(func() { sendMany(t, o, 200, &confirmed) })
	}
	group.Wait()
	checkOnce(t, d, 200)
}

// TestFaultsStayWithTheirMessage: of messages that share transactions, those at fault alone fail, whatever the fault.
func TestFaultsStayWithTheirMessage(t *testing.T) {
	d := newDB(t, "create table orders (id int primary key, n int check (n < 100), parent int references orders deferrable initially deferred)",
		"insert into orders values (0, 0)")
	a := d.open(nil)
	target := a.target("insert orders")
	const n = 240
	var group sync.WaitGroup
	errs := make([]error, n)
	for i := range n {
		group.Go(func() {
			body := fmt.Sprintf(`{"id": %d, "n": 1}`, i+1)
			switch i % 8 {
			case 1:
				body = `{"id": 0, "n": 1}` // conflict
			case 2:
				body = fmt.Sprintf(`{"id": %d, "n": 100}`, i+1) // constraint
			case 3:
				body = fmt.Sprintf(`{"id": %d, "n": "x"}`, i+1) // no number
			case 4:
				body = fmt.Sprintf(`{"id": %d, "m": 1}`, i+1) // no such column
			case 5:
				body = fmt.Sprintf(`{"id": %d, "parent": 9999}`, i+1) // refused at the commit
			case 6:
				body = `[1]`
			}
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			defer cancel()
			errs[i] = target.Send(ctx, message(fmt.Sprintf("m%d", i), body))
		})
	}
	group.Wait()
	good := 0
	for i, err := range errs {
		switch i % 8 {
		case 1:
			wantClass(t, err, hub.Rejected, "conflict")
		case 2:
			wantClass(t, err, hub.Rejected, "constraint")
		case 3:
			wantClass(t, err, hub.Invalid, "bad_value")
		case 4:
			wantClass(t, err, hub.Rejected, "unknown_column")
		case 5:
			wantClass(t, err, hub.Rejected, "constraint")
		case 6:
			wantClass(t, err, hub.Invalid, "no_object")
		default:
			noError(t, err)
			good++
		}
	}
	if got := d.text("select count(*) from orders where id > 0"); got != fmt.Sprint(good) {
		t.Errorf("%s rows, %d were confirmed", got, good)
	}
	if got := d.text("select count(*) from hub_applied"); got != fmt.Sprint(good) {
		t.Errorf("%s are remembered, %d were confirmed", got, good)
	}
}

// TestManyShareATransaction: what comes while a transaction is committed goes together into the next.
func TestManyShareATransaction(t *testing.T) {
	d := newDB(t, "create table orders (id text, tx bigint default txid_current())")
	a := d.open(nil)
	target := a.target("insert orders")
	var group sync.WaitGroup
	for i := range 400 {
		group.Go(func() {
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			defer cancel()
			noError(t, target.Send(ctx, message(fmt.Sprint(i), fmt.Sprintf(`{"id": "%d"}`, i))))
		})
	}
	group.Wait()
	var txs int
	fmt.Sscan(d.text("select count(distinct tx) from orders"), &txs)
	if txs < 1 || txs > 100 {
		t.Errorf("%d transactions for 400 messages", txs)
	}
}

// TestALockHoldsUpItsRowOnly: a message that waits for a lock neither keeps others from being done, nor makes them fail.
func TestALockHoldsUpItsRowOnly(t *testing.T) {
	t.Parallel()
	d := newDB(t, "create table orders (id int primary key, n int default 0)", "insert into orders select i from generate_series(1, 50) i")
	a := d.open(func(c *Config) {
		c.Ops = map[string]Op{"count": {Exec: "update orders set n = n + 1 where id = :id"}}
		c.Timeout = 3 * time.Second
	})
	ctx := context.Background()
	tx, err := d.pool.Begin(ctx)
	noError(t, err)
	defer tx.Rollback(ctx)
	_, err = tx.Exec(ctx, "select * from orders where id = 7 for update")
	noError(t, err)
	target := a.target("exec count")
	var group sync.WaitGroup
	errs := make([]error, 50)
	for i := range errs {
		group.Go(func() {
			errs[i] = target.Send(ctx, message(fmt.Sprint(i), fmt.Sprintf(`{"id": %d}`, i+1)))
		})
	}
	group.Wait()
	for i, err := range errs {
		if i+1 == 7 {
			if e := hub.AsError(err); e.Reason != "timeout" && e.Reason != reasonLocked { // alone, or with others
				t.Errorf("%v", err)
			}
			continue
		}
		noError(t, err)
	}
	noError(t, tx.Rollback(ctx))
	noError(t, target.Send(ctx, message("6", `{"id": 7}`)))
	if got := d.text("select count(*) from orders where n = 1"); got != "50" {
		t.Errorf("%s rows are counted once", got)
	}
}

// TestDeadlocksAreTriedAgain: who was chosen to give way in a deadlock is done again at once; its sender sees nothing of it.
func TestDeadlocksAreTriedAgain(t *testing.T) {
	d := newDB(t, "create table t (id int primary key, n int default 0)", "insert into t values (1), (2)")
	a := d.open(ops(map[string]Op{"both": {Exec: "with a as (select * from t where id = 1 for update) update t set n = n + 1 where id = 2 and exists (select from a)"}}))
	for name, do := range map[string]func() error{
		"send": func() error { return a.send("exec both", hub.NewID(time.Now()), `{}`) },
		"call": func() error { _, err := a.call("both", `{}`); return err },
	} {
		for try := 1; !d.deadlock(do); try++ {
			if try == 5 {
				t.Fatalf("%s: the server never chose the hub", name)
			}
		}
	}
}

// deadlock makes do, which locks row 1 and then row 2, meet another transaction. false: that one was chosen to give way.
func (d *db) deadlock(do func() error) bool {
	d.t.Helper()
	ctx := context.Background()
	tx, err := d.pool.Begin(ctx)
	noError(d.t, err)
	defer tx.Rollback(ctx)
	_, err = tx.Exec(ctx, "update t set n = n where id = 2")
	noError(d.t, err)
	done := make(chan error, 1)
	go func() { done <- do() }()
	until(d.t, "the operation does not wait for the lock", func() bool {
		return d.text("select count(*) from pg_stat_activity where wait_event_type = 'Lock' and query like '%n = n + 1%' and application_name = 'orderhub db' and datname = current_database()") != "0"
	})
	_, err = tx.Exec(ctx, "update t set n = n where id = 1") // who waits for a second first looks, and gives way: mostly the operation
	if err == nil {
		noError(d.t, tx.Commit(ctx))
	} else {
		tx.Rollback(ctx)
	}
	if told := <-done; told != nil {
		d.t.Errorf("the operation failed: %v", told)
	}
	return err == nil
}

// TestCallsAreAppliedOnce: an exec that is called again with its key changes nothing and gives the same reply.
func TestCallsAreAppliedOnce(t *testing.T) {
	d := newDB(t, "create table accounts (id int primary key, balance numeric)", "insert into accounts values (1, 100.00)")
	a := d.open(ops(map[string]Op{
		"take":  {Exec: "update accounts set balance = balance - :amount where id = :id returning id, balance", One: required},
		"clear": {Exec: "update accounts set balance = 0"},
		"all":   {Exec: "update accounts set balance = 0 returning id", One: oneRow},
	}))
	for range 3 {
		got, err := a.callAs("take", "k1", `{"id": 1, "amount": 12.50}`)
		noError(t, err)
		same(t, got, `{"id": 1, "balance": 87.50}`)
	}
	got, err := a.callAs("take", "k2", `{"id": 1, "amount": 12.50}`)
	noError(t, err)
	same(t, got, `{"id": 1, "balance": 75.00}`)
	_, err = a.callAs("take", "k3", `{"id": 2, "amount": 12.50}`)
	wantClass(t, err, hub.Rejected, "not_found")
	d.exec("insert into accounts values (2, 20)")
	got, err = a.callAs("take", "k3", `{"id": 2, "amount": 12.50}`) // what was refused was not applied
	noError(t, err)
	same(t, got, `{"id": 2, "balance": 7.50}`)
	_, err = a.callAs("all", "k4", `{}`)
	wantClass(t, err, hub.Rejected, "not_one")
	if got := d.text("select sum(balance) from accounts"); got != "82.50" {
		t.Errorf("a refused call changed the balances to %s", got)
	}
	got, err = a.callAs("clear", "k1", `{}`) // another operation has keys of its own
	noError(t, err)
	same(t, got, `{"rows": 2}`)
}

// TestCallsOverCutConnections: as for sends.
func TestCallsOverCutConnections(t *testing.T) {
	t.Parallel()
	d := newDB(t, "create table accounts (id int primary key, n int not null)", "insert into accounts values (1, 0)")
	p := newProxy(t, d)
	a := openAdapter(t, p.url, ops(map[string]Op{"count": {Exec: "update accounts set n = n + 1 where id = :id returning n", One: required}}))
	var confirmed atomic.Int64
	stop, _ := nemesis(&confirmed, p.cut)
	defer stop()
	const n = 200
	replies := map[string]int{}
	var mu sync.Mutex
	var group sync.WaitGroup
	for i := range n {
		group.Go(func() {
			insistently(t, func(context.Context) error {
				got, err := a.callAs("count", fmt.Sprintf("k%d", i), `{"id": 1}`)
				if err == nil {
					mu.Lock()
					replies[got]++
					mu.Unlock()
					confirmed.Add(1)
				}
				return err
			})
		})
	}
	group.Wait()
	stop()
	if got := d.text("select n from accounts"); got != fmt.Sprint(n) || len(replies) != n {
		t.Errorf("counted %s, %d different replies to %d calls", got, len(replies), n)
	}
}

// TestSweep: what was applied long ago is forgotten, the rest is not.
func TestSweep(t *testing.T) {
	d := newDB(t, "create table orders (id int)")
	a := d.open(func(c *Config) { c.Keep = 24 * time.Hour })
	noError(t, a.send("insert orders", "m1", `{"id": 1}`))
	until(t, "the first sweep did not end", func() bool { a.mu.Lock(); defer a.mu.Unlock(); return !a.nextSweep.IsZero() })
	d.exec("insert into hub_applied select 'old', i::text, now() - interval '25 hours' from generate_series(1, 30) i")
	d.exec("insert into hub_applied select 'young', i::text, now() - interval '23 hours' from generate_series(1, 30) i")
	a.mu.Lock()
	a.nextSweep = time.Time{}
	a.mu.Unlock()
	noError(t, a.send("insert orders", "m2", `{"id": 2}`))
	until(t, "what is old is not forgotten", func() bool { return d.text("select count(*) from hub_applied where target = 'old'") == "0" })
	if got := d.text("select count(*) from hub_applied"); got != "32" {
		t.Errorf("%s are remembered", got)
	}
}

// TestLongAndOddIDs: whatever the ID is, it is applied once.
func TestLongAndOddIDs(t *testing.T) {
	d := newDB(t, "create table orders (id int)")
	a := d.open(nil)
	ids := []string{strings.Repeat("x", 5000), strings.Repeat("x", 5001), "a\x00b", "\xff\xfe", `'";\{},NULL`, "NULL", "{}", " ", "ž/1"}
	for range 2 {
		for _, id := range ids {
			noError(t, a.send("insert orders", id, `{"id": 1}`))
		}
	}
	if got := d.text("select count(*) from orders"); got != fmt.Sprint(len(ids)) {
		t.Errorf("%s rows for %d messages", got, len(ids))
	}
}
