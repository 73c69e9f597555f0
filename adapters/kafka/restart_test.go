package kafka

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	kafka "github.com/segmentio/kafka-go"

	"orderhub/hub"
)

// broker is a Kafka of the test's own, on a port of its own. The jars lie in the folder that HUB_TEST_KAFKA_LIB names.
type broker struct {
	t        testing.TB
	dir, lib string
	addr     string
	process  *exec.Cmd
}

func newBroker(t testing.TB) *broker {
	if os.Getenv("HUB_TEST_SERVERS") != "1" {
		t.Skip("restarts a Kafka of its own: only with HUB_TEST_SERVERS=1")
	}
	lib := os.Getenv("HUB_TEST_KAFKA_LIB")
	for _, dir := range []string{filepath.Join(os.TempDir(), "peers/kafka/lib"), filepath.Join(os.TempDir(), "kafka-test/lib")} {
		if _, err := os.Stat(dir); err == nil && lib == "" {
			lib = dir
		}
	}
	if lib == "" {
		t.Fatal("no jars of Kafka: HUB_TEST_KAFKA_LIB names their folder")
	}
	b := &broker{t: t, dir: t.TempDir(), lib: lib, addr: "127.0.0.1:19292"}
	settings := strings.NewReplacer("DIR", b.dir, "ADDR", b.addr).Replace(`
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:19293
listeners=PLAINTEXT://ADDR,CONTROLLER://127.0.0.1:19293
advertised.listeners=PLAINTEXT://ADDR
controller.listener.names=CONTROLLER
log.dirs=DIR/data
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
group.initial.rebalance.delay.ms=0
`)
	if err := os.WriteFile(b.file(), []byte(settings), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := b.java("kafka.tools.StorageTool", "format", "-t", "MkU3OEVBNTcwNTJENDM2Qk", "-c", b.file()).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	b.start()
	t.Cleanup(b.kill)
	return b
}

func (b *broker) file() string { return filepath.Join(b.dir, "server.properties") }

func (b *broker) java(args ...string) *exec.Cmd {
	return exec.Command("java", append([]string{"-Xmx384m", "-cp", b.lib + "/*"}, args...)...)
}

func (b *broker) start() {
	b.process = b.java("kafka.Kafka", b.file())
	if err := b.process.Start(); err != nil {
		b.t.Fatal(err)
	}
}

func (b *broker) kill() {
	b.process.Process.Kill()
	b.process.Wait()
}

// TestBrokerRestart kills the broker under load and starts it again: nothing is lost.
func TestBrokerRestart(t *testing.T) {
	b := newBroker(t)
	s := serverAt(t, b.addr)
	from, to := topicName(), topicName()
	s.create(from, 2)
	s.create(to, 2)
	const n = 4000
	var msgs []kafka.Message
	for i := range n {
		msgs = append(msgs, kafka.Message{Key: fmt.Append(nil, i%100), Value: fmt.Append(nil, i)})
	}
	s.put(from, msgs...)
	a := s.adapter(nil)
	target := s.target(a, "topic "+to)
	src := s.source(a, "topic "+from, "g."+from, nil)
	var sent atomic.Int32
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			if err := src.Run(ctx, hub.HandlerFunc(func(ctx context.Context, m *hub.Message) error {
				time.Sleep(20 * time.Millisecond)
				err := target.Send(ctx, m)
				if err == nil {
					sent.Add(1)
				}
				return err
			})); err != nil {
				time.Sleep(200 * time.Millisecond)
			}
		}
	}()
	for _, share := range []int32{n / 4, n / 2} {
		until(t, "the flow stopped", func() bool { return sent.Load() >= share })
		b.kill()
		time.Sleep(2 * time.Second)
		b.start()
	}
	up := time.Now()
	deadline := up.Add(60 * time.Second)
	for total := int64(0); total < n; time.Sleep(50 * time.Millisecond) {
		if total = 0; time.Now().After(deadline) {
			t.Fatal("not drained 60 s after the broker came back")
		}
		for _, at := range s.committed("g."+from, from, 2) {
			total += max(0, at)
		}
	}
	took := time.Since(up)
	cancel()
	<-done
	target.Close()
	values := map[int]bool{}
	for _, m := range s.read(to, 2) {
		i, _ := strconv.Atoi(string(m.Value))
		values[i] = true
	}
	if len(values) != n {
		t.Errorf("%d of %d arrived", len(values), n)
	}
	t.Logf("%d messages, broker killed twice: 0 lost, %d sent in all, drained %s after the last start", n, sent.Load(), took.Round(time.Millisecond))
}
