// Package sql is the channel adapter `sql`: statements of PostgreSQL as calls,
// rows written exactly once, and tables whose rows become messages.
package sql

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
		Name:   "sql",
		Doc:    readme,
		Config: func() any { return defaultConfig() },
		Source: func() any { return defaultSource() },
		Send:   func() any { return &SendOptions{} },
		Ops:    func(cfg any) []string { return slices.Sorted(maps.Keys(cfg.(*Config).Ops)) },
		Safe:   func(cfg any, op string) bool { return cfg.(*Config).Ops[op].Exec == "" },
		CheckHeader: func(_, name, _ string) (string, bool) {
			return "put it into the data, as a value of the statement", name != hub.HeaderIdempotency
		},
		CheckSource: checkSource,
		CheckTarget: checkTarget,
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
				return nil, fmt.Errorf("sql %q: config is a %T", env.Name, cfg)
			}
			return open(*c, env)
		},
	}
}
