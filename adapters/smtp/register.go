// Package smtp is the channel adapter `smtp`: messages become mails, made by
// templates and handed to a mail server.
package smtp

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
		Name:        "smtp",
		Doc:         readme,
		Config:      func() any { return defaultConfig() },
		Send:        func() any { return &SendOptions{} },
		CheckHeader: func(_, name, _ string) (string, bool) { return ignoredHeader(name) },
		Check: func(cfg any, _ *hub.Env) []hub.FieldFault {
			c, ok := cfg.(*Config)
			if !ok {
				return []hub.FieldFault{{Message: fmt.Sprintf("config is a %T", cfg)}}
			}
			return c.check()
		},
		Open: func(cfg any, env *hub.Env) (hub.Adapter, error) {
			c, ok := cfg.(*Config)
			if !ok {
				return nil, fmt.Errorf("smtp %q: config is a %T", env.Name, cfg)
			}
			return open(*c, env)
		},
	}
}
