package examples

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/segmentio/kafka-go"
)

// TestKafkaBridge: orders go to a topic by what is in them; those of a customer stay in order.
func TestKafkaBridge(t *testing.T) {
	t.Parallel()
	topics := []string{"web.orders", "orders.export", "orders.priority", "orders.standard", "orders.invalid"}
	p := newPlace(t, "kafka-bridge", append(topics, "group: kafka-bridge")...)
	var all []string
	for _, name := range topics {
		all = append(all, p.own(name))
	}
	k := newKafka(t, all, []string{p.own("kafka-bridge")})
	k.create(all...)
	p.set("KAFKA_BROKERS", k.addr)
	h := p.run("hub", "pipelines.yaml", nil)

	type order struct {
		ID, Customer, Country string
		Total                 json.Number
		Card                  string
	}
	var records []kafka.Message
	for line := range strings.Lines(p.sample("bridge.orders.ndjson")) {
		records = append(records, kafka.Message{Key: []byte("sample"), Value: []byte(line)})
	}
	const customers, each = 10, 30
	for i := range each {
		for c := range customers {
			o := fmt.Sprintf(`{"id": "%d-%d", "customer": "c-%d", "country": "DE", "total": %d.50, "card": "tok"}`, c, i, c, 80+20*(i%2))
			records = append(records, kafka.Message{Key: fmt.Appendf(nil, "c-%d", c), Value: []byte(o)})
		}
	}
	k.write(p.own("web.orders"), records...)
	for topic, want := range map[string]int{"orders.export": 1, "orders.priority": 1 + customers*each/2, "orders.standard": 1 + customers*each/2} {
		got := k.read(p.own(topic), want)
		same(t, "records of "+topic, len(got), want)
		last := map[string]int{}
		for _, m := range got {
			var o order
			if err := json.Unmarshal(m.Value, &o); err != nil || o.Card != "" || string(m.Key) != o.Customer {
				t.Errorf("%s has %s under the key %s", topic, m.Value, m.Key)
			}
			c, i := "", 0
			if n, _ := fmt.Sscanf(o.ID, "%1s-%d", &c, &i); n == 2 && !strings.HasPrefix(o.ID, "W") {
				if i < last[c] {
					t.Errorf("%s: %s comes behind %d", topic, o.ID, last[c])
				}
				last[c] = i
			}
		}
	}
	invalid := k.read(p.own("orders.invalid"), 1)
	reason := ""
	for _, header := range invalid[0].Headers {
		if header.Key == "reason" {
			reason = string(header.Value)
		}
	}
	if !strings.Contains(string(invalid[0].Value), "W-4") || !strings.Contains(reason, "country") {
		t.Errorf("invalid: %s, because %q\n%s", invalid[0].Value, reason, h.report())
	}
}

// TestKafkaBridgeAlone: without Kafka the store stands in, and a message can be sent by hand.
func TestKafkaBridgeAlone(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "kafka-bridge")
	p.unset("KAFKA_BROKERS")
	h := p.run("hub", "pipelines.yaml", nil)
	same(t, "what the store stands in for", h.ready.Stored, "[kafka]")
	rules := []string{"chose     body.total >= 100", "chose     else", `chose     body.country != "DE"`, "country"}
	for line := range strings.Lines(p.sample("bridge.orders.ndjson")) {
		out, err := h.verb("send", "bridge", "--wait", line)
		if !strings.Contains(out, rules[0]) {
			t.Errorf("%s%q is not in: %v\n%s", line, rules[0], err, out)
		}
		rules = rules[1:]
	}
}
