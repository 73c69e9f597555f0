// Package amqp is the channel adapter `amqp`: queues and exchanges of RabbitMQ as sources and targets, request-reply across them, and channels that
// RabbitMQ carries.
package amqp

import (
	"maps"
	"slices"

	"orderhub/hub"
)

// Component registers the adapter.
func Component() hub.Component { return definition().Component() }

func definition() hub.Typed[*Adapter, Config, SourceConfig] {
	return hub.Typed[*Adapter, Config, SourceConfig]{
		Name: "amqp", Nowhere: "amqp://127.0.0.1:1", Replies: true,
		Send:    func() any { return &SendOptions{} },
		Ops:     func(c *Config) []string { return slices.Sorted(maps.Keys(c.Ops)) },
		Carries: map[string]string{"direct": "", "topic": "", "fanout": "", "headers": ""},
		Place:   standIn,
		CheckHeader: func(_, name, _ string) (string, bool) {
			return "give it another name: this one is of the way that a message came, or the hub's own", name != headerPriority && notSent(name, false)
		},
		CheckSource: checkSource,
		CheckTarget: places.Check,
		Check:       func(c *Config, _ *hub.Env) []hub.FieldFault { return c.check() },

		Open:        open,
		Close:       (*Adapter).Close,
		OpenSource:  (*Adapter).OpenSource,
		OpenTarget:  (*Adapter).OpenTarget,
		OpenCaller:  (*Adapter).OpenCaller,
		CarryTarget: (*Adapter).CarryTarget,
		CarrySource: (*Adapter).CarrySource,
		CarryCaller: (*Adapter).CarryCaller,
		Probe:       (*Adapter).Probe,
		Inspect:     (*Adapter).Inspect,
		Figures:     (*Adapter).Figures,
	}
}
