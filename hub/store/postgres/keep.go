package postgres

import (
	"context"
	"fmt"
	"hash/crc32"
	"maps"
	"orderhub/hub/store/core"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	pollEvery  = time.Second           // what no notification told
	tellEvery  = 50 * time.Millisecond // a NOTIFY takes a lock that all databases of the server share
	tellQueues = 500                   // in one NOTIFY, whose text is bounded
)

// keep is the goroutine that keeps this hub's leases, tells other hubs what is
// new for them, and looks for what it was not told.
func (s *Store) keep() {
	renew, poll := time.NewTicker(s.o.Lease/3), time.NewTicker(min(pollEvery, s.o.Lease/3))
	defer renew.Stop()
	defer poll.Stop()
	kick := s.kick
	var rest <-chan time.Time
	for {
		select {
		case <-s.Drained():
			return
		case <-renew.C:
			s.renew()
		case <-poll.C:
			s.handOver()
			s.poll()
			s.count()
		case <-kick:
			s.handOver()
			_ = s.notify() // heard has told; the other hubs poll
			kick, rest = nil, time.After(tellEvery)
		case <-rest:
			kick, rest = s.kick, nil
		}
	}
}

// tend does what the keeper has to do with the database. It is not tried again: the next time comes soon.
func (s *Store) tend(f func(ctx context.Context, c *pgx.Conn) error) error {
	err := s.keeper.do(s.o.Lease/3, f)
	switch {
	case broken(err):
		s.Fail(err)
	case err != nil && !away(err):
		s.o.Log.Error("store", "store", s.place, "error", err)
	}
	return err
}

