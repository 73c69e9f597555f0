// Package stomp is the channel adapter `stomp`: queues and topics of RabbitMQ's
// STOMP plugin as sources and targets, and request-reply across them.
package stomp

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
		Name:   "stomp",
		Doc:    readme,
		Config: func() any { return defaultConfig() },
		Source: func() any { return defaultSource() },
		Send:   func() any { return &SendOptions{Persistent: true} },
		Ops:    func(cfg any) []string { return slices.Sorted(maps.Keys(cfg.(*Config).Ops)) },
		Check: func(cfg any, env *hub.Env) []hub.FieldFault {
			c, ok := cfg.(*Config)
			if !ok {
				return []hub.FieldFault{{Message: fmt.Sprintf("config is a %T", cfg)}}
			}
			return c.check()
		},
		CheckHeader: func(_, name, _ string) (string, bool) {
			return "give it another name: this one is STOMP's, RabbitMQ's or the hub's own", name != headerPriority && name != headerPersistent && name != hub.HeaderReplyTo && staysBehind(name)
		},
		CheckSource: checkSource,
		CheckTarget: checkTarget,
		Replies:     true,
		Place:       standIn,
		Open: func(cfg any, env *hub.Env) (hub.Adapter, error) {
			c, ok := cfg.(*Config)
			if !ok {
				return nil, fmt.Errorf("stomp %q: config is a %T", env.Name, cfg)
			}
			return open(*c, env)
		},
	}
}
