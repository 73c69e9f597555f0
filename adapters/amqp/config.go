package amqp

import (
	"errors"
	"fmt"
	"maps"
	"slices"

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

func defaultConfig() *Config { return &Config{Connection: broker.DefaultConnection()} }

var errURL = errors.New("url is no AMQP URL") // the parser's own text would show the password

func parseURL(url hub.Secret) (amqp.URI, error) {
	uri, err := amqp.ParseURI(url.Reveal())
	if err != nil {
		return uri, errURL
	}
	return uri, nil
}

// check finds what the tags can't, all of it.
func (c *Config) check() (faults []hub.FieldFault) {
	bad := func(at, help, format string, args ...any) {
		faults = append(faults, hub.FieldFault{Path: at, Message: fmt.Sprintf(format, args...), Help: help})
	}
	if c.URL != "" {
		uri, err := parseURL(c.URL)
		switch {
		case err != nil:
			bad("url", "write amqp://user:password@host:5672/vhost; in user and password write %40 for @, %2F for /", "%s", err)
		case uri.Scheme != "amqps" && c.TLS != (broker.TLS{}):
			bad("tls", "write amqps:// in the url, or leave tls out", "tls is set, but the url does not begin with amqps://")
		}
	}
	faults = append(faults, c.Connection.Faults()...)
	for _, name := range slices.Sorted(maps.Keys(c.Ops)) {
		if _, m := parsePlace(c.Ops[name]); m != nil {
			bad("ops."+name, m.Help, "op %q: %s", name, m.Message)
		}
	}
	return faults
}
