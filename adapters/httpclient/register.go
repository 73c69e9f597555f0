// Package httpclient is the channel adapter `http-client`: calls and sends go
// to an HTTP service, and its answers get their class.
package httpclient

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
		Name:        "http-client",
		Doc:         readme,
		Config:      func() any { return defaultConfig() },
		Ops:         func(cfg any) []string { return cfg.(*Config).operations() },
		Safe:        func(cfg any, op string) bool { return cfg.(*Config).safe(op) },
		CheckCall:   func(cfg any, op string) []hub.FieldFault { return cfg.(*Config).checkCall(op) },
		CheckHeader: func(_, name, value string) (string, bool) { return ignoredHeader(name, value) },
		Expects:     func(cfg any, op string) []hub.Expected { return cfg.(*Config).expected(op) },
		Check:       func(cfg any, env *hub.Env) []hub.FieldFault { return cfg.(*Config).check(env) },
		Open: func(cfg any, env *hub.Env) (hub.Adapter, error) {
			c, ok := cfg.(*Config)
			if !ok {
				return nil, fmt.Errorf("http-client %q: config is a %T", env.Name, cfg)
			}
			return New(*c, env)
		},
	}
}