// notify tells the other hubs which queues have new messages, and which are free.
func (s *Store) notify() error {
	s.mu.Lock()
	var words []string
	for kind, ids := range map[string]map[int64]bool{"p": s.tell, "f": s.freed} {
		for _, id := range slices.Sorted(maps.Keys(ids)) {
			words = append(words, kind+strconv.FormatInt(id, 10))
		}
		clear(ids)
	}
	s.mu.Unlock()
	for len(words) > 0 {
		part := words[:min(len(words), tellQueues)]
		words = words[len(part):]
		err := s.tend(func(ctx context.Context, c *pgx.Conn) error {
			_, err := c.Exec(ctx, "SELECT pg_notify($1, $2)", s.channel(), fmt.Sprintf("%d %s", s.id, strings.Join(part, " ")))
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// channel is the same for all hubs of the store.
func (s *Store) channel() string {
	return fmt.Sprintf("hub_%08x", crc32.ChecksumIEEE([]byte(s.schema)))
}

// listen is the goroutine that hears the other hubs. It has its own connection.
func (s *Store) listen() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		select {
		case <-s.Drained():
			cancel()
		case <-ctx.Done():
		}
	}()
	for try := 1; ctx.Err() == nil; try++ {
		if c, err := s.connect(ctx); err == nil {
			try = 1
			_ = s.hear(ctx, c) // the poll finds what is missed
			_ = closeConn(c)
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause(try)):
		}
	}
}

func (s *Store) hear(ctx context.Context, c *pgx.Conn) error {
	if _, err := c.Exec(ctx, "LISTEN "+s.channel()); err != nil {
		return err
	}
	for {
		wait, cancel := context.WithTimeout(ctx, 30*time.Second)
		n, err := c.WaitForNotification(wait)
		cancel()
		switch {
		case err == nil:
			s.told(n.Payload)
		case ctx.Err() != nil || c.IsClosed():
			return err
		default: // quiet: is the far end there?
			wait, cancel := context.WithTimeout(ctx, s.o.Patience)
			err := c.Ping(wait)
			cancel()
			if err != nil {
				return err
			}
		}
	}
}

// told takes in what another hub notified.
func (s *Store) told(text string) {
	words := strings.Fields(text)
	if len(words) < 2 || words[0] == strconv.FormatInt(s.id, 10) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, w := range words[1:] {
		id, _ := strconv.ParseInt(w[1:], 10, 64)
		q := s.byID[id]
		switch {
		case q == nil:
		case w[0] == 'f' && q.epoch == 0:
			q.other = time.Time{}
			s.wake(q.Name)
		case w[0] == 'p' && q.epoch != 0:
			q.look = true
			s.wake(q.Name)
		}
	}
}

const sqlPoll = `SELECT q.ID, EXISTS(SELECT 1 FROM messages WHERE queue=q.ID AND state=1),
	coalesce((SELECT due FROM messages WHERE queue=q.ID AND state=2 ORDER BY due LIMIT 1), 0) FROM unnest($1::bigint[]) q(id)`

// poll looks for messages in the queues of this hub that it was not told of.
func (s *Store) poll() {
	ids := slices.Collect(maps.Keys(s.owned()))
	if len(ids) == 0 {
		return
	}
	_ = s.tend(func(ctx context.Context, c *pgx.Conn) error {
		return ask(ctx, c, func(r core.Row) {
			s.mu.Lock()
			defer s.mu.Unlock()
			q, ready := s.byID[r.Int(0)], r[1] == true
			known := q.Due
			if q.hint(core.TimeOf(r.Int(2))); ready || !q.Due.Equal(known) {
				q.look = q.look || ready
				s.wake(q.Name)
			}
		}, sqlPoll, ids)
	})
	s.mu.Lock()
	var heal []*queue
	for _, q := range s.byID {
		if q.epoch != 0 && len(q.kept) > 0 {
			heal = append(heal, q)
		}
	}
	s.mu.Unlock()
	for _, q := range heal {
		s.heal(q)
	}
}

// heal makes messages ready that Claim held, or another hub, once no retry of
// their key waits. The runtime takes most of them up itself, when the retry is over:
// a key of which anything is claimed is left to it, so that all messages of a key become ready at once.
func (s *Store) heal(q *queue) {
	if !q.Serial.TryLock() { // a Claim may be holding messages just now
		return
	}
	defer q.Serial.Unlock()
	s.mu.Lock()
	epoch, busy := q.epoch, map[string]bool{}
	for _, c := range q.Claims {
		busy[c.D.Msg.Key] = true
	}
	var keys [][]byte
	for k := range q.kept {
		if !busy[k] {
			keys = append(keys, []byte(k))
		}
	}
	s.mu.Unlock()
	if len(keys) == 0 {
		return
	}
	var free [][]byte
	err := s.tend(func(ctx context.Context, c *pgx.Conn) error {
		err := ask(ctx, c, func(r core.Row) { free = append(free, r.Bytes(0)) }, "SELECT k.key FROM unnest($2::bytea[]) k(key)"+
			" WHERE NOT EXISTS(SELECT 1 FROM messages w WHERE w.queue=$1 AND w.key=k.key AND "+retrying+")", q.ID, keys)
		if err != nil || len(free) == 0 {
			return err
		}
		_, err = c.Exec(ctx, `UPDATE messages SET state=1 WHERE queue=$1 AND state=3 AND key=ANY($2)
			AND EXISTS(SELECT 1 FROM queues WHERE id=$1 AND owner=$3 AND epoch=$4)`, q.ID, free, s.id, epoch)
		return err
	})
	if err != nil || len(free) == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, k := range free {
		delete(q.kept, string(k))
		q.ends(string(k))
	}
	q.look = true
	s.wake(q.Name)
}

// count counts the messages of the queue that was not counted for longest, if
// counting costs little against the time since then.
func (s *Store) count() {
	var q *queue
	s.mu.Lock()
	for _, o := range s.byID {
		if q == nil || o.counted.Before(q.counted) {
			q = o
		}
	}
	s.mu.Unlock()
	if q == nil || time.Since(q.counted) < 5*time.Second {
		return
	}
	begun, n := time.Now(), 0
	err := s.tend(func(ctx context.Context, c *pgx.Conn) error {
		return c.QueryRow(ctx, sqlDepth, q.ID, s.o.QueueLimit+1).Scan(&n)
	})
	s.mu.Lock()
	defer s.mu.Unlock()
	if q.counted = time.Now().Add(100 * time.Since(begun)); err == nil {
		q.depth = n
	}
}
