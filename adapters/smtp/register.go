// Package smtp is the channel adapter `smtp`: messages become mails, made by
// templates and handed to a mail server.
package smtp

import (
	"orderhub/hub"
)

// Component registers the adapter.
func Component() hub.Component { return definition().Component() }

func definition() hub.Typed[*Adapter, Config, struct{}] {
	return hub.Typed[*Adapter, Config, struct{}]{
		Name: "smtp", Nowhere: "smtp://127.0.0.1:1",
		Confine:     func(c *Config, url, _ string) { c.URL = hub.Secret(url) },
		Send:        func() any { return &SendOptions{} },
		CheckHeader: func(_, name, _ string) (string, bool) { return ignoredHeader(name) },
		Check:       func(c *Config, _ *hub.Env) []hub.FieldFault { _, _, faults := c.read(); return faults },

		Open:       open,
		Close:      (*Adapter).Close,
		OpenTarget: (*Adapter).OpenTarget,
		Probe:      (*Adapter).Probe,
	}
}
