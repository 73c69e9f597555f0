package amqp

import (
	"encoding/json"
	"fmt"

	amqp "github.com/rabbitmq/amqp091-go"
)

// SourceConfig are the options of `from: {rabbit: queue orders, …}`.
type SourceConfig struct {
	Queue         string         `yaml:"queue" doc:"The queue that is bound to the exchange, for from: {rabbit: exchange NAME key PATTERN}."`
	QueueType     string         `yaml:"queue_type" oneof:"classic|quorum" default:"classic" doc:"Type of the queue where it is declared."`
	Durable       bool           `yaml:"durable" default:"true" doc:"The queue outlives a restart of the server."`
	Exclusive     bool           `yaml:"exclusive" doc:"The queue is for this connection alone and goes with it."`
	AutoDelete    bool           `yaml:"auto_delete" doc:"The queue goes with its last reader."`
	Arguments     map[string]any `yaml:"arguments" doc:"Further arguments of the queue, such as x-dead-letter-exchange."`
	Bind          []Bind         `yaml:"bind" doc:"Exchanges that the queue is bound to."`
	Prefetch      int            `yaml:"prefetch" min:"0" max:"65535" doc:"In place of the adapter's."`
	Workers       int            `yaml:"workers" default:"64" min:"1" max:"1024" doc:"Messages handled at once."`
	Key           string         `yaml:"key" doc:"Header that becomes the ordering key; also routing-key, correlation-id or message-id. Left out: no order."`
	MaxDeliveries int            `yaml:"max_deliveries" min:"0" doc:"A message that a quorum queue delivered more often is refused as poison. Left out: no limit; the hub counts its own attempts."`
}

// Bind is one binding of a queue.
type Bind struct {
	Exchange string            `yaml:"exchange" required:"true" doc:"The exchange."`
	Type     string            `yaml:"type" oneof:"direct|topic|fanout|headers" doc:"Its type, to declare it. Left out: it must be there."`
	Key      string            `yaml:"key" doc:"Routing key or pattern."`
	Headers  map[string]string `yaml:"headers" doc:"Headers that a headers exchange compares; x-match: any for one of them."`
}

// SendOptions are the options of `send: {rabbit: exchange orders, …}`.
type SendOptions struct {
	RoutingKey string `yaml:"routing_key" doc:"Routing key. Left out: the key in the text, else the message's header routing-key."`
}

func defaultSource() *SourceConfig {
	return &SourceConfig{QueueType: classic, Durable: true, Workers: 64}
}

const (
	classic = "classic"
	quorum  = "quorum"
)

// arguments is the table of a map from YAML.
func arguments(from map[string]any) (amqp.Table, error) {
	if len(from) == 0 {
		return nil, nil
	}
	out := amqp.Table{}
	for name, v := range from {
		a, err := argument(v)
		if err != nil {
			return nil, fmt.Errorf("arguments: %s: %w", name, err)
		}
		out[name] = a
	}
	return out, nil
}

func argument(v any) (any, error) {
	switch v := v.(type) {
	case string, bool, nil, float64, int64:
		return v, nil
	case int:
		return int64(v), nil
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return n, nil
		}
		return v.Float64()
	case []any:
		out := make([]any, len(v))
		for i := range v {
			var err error
			if out[i], err = argument(v[i]); err != nil {
				return nil, err
			}
		}
		return out, nil
	case map[string]any:
		return arguments(v)
	}
	return nil, fmt.Errorf("%T is no argument", v)
}

// textTable is a table of texts.
func textTable(from map[string]string) amqp.Table {
	if len(from) == 0 {
		return nil
	}
	out := amqp.Table{}
	for name, v := range from {
		out[name] = v
	}
	return out
}
