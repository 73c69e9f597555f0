package examples

import (
	"fmt"
	"math/rand/v2"
	"slices"

	amqp "github.com/rabbitmq/amqp091-go"
	"github.com/segmentio/kafka-go"
)

// bus is the broker that carries the events, seen from outside.
type bus interface {
	// again has all events that were published so far delivered twice more, in any order: as they were, and as new
	// messages that say the same. It tells how many there were, by routing key.
	again() map[string]int
	// settled tells whether the services have taken all that was published.
	settled() bool
}

// rabbitBus hears all events by a queue of its own.
type rabbitBus struct {
	*rabbit
	exchange, ear string
	queues        []string // of the services
}

func (b *rabbitBus) settled() bool {
	for _, name := range b.queues {
		q, err := b.ch.QueueDeclarePassive(name, true, false, false, false, nil)
		if err != nil {
			b.t.Fatal(err)
		}
		if q.Messages > 0 {
			return false
		}
	}
	return true
}

func (b *rabbitBus) again() map[string]int {
	count := map[string]int{}
	var all []amqp.Delivery
	for {
		d, ok, err := b.ch.Get(b.ear, true)
		if err != nil {
			b.t.Fatal(err)
		}
		if !ok {
			break
		}
		count[d.RoutingKey]++
		all = append(all, d, d)
	}
	rand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	seen := map[string]bool{}
	for i, d := range all {
		id := d.MessageId
		if seen[id] {
			id = fmt.Sprintf("again-%d", i)
		}
		seen[id] = true
		b.publish(b.exchange, d.RoutingKey, amqp.Publishing{MessageId: id, CorrelationId: d.CorrelationId, ContentType: d.ContentType, Headers: d.Headers, Body: d.Body, DeliveryMode: amqp.Persistent})
	}
	return count
}

// kafkaBus reads the topic.
type kafkaBus struct {
	*kafkaServer
	topic  string
	groups []string // of the services
}

// settled compares the groups' positions with the ends of the partitions.
func (b *kafkaBus) settled() bool {
	for _, group := range b.groups {
		if b.behind(b.topic, group) > 0 {
			return false
		}
	}
	return true
}

func (b *kafkaBus) again() map[string]int {
	count := map[string]int{}
	var all []kafka.Message
	for i, m := range b.read(b.topic, 0) {
		for _, h := range m.Headers {
			if h.Key == "routing-key" {
				count[string(h.Value)]++
			}
		}
		same, other := kafka.Message{Key: m.Key, Value: m.Value, Headers: m.Headers}, kafka.Message{Key: m.Key, Value: m.Value, Headers: slices.Clone(m.Headers)}
		for j, h := range other.Headers {
			if h.Key == "hub-id" {
				other.Headers[j].Value = fmt.Appendf(nil, "again-%d", i)
			}
		}
		all = append(all, same, other)
	}
	rand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	b.write(b.topic, all...)
	return count
}
