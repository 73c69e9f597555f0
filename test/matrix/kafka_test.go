package matrix

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"testing"
	"time"

	kafka "github.com/segmentio/kafka-go"
)

const partitions = 4

// topic makes a topic at the test's own Kafka.
func topic(t testing.TB, b *broker, name string) {
	t.Helper()
	admin := &kafka.Client{Addr: kafka.TCP(b.direct), Transport: b.transport, Timeout: 20 * time.Second}
	var err error
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		var r *kafka.CreateTopicsResponse
		r, err = admin.CreateTopics(t.Context(), &kafka.CreateTopicsRequest{Topics: []kafka.TopicConfig{{Topic: name, NumPartitions: partitions, ReplicationFactor: 1}}})
		if err == nil && r.Errors[name] == nil {
			return
		}
		if err == nil {
			err = r.Errors[name]
		}
	}
	t.Fatalf("topic %s: %v", name, err)
}

func kafkaSource(t testing.TB, c *cell) source {
	b := kafkaOfAll.get(t)
	name := c.name + ".in"
	topic(t, b, name)
	l := b.link(t)
	w := &kafka.Writer{Addr: kafka.TCP(b.direct), Transport: b.transport, Topic: name, RequiredAcks: kafka.RequireAll, Balancer: &kafka.Hash{}, BatchTimeout: time.Millisecond}
	t.Cleanup(func() { w.Close() })
	put := func(ctx context.Context, ids []string) error {
		ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
		defer cancel()
		msgs := []kafka.Message{}
		for _, id := range ids {
			msgs = append(msgs, kafka.Message{Key: []byte(id), Value: body(id)})
		}
		return w.WriteMessages(ctx, msgs...)
	}
	return source{adapter: fmt.Sprintf("{type: kafka, brokers: %q}", l.addr), from: fmt.Sprintf("{in: topic %s, group: %s}", name, name), link: l, put: put}
}

func kafkaTarget(t testing.TB, c *cell) target {
	b := kafkaOfAll.get(t)
	name := c.name + ".out"
	topic(t, b, name)
	l := b.link(t)
	arrived := newTally()
	var readers sync.WaitGroup
	t.Cleanup(readers.Wait)
	for p := range partitions {
		readers.Go(func() {
			r := kafka.NewReader(kafka.ReaderConfig{Brokers: []string{b.direct}, Topic: name, Partition: p, MaxWait: 100 * time.Millisecond})
			defer r.Close()
			for t.Context().Err() == nil {
				record, err := r.ReadMessage(t.Context())
				if err != nil {
					continue
				}
				var m struct{ ID string }
				if err := json.Unmarshal(record.Value, &m); err != nil {
					t.Errorf("%s is not whole: %v", record.Value, err)
				}
				arrived.add(m.ID, false)
			}
		})
	}
	return target{adapter: fmt.Sprintf("{type: kafka, brokers: %q}", l.addr), step: fmt.Sprintf("send: {out: topic %s, key: =body.id}", name), link: l, count: arrived.count}
}
