package rabbittest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"orderhub/hub"
	"orderhub/hub/hubtest"
)

// slow handles what comes, one message after another of a key, and notes when each was begun.
type slow struct {
	mu   sync.Mutex
	ran  []string
	work func(ctx context.Context, m *hub.Message) error
}

func (s *slow) Handle(ctx context.Context, m *hub.Message) error {
	s.mu.Lock()
	s.ran = append(s.ran, m.ID)
	s.mu.Unlock()
	return s.work(ctx, m)
}

func (s *slow) all() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.ran)
}

// Reader opens a source of a queue. It takes a delivery for lost when it is not acknowledged within timeout.
type Reader func(queue string, timeout time.Duration) hub.Source

// ConsumerTimeout checks what becomes of deliveries that stay with a source for long: what is with it for longer than the server
// allows is told by its own reason, and what the hub knows of the server's time never is. header is the one whose value is the
// key of a message. open is told of a server of the test's own, by its addresses.
func ConsumerTimeout(t *testing.T, header string, open func(byAMQP, byStomp string) Reader) {
	byAMQP, byStomp := shortServer(t)
	source := open(byAMQP, byStomp)
	cases := map[string]func(t *testing.T, q *lineOf){
		"reason": func(t *testing.T, q *lineOf) {
			q.fill(t, 1)
			release := make(chan struct{})
			h := &slow{work: func(context.Context, *hub.Message) error { <-release; return nil }}
			ended := make(chan error, 1)
			limit, end := context.WithTimeout(t.Context(), 20*time.Second)
			defer end()
			go func() { ended <- source(q.name, 30*time.Minute).Run(limit, h) }()
			hubtest.Until(t, "it was not begun", func() bool { return len(h.all()) == 1 })
			hubtest.Until(t, "the server did not take it back", func() bool { return q.depth(t) == 1 })
			close(release)
			err := <-ended
			if e := hub.AsError(err); e.Class != hub.Unavailable || e.Reason != "consumer_timeout" || strings.Contains(err.Error(), "arguments") {
				t.Errorf("%s %s: %v", e.Class, e.Reason, err)
			}
		},
		"long line": func(t *testing.T, q *lineOf) { // 9 messages of a key, each 1 s: the last would be with us for 9 s
			q.fill(t, 9)
			var done atomic.Int64
			h := &slow{work: func(context.Context, *hub.Message) error { time.Sleep(time.Second); done.Add(1); return nil }}
			ctx, stop := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			go func() { ended <- source(q.name, 6*time.Second).Run(ctx, h) }()
			hubtest.Until(t, "not all were handled", func() bool { return done.Load() >= 9 })
			stop()
			if err := <-ended; err != nil {
				t.Errorf("the connection was lost: %v", err)
			}
			if got := h.all(); fmt.Sprint(got) != "[m00 m01 m02 m03 m04 m05 m06 m07 m08]" {
				t.Errorf("handled %v", got)
			}
			if n := q.depth(t); n != 0 {
				t.Errorf("%d are left", n)
			}
		},
		"long run": func(t *testing.T, q *lineOf) { // it is ended, and the hub takes the message over
			q.fill(t, 1)
			var why error
			h := &slow{work: func(ctx context.Context, _ *hub.Message) error { <-ctx.Done(); why = ctx.Err(); return nil }}
			ctx, stop := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			began := time.Now()
			go func() { ended <- source(q.name, 6*time.Second).Run(ctx, h) }()
			hubtest.Until(t, "it was not begun", func() bool { return len(h.all()) == 1 })
			time.Sleep(7 * time.Second) // the server's time is over
			stop()
			if err := <-ended; err != nil || !errors.Is(why, context.DeadlineExceeded) || len(h.all()) != 1 {
				t.Errorf("%v, %v, begun %v after %s", err, why, h.all(), time.Since(began))
			}
		},
	}
	var group sync.WaitGroup
	for name, run := range cases { // side by side: all they do is wait
		group.Go(func() {
			t.Run(name, func(t *testing.T) { run(t, newLine(t, byAMQP, strings.ReplaceAll(name, " ", "_"), header)) })
		})
	}
	group.Wait()
}

// lineOf is a queue of messages of one key.
type lineOf struct {
	name   string
	header string // that has the key
	ch     *amqp.Channel
}

func newLine(t *testing.T, url, name, header string) *lineOf {
	t.Helper()
	conn, err := amqp.Dial(url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	ch, err := conn.Channel()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ch.QueueDeclare(name, true, false, false, false, nil); err != nil {
		t.Fatal(err)
	}
	return &lineOf{name, header, ch}
}

func (q *lineOf) fill(t *testing.T, n int) {
	t.Helper()
	for i := range n {
		err := q.ch.PublishWithContext(t.Context(), "", q.name, false, false,
			amqp.Publishing{MessageId: fmt.Sprintf("m%02d", i), DeliveryMode: 2, Headers: amqp.Table{q.header: "c"}})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// depth is how many messages are ready.
func (q *lineOf) depth(t *testing.T) int {
	t.Helper()
	info, err := q.ch.QueueDeclarePassive(q.name, true, false, false, false, nil)
	if err != nil {
		t.Fatal(err)
	}
	return info.Messages
}
