package system

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
	kafka "github.com/segmentio/kafka-go"

	"orderhub/hub"
	"orderhub/hub/hubtest"
	"orderhub/stub"
)

// note is what goes through a line: number Seq of its key.
type note struct {
	Key string    `json:"key"`
	Seq int       `json:"seq"`
	At  time.Time `json:"at"`
}

func (n note) JSON() []byte { b, _ := json.Marshal(n); return b } // two texts and a number always can

// line is a broker with a place to put notes in, and one where they arrive.
type line struct {
	adapter, from, send string // of the configuration
	put                 func(...note)
	arrive              func(func(note)) // reads until the test ends
}

func kafkaLine(t *testing.T) *line {
	addr, run := needKafka(t), strings.ToLower(hub.NewID(time.Now()))
	in, out := "line.in."+run, "line.out."+run
	topics(t, addr, 4, in, out)
	w := &kafka.Writer{Addr: kafka.TCP(addr), Topic: in, RequiredAcks: kafka.RequireAll, Balancer: &kafka.Hash{}, BatchSize: 1000, BatchTimeout: 2 * time.Millisecond,
		Transport: &kafka.Transport{}} // the library's common one would remember that the topics were not there
	t.Cleanup(func() {
		w.Close()
		w.Transport.(*kafka.Transport).CloseIdleConnections()
	})
	return &line{
		adapter: fmt.Sprintf("broker: {type: kafka, brokers: %q}", addr),
		from:    fmt.Sprintf("{broker: topic %s, group: %s}", in, run),
		send:    fmt.Sprintf("{broker: topic %s}", out),
		put: func(notes ...note) {
			var ms []kafka.Message
			for _, n := range notes {
				ms = append(ms, kafka.Message{Key: []byte(n.Key), Value: n.JSON()})
			}
			if err := w.WriteMessages(t.Context(), ms...); err != nil {
				t.Error(err)
			}
		},
		arrive: func(f func(note)) {
			for p := range 4 {
				r := kafka.NewReader(kafka.ReaderConfig{Brokers: []string{addr}, Topic: out, Partition: p, MinBytes: 1, MaxBytes: 1 << 20, MaxWait: 100 * time.Millisecond})
				go func() {
					defer r.Close()
					for {
						m, err := r.ReadMessage(t.Context())
						if err != nil {
							return
						}
						f(parse(t, m.Value))
					}
				}()
			}
		},
	}
}

func rabbitLine(t *testing.T) *line {
	url, run := needRabbit(t), strings.ToLower(hub.NewID(time.Now()))
	in, out := "line.in."+run, "line.out."+run
	conn, err := amqp.Dial(url)
	if err != nil {
		t.Fatal(err)
	}
	ch := make([]*amqp.Channel, 2)
	for i := range ch {
		if ch[i], err = conn.Channel(); err != nil {
			t.Fatal(err)
		}
	}
	for _, q := range []string{in, out} {
		if _, err := ch[0].QueueDeclare(q, true, false, false, false, nil); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		conn.Close()
		if conn, err = amqp.Dial(url); err == nil { // the channel may have been lost with the test
			defer conn.Close()
			ch, _ := conn.Channel()
			_, _ = ch.QueueDelete(in, false, false, false)
			_, _ = ch.QueueDelete(out, false, false, false)
		}
	})
	return &line{
		adapter: fmt.Sprintf("broker: {type: amqp, url: %q}", url),
		from:    fmt.Sprintf("{broker: queue %s, key: k}", in),
		send:    fmt.Sprintf("{broker: queue %s}", out),
		put: func(notes ...note) {
			for _, n := range notes {
				err := ch[0].PublishWithContext(t.Context(), "", in, false, false, amqp.Publishing{DeliveryMode: 2,
					MessageId: fmt.Sprintf("%s-%d", n.Key, n.Seq), Headers: amqp.Table{"k": n.Key}, Body: n.JSON()})
				if err != nil {
					t.Error(err)
				}
			}
		},
		arrive: func(f func(note)) {
			got, err := ch[1].Consume(out, "", true, false, false, false, nil)
			if err != nil {
				t.Fatal(err)
			}
			go func() {
				for d := range got {
					f(parse(t, d.Body))
				}
			}()
		},
	}
}

func parse(t *testing.T, b []byte) (n note) {
	if err := json.Unmarshal(b, &n); err != nil {
		t.Errorf("%q: %v", b, err)
	}
	return n
}

