package system

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
	kafka "github.com/segmentio/kafka-go"

	"orderhub/hub"
	"orderhub/stub"
)

// span is a time that a longer run may raise: HUB_TEST_OUTAGE=30s.
func span(name string, otherwise time.Duration) time.Duration {
	if d, err := time.ParseDuration(os.Getenv(name)); err == nil {
		return d
	}
	return otherwise
}

// brokered is a hub on the shipped configuration whose channels real brokers carry.
func brokered(t *testing.T, r *rabbit) (s *site, changes string) {
	kafkaAddr := needKafka(t)
	s = newSite(t, "", stub.Options{})
	changes = "product.changes." + strings.ToLower(hub.NewID(time.Now()))
	topics(t, kafkaAddr, 4, changes)
	edits := []string{"  product.changes: {", "  " + changes + ": {", "    from: product.changes\n", "    from: " + changes + "\n"}
	s.edit(append(edits, quick...)...)
	s.env = append(s.env, "RABBIT_URL="+r.url, "KAFKA_BROKERS="+kafkaAddr)
	return s, changes
}

// The main job, end to end, with RabbitMQ and Kafka for what they carry: an
// order of the store, one of the older sales program, and a change of master data.
func TestOnBrokers(t *testing.T) {
	kafkaAddr := needKafka(t)
	r := runningRabbit(t)
	s, changes := brokered(t, r)
	s.start()
	s.post("/orders", string(webOrder("B-1")))
	s.reach("B-1", "done")
	defer func() { out, _ := s.hub("trace", "B-1"); t.Log(out) }()
	s.until("the trace has the customer's mails, though RabbitMQ carried what led to them", func() bool {
		return s.trace("B-1").happened("customer-mail/send mail", "sent", "mail") == 2
	})
	conn, err := amqp.Dial(r.url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ch, err := conn.Channel()
	if err != nil {
		t.Fatal(err)
	}
	desk := strings.NewReplacer("S-3001", "B-2").Replace(s.sample("sales-orders.1-invoice.json"))
	if err := ch.PublishWithContext(t.Context(), "", "sales.orders", true, false, amqp.Publishing{MessageId: "desk-1", DeliveryMode: 2, Body: []byte(desk)}); err != nil {
		t.Fatal(err)
	}
	s.reach("B-2", "done")
	q, err := ch.QueueDeclarePassive("stock.commands", true, false, false, false, nil)
	if err != nil || q.Consumers != 1 {
		t.Errorf("stock.commands lies on RabbitMQ, with the hub as its reader: %+v %v", q, err)
	}
	w := &kafka.Writer{Addr: kafka.TCP(kafkaAddr), Topic: changes, Balancer: &kafka.Hash{}, RequiredAcks: kafka.RequireAll, BatchTimeout: time.Millisecond} // one key, one partition: in order
	defer w.Close()
	for _, version := range []int{2, 1, 3, 3} {
		if err := w.WriteMessages(t.Context(), kafka.Message{Key: []byte("SKU-00017"), Value: fmt.Appendf(nil, `{"sku":"SKU-00017","version":%d}`, version)}); err != nil {
			t.Fatal(err)
		}
	}
	var timeline string
	defer func() {
		if t.Failed() {
			t.Log(timeline)
		}
	}()
	s.until("master data is fetched for versions 2 and 3 only", func() bool {
		timeline, _ = s.hub("trace", "SKU-00017", "-o", "json")
		return strings.Count(timeline, `"called"`) >= 2
	})
	if out, err := s.hub("validate", s.config, "--connect"); err != nil {
		t.Errorf("validate --connect: %v\n%s", err, out)
	}
	if out, _ := s.hub("dlq", "-o", "json"); strings.Contains(out, `"count"`) {
		t.Errorf("dead letters: %s", out)
	}
	if _, err := s.stop(); err != nil {
		t.Errorf("exit %v\n%s", err, s.tail())
	}
}

// RabbitMQ is killed in the middle of the main job, and stays away for a while: nothing is lost, and nothing becomes a dead letter.
func TestRabbitKilled(t *testing.T) {
	r := runningRabbit(t)
	s, _ := brokered(t, r)
	s.start()
	l := newLoad(s, times("HUB_TEST_BROKER_RATE", 30), "R")
	l.some(40)
	r.kill()
	away := span("HUB_TEST_OUTAGE", 2*time.Second)
	time.Sleep(away)
	l.some(1)
	r.start()
	l.some(40)
	l.stop()
	l.judge(t)
	delivered := func() (n int) {
		l.accepted.Range(func(k, _ any) bool {
			if s.view(k.(string)).State == "done" {
				n++
			}
			return true
		})
		return n
	}
	await(t, 2*time.Minute, "every order is delivered in its customer's eyes", func() bool { return delivered() == int(l.count.Load()) })
	if out, _ := s.hub("dlq", "-o", "json"); strings.Contains(out, `"count"`) {
		t.Errorf("dead letters: %s", out)
	}
	t.Logf("%d orders, RabbitMQ away for %s", l.count.Load(), away)
	s.stop()
}
