package amqp

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	amqp "github.com/rabbitmq/amqp091-go"

	"orderhub/hub"
	"orderhub/hub/broker"
)

// Config is an entry of `adapters:` with `type: amqp`.
type Config struct {
	URL  hub.Secret `yaml:"url" required:"true" doc:"The server: amqp://user:password@host:port/vhost, or amqps://… for TLS."`
	Name string     `yaml:"name" doc:"Name of the connections as the server shows them. Left out: orderhub and the adapter's name."`
	broker.Connection
	CheckOnly bool              `yaml:"check_only" doc:"Declare nothing: queues and exchanges must be there."`
	Ops       map[string]string `yaml:"ops" doc:"What call may name, each with the queue or exchange that takes the requests: queue stock.commands, or exchange stock key commands."`
}

var errURL = errors.New("url is no AMQP URL") // the parser's own text would show the password

func parseURL(url hub.Secret) (amqp.URI, error) {
	uri, err := amqp.ParseURI(url.Reveal())
	if err != nil {
		return uri, errURL
	}
	return uri, nil
}

// check finds the faults that tags can't find.
func (c *Config) check() (faults hub.FieldFaults) {
	uri, err := parseURL(c.URL)
	if err != nil && c.URL != "" {
		faults.Add("url", "write amqp://user:password@host:5672/vhost; in user and password write %40 for @, %2F for /", "%s", err)
	}
	return append(append(faults, c.Connection.Faults(uri.Scheme == "amqps" || err != nil, "amqps://")...), places.CheckOps(c.Ops)...)
}

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

const (
	classic = "classic"
	quorum  = "quorum"
)

// arguments converts a map from YAML to an argument table.
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

// textTable converts a map of texts to an argument table.
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

// checkSource finds the faults of `from:`.
func checkSource(arg string, c *SourceConfig) []hub.FieldFault {
	p, err := parsePlace(arg)
	if err != nil {
		return places.Check(arg)
	}
	return c.faults(p)
}

// faults finds the faults of the options of a source of p.
func (c *SourceConfig) faults(p place) (faults hub.FieldFaults) {
	switch {
	case p.exchange != "" && c.Queue == "":
		faults.Add("", "add queue: NAME", "%s: the queue that collects its messages is missing", p)
	case p.exchange == "" && c.Queue != "":
		faults.Add("queue", "leave it out, or write exchange NAME key PATTERN", "%s: the option queue is for exchanges", p)
	}
	if p.exchange != "" && !p.hasKey && (p.kind == topic || p.kind == direct) {
		faults.Add("", "add key and what the routing key must be; in a topic exchange * is one word, # any number",
			"%s: nothing says which of its messages are wanted", p)
	}
	if c.QueueType == quorum && (!c.Durable || c.Exclusive || c.AutoDelete) {
		faults.Add("queue_type", "take classic, or leave durable, exclusive and auto_delete as they are",
			"a quorum queue is durable, and neither exclusive nor auto_delete")
	}
	for i, b := range c.Bind {
		if b.Exchange == "" {
			faults.Add("bind."+strconv.Itoa(i)+".exchange", "add exchange: NAME", "bind: the exchange is missing")
		}
	}
	if _, err := arguments(c.Arguments); err != nil {
		faults.Add("arguments", "write texts, numbers, true, false, lists and maps of them", "%s", err)
	}
	return faults
}