// partner answers the hub's calls; fails says which of them fail.
func partner(t *testing.T, fails func(n note, try int) bool) string {
	var mu sync.Mutex
	tries := map[string]int{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodHead { // the hub asks whether the partner is there again
			return
		}
		var n note
		if err := json.NewDecoder(r.Body).Decode(&n); err != nil {
			t.Error(err)
		}
		id := fmt.Sprint(n.Key, "-", n.Seq)
		mu.Lock()
		tries[id]++
		try := tries[id]
		mu.Unlock()
		if fails(n, try) {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{}`)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// lineSite is a hub that carries a line's notes, asking a partner about each.
func lineSite(t *testing.T, l *line, partner string) *site {
	s := newSite(t, "", stub.Options{})
	s.config = filepath.Join(s.dir, "line.yaml")
	text := fmt.Sprintf(`hub: {name: line, store: "${HUB_STORE}"}
retries: {soon: {times: 1000, wait: 20ms..200ms}}
adapters:
  web: {type: http-server, listen: "${HUB_LISTEN}"}
  %s
  far: {type: http-client, url: %q, ops: {check: POST /check}}
pipelines:
  ping: {from: {web: GET /ping}, steps: [{reply: 200}]}
  line:
    from: %s
    steps:
      - {call: far.check, as: checked, retry: soon}
      - send: %s
`, l.adapter, partner, l.from, l.send)
	if err := os.WriteFile(s.config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return s
}

// Order per key through a broker, the hub, and the broker again: a share of
// the notes fails at first, and the hub is killed again and again.
func TestOrderPerKey(t *testing.T) {
	t.Parallel() // it mostly waits until Kafka takes the killed hub for dead
	keys, each, kills := times("HUB_TEST_KEYS", 100), times("HUB_TEST_EACH", 30), times("HUB_TEST_ORDER_KILLS", 2)
	for name, make := range map[string]func(*testing.T) *line{"kafka": kafkaLine, "rabbitmq": rabbitLine} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := make(t)
			s := lineSite(t, l, partner(t, func(n note, try int) bool { return try == 1 && hash(n)%20 == 0 }))
			var mu sync.Mutex
			next := map[string]int{}
			var arrived, inversions, doubled atomic.Int64
			l.arrive(func(n note) {
				mu.Lock()
				defer mu.Unlock()
				switch {
				case n.Seq < next[n.Key]:
					doubled.Add(1)
					return
				case n.Seq > next[n.Key]:
					inversions.Add(1)
				}
				next[n.Key] = n.Seq + 1
				arrived.Add(1)
			})
			s.start()
			began := time.Now()
			go func() {
				for seq := range each {
					var notes []note
					for k := range keys {
						notes = append(notes, note{Key: fmt.Sprint("k", k), Seq: seq})
					}
					l.put(notes...)
				}
			}()
			total := int64(keys * each)
			for i := range kills {
				mark := total * int64(i+1) / int64(kills+2)
				await(t, 5*time.Minute, fmt.Sprintf("%d notes arrive", mark), func() bool { return arrived.Load() >= mark })
				s.kill()
				s.start()
			}
			await(t, 5*time.Minute, "all notes arrive", func() bool { return arrived.Load()+inversions.Load() >= total })
			t.Logf("%d keys x %d notes, %d kills: %d arrived, %d inversions, %d came twice, %s", keys, each, kills, arrived.Load(), inversions.Load(), doubled.Load(), time.Since(began).Round(time.Millisecond))
			if inversions.Load() > 0 || arrived.Load() != total {
				t.Errorf("%d of %d arrived, %d inversions\n%s", arrived.Load(), total, inversions.Load(), s.report())
			}
			s.stop()
		})
	}
}

func hash(n note) int {
	h := 17
	for _, c := range n.Key {
		h = h*31 + int(c)
	}
	return (h*31 + n.Seq*7) & 0xffff
}

// A key whose notes fail delays no other key.
func TestBlockedKeyDelaysNoOther(t *testing.T) {
	for name, make := range map[string]func(*testing.T) *line{"kafka": kafkaLine, "rabbitmq": rabbitLine} {
		t.Run(name, func(t *testing.T) {
			l := make(t)
			var blocked atomic.Bool
			s := lineSite(t, l, partner(t, func(n note, _ int) bool { return n.Key == "blocked" && blocked.Load() }))
			var mu sync.Mutex
			var worst time.Duration
			var others, freed atomic.Int64
			l.arrive(func(n note) {
				if n.Key == "blocked" {
					freed.Add(1)
					return
				}
				mu.Lock()
				worst = max(worst, time.Since(n.At))
				mu.Unlock()
				others.Add(1)
			})
			s.start()
			phase := func(seq, count int, withBlocked bool) time.Duration {
				mu.Lock()
				worst = 0
				mu.Unlock()
				want := others.Load() + int64(count)
				for i := range count {
					if withBlocked {
						l.put(note{Key: "blocked", Seq: seq + i})
					}
					l.put(note{Key: fmt.Sprint("k", i%20), Seq: seq + i, At: time.Now()})
					time.Sleep(5 * time.Millisecond)
				}
				await(t, soon, "the other keys' notes arrive", func() bool { return others.Load() >= want })
				mu.Lock()
				defer mu.Unlock()
				return worst
			}
			phase(0, 50, false) // connections are made
			for try := range 3 {
				seq := 1000 * (try + 1)
				stood := hubtest.Standstill(t)
				free := phase(seq, 100, false)
				blocked.Store(true)
				held := phase(seq+100, 200, true)
				blocked.Store(false)
				await(t, soon, "the blocked key's notes arrive once it is free", func() bool { return freed.Load() >= int64(200*(try+1)) })
				t.Logf("slowest of the others: %s, with a blocked key %s", free.Round(time.Millisecond), held.Round(time.Millisecond))
				if held <= free+100*time.Millisecond+stood() {
					s.stop()
					return
				}
			}
			t.Error("the others wait for the blocked key")
		})
	}
}
