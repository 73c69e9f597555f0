// Package kafka is the channel adapter `kafka`: topics of Apache Kafka as
// sources and targets, request-reply across them, and channels that Kafka
// carries (`via:`).
package kafka

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
		Name:   "kafka",
		Doc:    readme,
		Config: func() any { return defaultConfig() },
		Source: func() any { return defaultSource() },
		Send:   func() any { return &SendOptions{} },
		Ops:    func(cfg any) []string { return slices.Sorted(maps.Keys(cfg.(*Config).Ops)) },
		CheckHeader: func(_, name, _ string) (string, bool) {
			_, sent := outside(name, onTopic)
			return "give it another name: those that begin with " + prefixOurs + " tell of Kafka", name != headerKey && !sent
		},
		CheckSource: func(arg string, _ any) []hub.FieldFault { return checkPlace(arg) },
		CheckTarget: checkPlace,
		Replies:     true,
		Place:       place,
		Carries: map[string]string{
			"direct": "", "fanout": "",
			"topic":   "Kafka has no exchanges: every reader gets all messages of the topic and passes over those that its pattern does not match",
			"headers": "Kafka has no headers exchange: every reader gets all messages of the topic and passes over those whose headers do not match",
		},
		Check: func(cfg any, env *hub.Env) []hub.FieldFault {
			c, ok := cfg.(*Config)
			if !ok {
				return []hub.FieldFault{{Message: fmt.Sprintf("config is a %T", cfg)}}
			}
			return c.check(env)
		},
		Open: func(cfg any, env *hub.Env) (hub.Adapter, error) {
			c, ok := cfg.(*Config)
			if !ok {
				return nil, fmt.Errorf("kafka %q: config is a %T", env.Name, cfg)
			}
			return open(*c, env)
		},
	}
}
