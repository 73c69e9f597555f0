package stomp

import (
	"fmt"
	"maps"
	"slices"

	"orderhub/hub"
	"orderhub/hub/broker"
)

// Config is an entry of `adapters:` with `type: stomp`.
type Config struct {
	URL hub.Secret `yaml:"url" required:"true" doc:"The server: stomp://user:password@host:port/vhost, or stomp+ssl://… for TLS."`
	broker.Connection
	Ops map[string]string `yaml:"ops" doc:"What call may name, each with the destination that takes the requests: /queue/stock.commands, or /exchange/stock/commands."`
}

func defaultConfig() *Config { return &Config{Connection: broker.DefaultConnection()} }

// check finds what the tags can't, all of it.
func (c *Config) check() (faults []hub.FieldFault) {
	bad := func(at, help, format string, args ...any) {
		faults = append(faults, hub.FieldFault{Path: at, Message: fmt.Sprintf(format, args...), Help: help})
	}
	if c.URL != "" {
		s, err := parseURL(c.URL)
		switch {
		case err != nil:
			bad("url", urlHelp, "%s", err)
		case !s.secure && c.TLS != (broker.TLS{}):
			bad("tls", "write stomp+ssl:// in the url, or leave tls out", "tls is set, but the url does not begin with stomp+ssl://")
		}
	}
	faults = append(faults, c.Connection.Faults()...)
	for _, name := range slices.Sorted(maps.Keys(c.Ops)) {
		if _, err := parsePlace(c.Ops[name]); err != nil {
			bad("ops."+name, "write /queue/stock.commands, or /exchange/stock/commands", "op %q: %s", name, err)
		}
	}
	return faults
}
