// Package sql is the channel adapter `sql`: statements of PostgreSQL as calls,
// rows written exactly once, and tables whose rows become messages.
package sql

import (
	"maps"
	"slices"

	"orderhub/hub"
)

// Component registers the adapter.
func Component() hub.Component { return definition().Component() }

func definition() hub.Typed[*Adapter, Config, SourceConfig] {
	return hub.Typed[*Adapter, Config, SourceConfig]{
		Name: "sql", Nowhere: "postgres://127.0.0.1:1/none",
		Confine: func(c *Config, url, _ string) { c.URL = hub.Secret(url) },
		Send:    func() any { return &SendOptions{} },
		Ops:     func(c *Config) []string { return slices.Sorted(maps.Keys(c.Ops)) },
		Safe:    func(c *Config, op string) bool { return c.Ops[op].Exec == "" },
		CheckHeader: func(_, name, _ string) (string, bool) {
			return "put it into the data, as a value of the statement", name != hub.HeaderIdempotency
		},
		CheckSource: checkSource,
		CheckTarget: checkTarget,
		Check:       (*Config).check,

		Open:       open,
		Close:      (*Adapter).Close,
		OpenSource: (*Adapter).OpenSource,
		OpenTarget: (*Adapter).OpenTarget,
		OpenCaller: (*Adapter).OpenCaller,
		Probe:      (*Adapter).Probe,
		Inspect:    (*Adapter).Inspect,
		Figures:    (*Adapter).Figures,
	}
}
