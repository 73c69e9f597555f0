package examples

import (
	"context"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
)

// kafkaServer is the broker, seen by a client that is not the hub's.
type kafkaServer struct {
	t         testing.TB
	addr      string
	transport *kafka.Transport
	admin     *kafka.Client
}

// newKafka connects, and removes the topics and groups at the end.
func newKafka(t testing.TB, topics, groups []string) *kafkaServer {
	t.Helper()
	k := &kafkaServer{t: t, addr: env("HUB_TEST_KAFKA", "127.0.0.1:19092"), transport: &kafka.Transport{}}
	reachable(t, "Kafka", k.addr)
	k.admin = &kafka.Client{Addr: kafka.TCP(k.addr), Transport: k.transport, Timeout: 20 * time.Second}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if _, err := k.admin.DeleteTopics(ctx, &kafka.DeleteTopicsRequest{Topics: topics}); err != nil {
			t.Error(err)
		}
		if len(groups) > 0 {
			if _, err := k.admin.DeleteGroups(ctx, &kafka.DeleteGroupsRequest{GroupIDs: groups}); err != nil {
				t.Error(err)
			}
		}
		k.transport.CloseIdleConnections()
	})
	return k
}

// create makes topics, as an operator does before hubs read them.
func (k *kafkaServer) create(topics ...string) {
	k.t.Helper()
	var configs []kafka.TopicConfig
	for _, name := range topics {
		configs = append(configs, kafka.TopicConfig{Topic: name, NumPartitions: 4, ReplicationFactor: 1})
	}
	r, err := k.admin.CreateTopics(k.t.Context(), &kafka.CreateTopicsRequest{Topics: configs})
	for _, e := range r.Errors {
		if err == nil {
			err = e
		}
	}
	if err != nil {
		k.t.Fatal(err)
	}
}

// write puts records into a topic.
func (k *kafkaServer) write(topic string, records ...kafka.Message) {
	k.t.Helper()
	w := &kafka.Writer{Addr: kafka.TCP(k.addr), Transport: k.transport, Topic: topic, RequiredAcks: kafka.RequireAll, Balancer: &kafka.Hash{}, BatchTimeout: time.Millisecond}
	defer w.Close()
	ctx, cancel := context.WithTimeout(context.Background(), soon)
	defer cancel()
	for {
		err := w.WriteMessages(ctx, records...)
		if err == nil {
			return
		}
		if ctx.Err() != nil {
			k.t.Fatalf("topic %s: %v", topic, err)
		}
		time.Sleep(100 * time.Millisecond) // the topic is new
	}
}

// behind is how many records of a topic a group has not handled.
func (k *kafkaServer) behind(topic, group string) (n int64) {
	k.t.Helper()
	at, err := k.admin.OffsetFetch(k.t.Context(), &kafka.OffsetFetchRequest{GroupID: group, Topics: map[string][]int{topic: {0, 1, 2, 3}}})
	if err != nil {
		k.t.Fatal(err)
	}
	ends, err := k.admin.ListOffsets(k.t.Context(), &kafka.ListOffsetsRequest{Topics: map[string][]kafka.OffsetRequest{
		topic: {kafka.LastOffsetOf(0), kafka.LastOffsetOf(1), kafka.LastOffsetOf(2), kafka.LastOffsetOf(3)}}})
	if err != nil {
		k.t.Fatal(err)
	}
	for _, p := range ends.Topics[topic] {
		n += p.LastOffset
	}
	for _, p := range at.Topics[topic] {
		n -= max(p.CommittedOffset, 0)
	}
	return n
}

// read waits for so many records of a topic, and gives them partition by partition, each in order.
func (k *kafkaServer) read(topic string, want int) (all []kafka.Message) {
	k.t.Helper()
	for p := range 4 {
		all = append(all, k.partition(topic, p)...)
	}
	for end := time.Now().Add(soon); len(all) < want; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			k.t.Fatalf("topic %s has %d records, want %d", topic, len(all), want)
		}
		all = nil
		for p := range 4 {
			all = append(all, k.partition(topic, p)...)
		}
	}
	return all
}

// partition reads what a partition holds now.
func (k *kafkaServer) partition(topic string, p int) (out []kafka.Message) {
	ctx, cancel := context.WithTimeout(context.Background(), soon)
	defer cancel()
	conn, err := kafka.DialLeader(ctx, "tcp", k.addr, topic, p)
	if err != nil {
		return nil // the topic is new
	}
	defer conn.Close()
	last, err := conn.ReadLastOffset()
	if err != nil || last == 0 {
		return nil
	}
	conn.SetReadDeadline(time.Now().Add(soon))
	for batch := conn.ReadBatch(0, 8<<20); ; {
		m, err := batch.ReadMessage()
		if err == nil {
			out = append(out, m)
		}
		if err != nil || m.Offset == last-1 {
			batch.Close()
			return out
		}
	}
}
