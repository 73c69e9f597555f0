package kafka

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	kafka "github.com/segmentio/kafka-go"
	"go.uber.org/goleak"

	"orderhub/hub"
	"orderhub/hub/hubtest"
	"orderhub/hub/units"
)

// TestMain lets more tests run side by side than there are cores: those that call t.Parallel wait most of the time, for sessions that end, for
// programs that start.
func TestMain(m *testing.M) {
	_ = flag.Set("test.parallel", "8")
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		endBroker()
		os.Exit(code)
	}))
}

// needKafka is the address of the real server. Without one the test is skipped, or fails when HUB_TEST_SERVERS=1 says that there must be one.
func needKafka(t testing.TB) string {
	t.Helper()
	addr := os.Getenv("HUB_TEST_KAFKA")
	if addr == "" {
		addr = "127.0.0.1:19092"
	}
	conn, err := net.DialTimeout("tcp", addr, time.Second)
	if err == nil {
		conn.Close()
		return addr
	}
	if os.Getenv("HUB_TEST_SERVERS") == "1" {
		t.Fatalf("no Kafka at %s: %v", addr, err)
	}
	t.Skipf("no Kafka at %s (HUB_TEST_KAFKA says where)", addr)
	return ""
}

// server is the real Kafka, seen by an administrator.
type server struct {
	t      testing.TB
	addr   string
	admin  *kafka.Client
	writer *kafka.Writer
	log    hubtest.Log
}

func newServer(t testing.TB) *server {
	t.Helper()
	return serverAt(t, needKafka(t))
}

func serverAt(t testing.TB, addr string) *server {
	transport := &kafka.Transport{MetadataTTL: 200 * time.Millisecond}
	s := &server{t: t, addr: addr, admin: &kafka.Client{Addr: kafka.TCP(addr), Transport: transport, Timeout: 20 * time.Second}}
	s.writer = &kafka.Writer{Addr: kafka.TCP(addr), Transport: transport, RequiredAcks: kafka.RequireAll, Balancer: &kafka.Hash{}, BatchTimeout: time.Millisecond}
	t.Cleanup(func() {
		s.writer.Close()
		transport.CloseIdleConnections()
	})
	return s
}

var topics struct {
	sync.Mutex
	n int
}

// topicName is a name that no other test has.
func topicName() string {
	topics.Lock()
	defer topics.Unlock()
	topics.n++
	return fmt.Sprintf("hubtest.%d.%d.%d", os.Getpid(), time.Now().UnixMilli(), topics.n)
}

// topic makes a topic that goes with the test.
func (s *server) topic(partitions int, settings ...kafka.ConfigEntry) string {
	s.t.Helper()
	name := topicName()
	s.create(name, partitions, settings...)
	s.drop(name)
	return name
}

func (s *server) create(name string, partitions int, settings ...kafka.ConfigEntry) {
	s.t.Helper()
	hubtest.Until(s.t, "topic can't be created", func() bool {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		r, err := s.admin.CreateTopics(ctx, &kafka.CreateTopicsRequest{Topics: []kafka.TopicConfig{
			{Topic: name, NumPartitions: partitions, ReplicationFactor: 1, ConfigEntries: settings},
		}})
		return err == nil && r.Errors[name] == nil
	})
}

// drop deletes a topic at the end of the test.
func (s *server) drop(name string) { s.t.Cleanup(func() { s.delete(name) }) }

func (s *server) delete(name string) {
	s.t.Helper()
	if _, err := s.admin.DeleteTopics(context.Background(), &kafka.DeleteTopicsRequest{Topics: []string{name}}); err != nil {
		s.t.Log("delete", name, err)
	}
}

func (s *server) put(topic string, msgs ...kafka.Message) {
	s.t.Helper()
	for i := range msgs {
		msgs[i].Topic = topic
	}
	hubtest.Until(s.t, "records can't be written", func() bool { return s.writer.WriteMessages(context.Background(), msgs...) == nil })
}

// committed is the group's position in each partition, -1: none.
func (s *server) committed(group, topic string, partitions int) (out []int64) {
	s.t.Helper()
	ids := make([]int, partitions)
	for i := range ids {
		ids[i] = i
	}
	r, err := s.admin.OffsetFetch(context.Background(), &kafka.OffsetFetchRequest{GroupID: group, Topics: map[string][]int{topic: ids}})
	out = make([]int64, partitions)
	if err != nil || r.Error != nil {
		for i := range out {
			out[i] = -1
		}
		return out
	}
	for _, p := range r.Topics[topic] {
		out[p.Partition] = p.CommittedOffset
	}
	return out
}

