// Package httpserver is the channel adapter `http-server`: requests come in,
// become messages, and get the pipeline's reply as their answer.
package httpserver

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
		Name: "http-server", Answers: true,
		Doc:         readme,
		Config:      func() any { return defaultConfig() },
		Source:      func() any { return &SourceConfig{} },
		CheckSource: func(arg string, cfg any) []hub.FieldFault { return checkSource(arg, cfg.(*SourceConfig)) },
		Doubt: func(cfg any, arg string, src any) []hub.FieldFault {
			return doubt(cfg.(*Config), arg, src.(*SourceConfig))
		},
		Check: func(cfg any, env *hub.Env) []hub.FieldFault { return cfg.(*Config).check(env) },
		Open: func(cfg any, env *hub.Env) (hub.Adapter, error) {
			c, ok := cfg.(*Config)
			if !ok {
				return nil, fmt.Errorf("http-server %q: config is a %T", env.Name, cfg)
			}
			return New(*c, env)
		},
	}
}
