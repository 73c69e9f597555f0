package stomp

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"orderhub/hub"
)

// Config is an entry of `adapters:` with `type: stomp`.
type Config struct {
	URL             hub.Secret        `yaml:"url" required:"true" doc:"The server: stomp://user:password@host:port/vhost, or stomp+ssl://… for TLS."`
	Prefetch        int               `yaml:"prefetch" default:"256" min:"1" max:"65535" doc:"Messages of a source that the server hands over before the first is acknowledged."`
	Heartbeat       time.Duration     `yaml:"heartbeat" default:"10s" min:"1s" max:"10m" doc:"How often both sides say that they are there. A server that is silent for one and a half of it is lost."`
	TLS             TLS               `yaml:"tls" doc:"Certificates, for stomp+ssl://."`
	Reconnect       Reconnect         `yaml:"reconnect" doc:"Pauses between tries to connect. There is no end to them."`
	ConfirmTimeout  time.Duration     `yaml:"confirm_timeout" default:"30s" min:"100ms" max:"10m" doc:"How long a send waits for the server's receipt."`
	ConsumerTimeout time.Duration     `yaml:"consumer_timeout" default:"30m" min:"1s" max:"24h" doc:"That of the server: it takes a delivery that is not acknowledged so long for lost, and closes its channel. What has not begun after a third of it goes back to the queue; a run that takes half of it is ended, and tried again from the hub's store."`
	MaxBody         int64             `yaml:"max_body" unit:"bytes" default:"16MiB" min:"1KiB" max:"128MiB" doc:"Largest body, in and out; a larger one is refused as body_too_large."`
	Ops             map[string]string `yaml:"ops" doc:"What call may name, each with the destination that takes the requests: /queue/stock.commands, or /exchange/stock/commands."`
}

// TLS are certificates.
type TLS struct {
	CA         string `yaml:"ca" doc:"File of the authorities (PEM) that the server's certificate may be signed by. Left out: the system's."`
	Cert       string `yaml:"cert" doc:"File of our certificate (PEM), with the chain."`
	Key        string `yaml:"key" doc:"File of its key (PEM)."`
	ServerName string `yaml:"server_name" doc:"Name that the server's certificate must have. Left out: the host of the URL."`
}

// Reconnect bounds the pauses, which double each time and are random in their upper half.
type Reconnect struct {
	Min time.Duration `yaml:"min" default:"200ms" min:"10ms" max:"1m" doc:"The first pause."`
	Max time.Duration `yaml:"max" default:"2s" min:"10ms" max:"10m" doc:"The longest pause."`
}

func defaultConfig() *Config {
	return &Config{Prefetch: 256, Heartbeat: 10 * time.Second, ConfirmTimeout: 30 * time.Second, ConsumerTimeout: 30 * time.Minute, MaxBody: 16 << 20,
		Reconnect: Reconnect{Min: 200 * time.Millisecond, Max: 2 * time.Second}}
}

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
		case !s.secure && c.TLS != (TLS{}):
			bad("tls", "write stomp+ssl:// in the url, or leave tls out", "tls is set, but the url does not begin with stomp+ssl://")
		}
	}
	if (c.TLS.Cert == "") != (c.TLS.Key == "") {
		bad("tls", "write cert: and key:, or neither", "tls: one of cert and key is missing")
	}
	if c.Reconnect.Min <= 0 {
		bad("reconnect.min", "write a time, such as 200ms", "reconnect.min: %s is too short", c.Reconnect.Min)
	}
	if c.Reconnect.Max < c.Reconnect.Min {
		bad("reconnect.max", "write a time of at least reconnect.min", "reconnect.max is shorter than reconnect.min")
	}
	for _, name := range slices.Sorted(maps.Keys(c.Ops)) {
		if _, err := parsePlace(c.Ops[name]); err != nil {
			bad("ops."+name, "write /queue/stock.commands, or /exchange/stock/commands", "op %q: %s", name, err)
		}
	}
	return faults
}