// read are all records of a topic, partition after partition.
func (s *server) read(topic string, partitions int) (out []kafka.Message) {
	s.t.Helper()
	for p := range partitions {
		var at, end int64
		hubtest.Until(s.t, "no offsets of "+topic, func() bool { // the client hears of a new topic a little later
			r, err := s.admin.ListOffsets(context.Background(), &kafka.ListOffsetsRequest{Topics: map[string][]kafka.OffsetRequest{
				topic: {kafka.FirstOffsetOf(p), kafka.LastOffsetOf(p)}}})
			if err != nil || len(r.Topics[topic]) != 1 || r.Topics[topic][0].Error != nil {
				return false
			}
			at, end = r.Topics[topic][0].FirstOffset, r.Topics[topic][0].LastOffset
			return true
		})
		for at < end {
			var f *kafka.FetchResponse
			hubtest.Until(s.t, "no records of "+topic, func() bool {
				var err error
				f, err = s.admin.Fetch(context.Background(), &kafka.FetchRequest{Topic: topic, Partition: p, Offset: at, MinBytes: 1, MaxBytes: 8 << 20, MaxWait: time.Second})
				return err == nil && f.Error == nil
			})
			for {
				rec, err := f.Records.ReadRecord()
				if err == io.EOF {
					break
				}
				if err != nil {
					s.t.Fatal(err)
				}
				key, _ := whole(rec.Key)
				value, _ := whole(rec.Value)
				if rec.Offset >= at {
					out = append(out, kafka.Message{Partition: p, Offset: rec.Offset, Key: key, Value: value, Headers: rec.Headers, Time: rec.Time})
					at = rec.Offset + 1
				}
			}
		}
	}
	return out
}

// adapter opens the adapter.
func (s *server) adapter(change func(*Config)) *Adapter {
	s.t.Helper()
	cfg := defaultConfig()
	cfg.Brokers = []string{s.addr}
	cfg.Timeout = 5 * time.Second
	if change != nil {
		change(cfg)
	}
	env := &hub.Env{Name: "kafka", Hub: "hubtest", Log: slog.New(slog.NewTextHandler(&s.log, &slog.HandlerOptions{Level: slog.LevelDebug})), Clock: hub.RealClock{}}
	a, err := definition().New(cfg, env)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { a.Close(context.Background()) })
	return a
}

var quickTimes = times{
	heartbeat: 100 * time.Millisecond, session: 6 * time.Second, rebalance: 10 * time.Second, drain: 5 * time.Second,
	commit: 20 * time.Millisecond, watch: 100 * time.Millisecond, leave: 2 * time.Second,
}

func (s *server) source(a *Adapter, arg, group string, change func(*SourceConfig)) *Source {
	s.t.Helper()
	cfg := defaultSource()
	cfg.Group = group
	if change != nil {
		change(cfg)
	}
	src, err := a.OpenSource(arg, cfg)
	if err != nil {
		s.t.Fatal(err)
	}
	return s.quick(src)
}

// quick is a source that does in a test's time what it does else in seconds.
func (s *server) quick(src hub.Source) *Source {
	out := src.(*Source)
	out.times, out.cfg.MaxWait = quickTimes, 50*time.Millisecond
	s.dropGroup(out.group)
	return out
}

// dropGroup deletes a group at the end of the test.
func (s *server) dropGroup(name string) {
	if s.admin != nil {
		s.t.Cleanup(func() {
			s.admin.DeleteGroups(context.Background(), &kafka.DeleteGroupsRequest{GroupIDs: []string{name}})
		})
	}
}

// carry makes the source of a channel for a reader of it.
func (s *server) carry(a *Adapter, c hub.Carried, sub hub.Subscription) *Source {
	s.t.Helper()
	src, err := a.CarrySource(c, sub)
	if err != nil {
		s.t.Fatal(err)
	}
	return s.quick(src)
}

// channel makes the target of a channel.
func (s *server) channel(a *Adapter, c hub.Carried) hub.Target {
	s.t.Helper()
	target, err := a.CarryTarget(c)
	if err != nil {
		s.t.Fatal(err)
	}
	return target
}

func (s *server) target(a *Adapter, arg string) hub.Target {
	s.t.Helper()
	target, err := a.OpenTarget(arg)
	if err != nil {
		s.t.Fatal(err)
	}
	return target
}

// start runs a source until the returned stop, which gives Run's result.
func start(t testing.TB, src hub.Source, h hub.HandlerFunc) (stop func() error, done <-chan struct{}) {
	t.Helper()
	return feed(t, src, h)
}

func feed(t testing.TB, src hub.Source, h hub.Handler) (stop func() error, done <-chan struct{}) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	var err error
	go func() {
		if err = src.Run(ctx, h); err != nil {
			t.Logf("Run: %v", err)
		}
		close(ended)
	}()
	stop = func() error {
		cancel()
		select {
		case <-ended:
			return err
		case <-time.After(longEnough):
			t.Fatal("Run did not return")
			return nil
		}
	}
	t.Cleanup(func() { stop() })
	return stop, ended
}

// longEnough is how long a test waits for what must come: it ends one that hangs, and says nothing about speed.
const longEnough = time.Minute

func reason(err error) string {
	if err == nil {
		return "none"
	}
	e := hub.AsError(err)
	return string(e.Class) + " " + e.Reason
}

func defaultConfig() *Config { return units.Defaults[Config]() }

func defaultSource() *SourceConfig { return units.Defaults[SourceConfig]() }
