// Package kafka is the channel adapter `kafka`: topics of Apache Kafka as
// sources and targets, and as the broker behind channels (`via:`).
package kafka

import (
	_ "embed"
	"fmt"

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
