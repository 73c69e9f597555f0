package system

import (
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"orderhub/hub"
	"orderhub/stub"
)

// TestHistorySize bounds what an order of the shipped flow leaves in the history: 8 KB in about 30 rows, with all indexes, on whole pages.
func TestHistorySize(t *testing.T) {
	s := running(t)
	const orders = 60
	sample := s.sample("web-orders.1-approved.json")
	for i := range orders {
		s.post("/orders", strings.Replace(sample, "W-1001", fmt.Sprint("W-", 7000+i), 1))
	}
	for i := range orders {
		s.reach(fmt.Sprint("W-", 7000+i), "done")
	}
	if _, err := s.stop(); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", "file:"+filepath.Join(s.dir, "hub.db")+"?mode=ro")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var rows, bytes int
	if err := db.QueryRow("SELECT count(*) FROM history WHERE corr LIKE 'W-7%'").Scan(&rows); err != nil {
		t.Fatal(err)
	}
	if err := db.QueryRow("SELECT sum(pgsize) FROM dbstat WHERE name IN ('history','history_root','history_corr','links','links_seq','terms','terms_term')").Scan(&bytes); err != nil {
		t.Fatal(err)
	}
	t.Logf("an order leaves %d bytes in %.1f rows", bytes/orders, float64(rows)/orders)
	if bytes/orders > 8<<10 || rows < 20*orders || rows > 40*orders {
		t.Errorf("an order leaves %d bytes in %.1f rows, want at most 8192 in about 30", bytes/orders, float64(rows)/orders)
	}
}

// TestOneTrace: a message that comes by HTTP, goes to a second hub by RabbitMQ and to a third by Kafka is one trace, without a
// hole: each hub knows it by the trace ID that came in, and the parent of each hub's first span is the last one of the hub before.
func TestOneTrace(t *testing.T) {
	rabbit, broker := needRabbit(t), needKafka(t)
	run := strings.ToLower(hub.NewID(time.Now()))
	topics(t, broker, 1, "trace."+run)
	conn, err := amqp.Dial(rabbit)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ch, err := conn.Channel()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ch.QueueDeclare("trace."+run, true, false, false, false, nil); err != nil {
		t.Fatal(err)
	}
	defer ch.QueueDelete("trace."+run, false, false, false)
	config := fmt.Sprintf(`hub: {name: NAME, store: "${HUB_STORE}"}
adapters:
  web: {type: http-server, listen: "${HUB_LISTEN}"}
  rabbit: {type: amqp, url: %q}
  kafka: {type: kafka, brokers: %q}
pipelines:
  ping: {from: {web: GET /ping}, steps: [{reply: 200}]}
`, rabbit, broker)
	hubs := make([]*site, 3)
	for i, pipeline := range []string{
		fmt.Sprintf("  first: {from: {web: POST /in}, steps: [{set: {correlation: =body.id}}, {send: {rabbit: queue trace.%s}}, {reply: 202}]}", run),
		fmt.Sprintf("  second: {from: {rabbit: queue trace.%s}, steps: [{set: {headers.seen: second}}, {send: {kafka: topic trace.%s}}]}", run, run),
		fmt.Sprintf("  third: {from: {kafka: topic trace.%s, group: %s}, steps: [{filter: body.id != nil}]}", run, run),
	} {
		s := newSite(t, "", stub.Options{})
		s.config = filepath.Join(s.dir, "trace.yaml")
		if err := os.WriteFile(s.config, []byte(strings.Replace(config, "NAME", fmt.Sprint("hub", i), 1)+pipeline+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		s.start()
		hubs[i] = s
	}
	const trace, caller = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
	if a := hubs[0].do("POST", "/in", `{"id":"T-1"}`, "Traceparent", "00-"+trace+"-"+caller+"-01", "Tracestate", "shop=1"); a.status != 202 {
		t.Fatal(a)
	}
	parent := caller
	for i, s := range hubs {
		var v struct {
			Traces []string
			Events []struct{ Where, What, Trace, Span, Parent string }
		}
		s.until("the message is known", func() bool {
			_, err := s.verb("trace", trace)
			return err == nil
		})
		s.ask(&v, "trace", trace)
		if len(v.Traces) != 1 || v.Traces[0] != trace || len(v.Events) == 0 {
			t.Fatalf("hub %d: %+v", i, v)
		}
		for _, e := range v.Events {
			if e.Parent != parent || e.Span == "" || e.Span != v.Events[0].Span {
				t.Errorf("hub %d: %+v, want the parent %s", i, e, parent)
			}
		}
		parent = v.Events[0].Span
	}
}
