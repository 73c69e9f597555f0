package stomp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"orderhub/hub"
)

// shortRabbit is a RabbitMQ of the test's own, which takes what is not acknowledged for 6 s for lost. It gives the addresses of AMQP and of STOMP.
func shortRabbit(t *testing.T) (byAMQP, byStomp string) {
	t.Helper()
	const server = "/usr/lib/rabbitmq/bin/rabbitmq-server"
	if _, err := os.Stat(server); err != nil || os.Getenv("HUB_TEST_SERVERS") != "1" {
		t.Skip("it starts a RabbitMQ of its own, with HUB_TEST_SERVERS=1 and " + server)
	}
	var ports []int
	for range 4 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
		l.Close()
	}
	dir := t.TempDir()
	write := func(name, text string) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return file
	}
	cfg := write("advanced.config", fmt.Sprintf(`[{rabbit,[{consumer_timeout,6000},{channel_tick_interval,500},{tcp_listeners,[{"127.0.0.1",%d}]}]},{rabbitmq_stomp,[{tcp_listeners,[{"127.0.0.1",%d}]}]}].`, ports[0], ports[1]))
	names := exec.Command("epmd", "-address", "127.0.0.1", "-port", fmt.Sprint(ports[3])) // else the server starts one that outlives it
	if err := names.Start(); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(server)
	cmd.Env = append(os.Environ(), "HOME="+dir, fmt.Sprintf("RABBITMQ_NODENAME=hubtest%d@localhost", ports[0]), "RABBITMQ_MNESIA_BASE="+filepath.Join(dir, "mnesia"), "RABBITMQ_LOG_BASE="+filepath.Join(dir, "log"),
		"RABBITMQ_ADVANCED_CONFIG_FILE="+cfg, "RABBITMQ_CONFIG_FILE="+filepath.Join(dir, "none"), "RABBITMQ_ENABLED_PLUGINS_FILE="+write("plugins", "[rabbitmq_stomp]."),
		"RABBITMQ_PID_FILE="+filepath.Join(dir, "pid"), fmt.Sprintf("RABBITMQ_DIST_PORT=%d", ports[2]), fmt.Sprintf("ERL_EPMD_PORT=%d", ports[3]))
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		_ = cmd.Wait()
		_ = names.Process.Kill()
		_ = names.Wait()
	})
	address := func(i int) string { return fmt.Sprintf("127.0.0.1:%d", ports[i]) }
	for end := time.Now().Add(2 * time.Minute); ; time.Sleep(100 * time.Millisecond) {
		c, err := net.Dial("tcp", address(1)) // the plugin begins last
		if err == nil {
			c.Close()
			return "amqp://guest:guest@" + address(0) + "/", "stomp://guest:guest@" + address(1)
		}
		if time.Now().After(end) {
			t.Fatal("RabbitMQ does not start")
		}
	}
}

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
	return append([]string(nil), s.ran...)
}

// What stays with us longer than the server allows is told by its own reason; what the hub knows of the server's time never does.
func TestFault_B6_ConsumerTimeout(t *testing.T) {
	t.Parallel()
	byAMQP, byStomp := shortRabbit(t)
	source := func(queue string, timeout time.Duration) hub.Source {
		return openAdapter(t, byStomp, func(c *Config) { c.ConsumerTimeout = timeout }).source("/queue/"+queue, nil)
	}
	cases := map[string]func(t *testing.T, q *lineOf){
		"reason": func(t *testing.T, q *lineOf) {
			q.fill(t, 1)
			release := make(chan struct{})
			h := &slow{work: func(context.Context, *hub.Message) error { <-release; return nil }}
			ended := make(chan error, 1)
			go func() { ended <- source(q.name, 30*time.Minute).Run(background(t), h) }()
			until(t, "it was not begun", func() bool { return len(h.all()) == 1 })
			until(t, "the server did not take it back", func() bool { return q.depth(t) == 1 })
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
			until(t, "not all were handled", func() bool { return done.Load() >= 9 })
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
			until(t, "it was not begun", func() bool { return len(h.all()) == 1 })
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
			t.Run(name, func(t *testing.T) { run(t, newLine(t, byAMQP, strings.ReplaceAll(name, " ", "_"))) })
		})
	}
	group.Wait()
}

// lineOf is a queue of messages of one key.
type lineOf struct {
	name string
	ch   *amqp.Channel
}

func newLine(t *testing.T, url, name string) *lineOf {
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
	return &lineOf{name, ch}
}

func (q *lineOf) fill(t *testing.T, n int) {
	t.Helper()
	for i := range n {
		err := q.ch.PublishWithContext(t.Context(), "", q.name, false, false,
			amqp.Publishing{MessageId: fmt.Sprintf("m%02d", i), DeliveryMode: 2, Headers: amqp.Table{headerKey: "c"}})
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
