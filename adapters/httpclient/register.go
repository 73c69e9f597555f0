// Package httpclient is the channel adapter `http-client`: calls and sends go
// to an HTTP service, and its answers get their class.
package httpclient

import (
	"orderhub/hub"
)

// Component registers the adapter.
func Component() hub.Component { return definition().Component() }

func definition() hub.Typed[*Client, Config, struct{}] {
	return hub.Typed[*Client, Config, struct{}]{
		Name: "http-client", Nowhere: "http://127.0.0.1:1",
		Confine:     func(c *Config, url, _ string) { c.confine(url) },
		Ops:         (*Config).operations,
		Safe:        (*Config).safe,
		Expects:     (*Config).expected,
		CheckCall:   (*Config).checkCall,
		Takes:       (*Config).takes,
		CheckHeader: func(_, name, _ string) (string, bool) { return ignoredHeader(name) },
		Check:       (*Config).check,

		Open:       open,
		Close:      (*Client).Close,
		OpenTarget: (*Client).OpenTarget,
		OpenCaller: (*Client).OpenCaller,
		Probe:      (*Client).Probe,
		Inspect:    (*Client).Inspect,
		Figures:    (*Client).Figures,
	}
}
