// Package amqp is the channel adapter `amqp`: queues and exchanges of
// RabbitMQ as sources and targets, request-reply across them, and channels
// that RabbitMQ carries.
package amqp

import (
	_ "embed"
	"fmt"
	"maps"
	"slices"

	"orderhub/hub"
)

//go:embed README.md
var readme string

// Component registers the adapter.
func Component() hub.Component {
	return hub.Component{
		Name:    "amqp",
		Doc:     readme,
		Config:  func() any { return defaultConfig() },
		Source:  func() any { return defaultSource() },
		Send:    func() any { return &SendOptions{} },
		Ops:     func(cfg any) []string { return slices.Sorted(maps.Keys(cfg.(*Config).Ops)) },
		Carries: map[string]string{"direct": "", "topic": "", "fanout": "", "headers": ""},
		CheckHeader: func(_, name, _ string) (string, bool) {
			return "give it another name: this one is of the way that a message came, or the hub's own", name != headerPriority && notSent(name, false)
		},
		CheckSource: checkSource,
		CheckTarget: checkTarget,
		Replies:     true,
		Place:       standIn,
		Check: func(cfg any, env *hub.Env) []hub.FieldFault {
			c, ok := cfg.(*Config)
			if !ok {
				return []hub.FieldFault{{Message: fmt.Sprintf("config is a %T", cfg)}}
			}
			return c.check()
		},
		Open: func(cfg any, env *hub.Env) (hub.Adapter, error) {
			c, ok := cfg.(*Config)
			if !ok {
				return nil, fmt.Errorf("amqp %q: config is a %T", env.Name, cfg)
			}
			return open(*c, env)
		},
	}
}
