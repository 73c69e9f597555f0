package stomp

import (
	"maps"
	"slices"
	"strings"

	"orderhub/hub"
	"orderhub/hub/broker"
)

// Config is an entry of `adapters:` with `type: stomp`.
type Config struct {
	URL hub.Secret `yaml:"url" required:"true" doc:"The server: stomp://user:password@host:port/vhost, or stomp+ssl://… for TLS."`
	broker.Connection
	Ops map[string]string `yaml:"ops" doc:"What call may name, each with the destination that takes the requests: /queue/stock.commands, or /exchange/stock/commands."`
}

// check finds the faults that tags can't find.
func (c *Config) check() (faults hub.FieldFaults) {
	s, err := parseURL(c.URL)
	if err != nil && c.URL != "" {
		faults.Add("url", urlHelp, "%s", err)
	}
	return append(append(faults, c.Connection.Faults(s.secure || err != nil, "stomp+ssl://")...), places.CheckOps(c.Ops)...)
}

// SourceConfig are the options of `from: {stomp: /queue/orders, …}`.
type SourceConfig struct {
	Prefetch      int               `yaml:"prefetch" min:"0" max:"65535" doc:"In place of the adapter's."`
	Workers       int               `yaml:"workers" default:"64" min:"1" max:"1024" doc:"Messages handled at once."`
	Key           string            `yaml:"key" doc:"Header that becomes the ordering key; also routing-key, correlation-id or message-id. Left out: hub-key, which a hub sends; without it no order."`
	IDHeader      string            `yaml:"id_header" default:"hub-id" doc:"Header that is the message's ID, the same at each delivery. Without it amqp-message-id is, which RabbitMQ makes of the property message-id."`
	Selector      string            `yaml:"selector" doc:"Which messages the server is to bring (SQL 92, as in JMS). RabbitMQ has no selectors: there the source does not run."`
	Durable       bool              `yaml:"durable" doc:"For topics and exchanges: the server keeps messages while nobody reads (EIP Durable Subscriber). Needs id."`
	ID            string            `yaml:"id" doc:"Name of the durable subscription. Readers with the same id share its messages."`
	Arguments     map[string]string `yaml:"arguments" doc:"Further headers of the subscription; RabbitMQ declares the queue with those like x-dead-letter-exchange."`
	MaxDeliveries int               `yaml:"max_deliveries" min:"0" doc:"A message that a quorum queue delivered more often is refused as poison. Left out: no limit; the hub counts its own attempts."`
}

// SendOptions are the options of `send: {stomp: /queue/orders, …}`.
type SendOptions struct {
	RoutingKey string `yaml:"routing_key" doc:"Routing key, for /exchange/NAME without one. Left out: the message's header routing-key."`
	Persistent bool   `yaml:"persistent" default:"true" doc:"The message outlives a restart of the server."`
	Priority   int    `yaml:"priority" min:"0" max:"255" doc:"Priority, where the queue has them (x-max-priority)."`
}

// ours are the headers of a subscription that have options of their own.
var ours = []string{headerDestination, "id", headerAck, headerReceipt, "selector", "durable", headerPrefetch}

// check finds the faults that tags can't find, for a source of place p.
func (c *SourceConfig) check(p place) (faults hub.FieldFaults) {
	switch {
	case c.Durable && p.queue():
		faults.Add("durable", "leave durable out", "%s is a queue: it keeps its messages anyway", p)
	case c.Durable && c.ID == "":
		faults.Add("durable", "write id: NAME, the name of the subscription", "a durable subscription needs an id")
	case !c.Durable && c.ID != "":
		faults.Add("id", "write durable: true, or leave id out", "id is for durable subscriptions")
	case strings.HasPrefix(c.ID, tempQueue):
		faults.Add("id", "write another name", "id: a name that begins with %s is the server's", tempQueue)
	}
	for _, f := range []struct{ at, text string }{{"id", c.ID}, {"selector", c.Selector}, {"id_header", c.IDHeader}, {"key", c.Key}} {
		if strings.ContainsAny(f.text, "\x00\r\n") {
			faults.Add(f.at, "write it in one line", "%s: it has a line end", f.at)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.Arguments)) {
		switch {
		case slices.Contains(ours, strings.ToLower(name)):
			faults.Add("arguments."+name, "leave it out", "arguments: %s is set by the hub", name)
		case name == "" || strings.ContainsAny(name+c.Arguments[name], "\x00\r\n"):
			faults.Add("arguments."+name, "write a name and a value of one line", "arguments: %q is no header", name)
		}
	}
	return faults
}

// headers returns the arguments in the order of their names.
func (c *SourceConfig) headers() (out []header) {
	for _, name := range slices.Sorted(maps.Keys(c.Arguments)) {
		out = append(out, header{name, c.Arguments[name]})
	}
	return out
}

// declares returns the arguments by which RabbitMQ declares the queue.
func (c *SourceConfig) declares() []header {
	return slices.DeleteFunc(c.headers(), func(h header) bool { return !staysBehind(h.name) })
}

func checkSource(arg string, c *SourceConfig) []hub.FieldFault {
	p, err := parsePlace(arg)
	if err != nil {
		return places.Check(arg)
	}
	return c.check(p)
}

func checkTarget(arg string) []hub.FieldFault {
	if p, err := parsePlace(arg); err == nil && strings.ContainsAny(p.key, "*#") && p.exchange != "" {
		return []hub.FieldFault{{Message: p.text + ": * and # are for readers", Help: grammar}}
	}
	return places.Check(arg)
}
