// Package kafka is the channel adapter `kafka`: topics of Apache Kafka as sources and targets, request-reply across them, and channels that Kafka
// carries (`via:`).
package kafka

import (
	"maps"
	"slices"

	"orderhub/hub"
)

// Component registers the adapter.
func Component() hub.Component { return definition().Component() }

func definition() hub.Typed[*Adapter, Config, SourceConfig] {
	return hub.Typed[*Adapter, Config, SourceConfig]{
		Name: "kafka", Nowhere: "127.0.0.1:1", Replies: true,
		Send: func() any { return &SendOptions{} },
		Ops:  func(c *Config) []string { return slices.Sorted(maps.Keys(c.Ops)) },
		Carries: map[string]string{
			"direct": "", "fanout": "",
			"topic":   "Kafka has no exchanges: every reader gets all messages of the topic and passes over those that its pattern does not match",
			"headers": "Kafka has no headers exchange: every reader gets all messages of the topic and passes over those whose headers do not match",
		},
		Place: place,
		CheckHeader: func(_, name, _ string) (string, bool) {
			_, sent := outside(name, onTopic)
			return "give it another name: those that begin with " + prefixOurs + " tell of Kafka", name != headerKey && !sent
		},
		CheckSource: func(arg string, _ *SourceConfig) []hub.FieldFault { return places.Check(arg) },
		CheckTarget: places.Check,
		Check:       (*Config).check,

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
