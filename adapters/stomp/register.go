// Package stomp is the channel adapter `stomp`: queues and topics of RabbitMQ's STOMP plugin as sources and targets, and request-reply across them.
package stomp

import (
	"maps"
	"slices"

	"orderhub/hub"
)

// Component registers the adapter.
func Component() hub.Component { return definition().Component() }

func definition() hub.Typed[*Adapter, Config, SourceConfig] {
	return hub.Typed[*Adapter, Config, SourceConfig]{
		Name: "stomp", Nowhere: "stomp://127.0.0.1:1", Replies: true,
		Send:  func() any { return &SendOptions{} },
		Ops:   func(c *Config) []string { return slices.Sorted(maps.Keys(c.Ops)) },
		Place: standIn,
		CheckHeader: func(_, name, _ string) (string, bool) {
			option := name == headerPriority || name == headerPersistent || name == hub.HeaderReplyTo
			return "give it another name: this one is STOMP's, RabbitMQ's or the hub's own", !option && staysBehind(name)
		},
		CheckSource: checkSource,
		CheckTarget: checkTarget,
		Check:       func(c *Config, _ *hub.Env) []hub.FieldFault { return c.check() },

		Open:       open,
		Close:      (*Adapter).Close,
		OpenSource: (*Adapter).OpenSource,
		OpenTarget: (*Adapter).OpenTarget,
		OpenCaller: (*Adapter).OpenCaller,
		Probe:      (*Adapter).Probe,
		Inspect:    (*Adapter).Inspect,
	}
}
