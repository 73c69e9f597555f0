// Package httpserver is the channel adapter `http-server`: requests come in,
// become messages, and get the pipeline's reply as their answer.
package httpserver

import "orderhub/hub"

// Component registers the adapter.
func Component() hub.Component { return definition().Component() }

func definition() hub.Typed[*Server, Config, SourceConfig] {
	return hub.Typed[*Server, Config, SourceConfig]{
		Name: "http-server", Answers: true,
		Confine: func(c *Config, _, _ string) { c.Listen = "127.0.0.1:0" },
		CheckSource: func(arg string, c *SourceConfig) []hub.FieldFault {
			_, faults := routeOf(arg, c, &Server{})
			return faults
		},
		Doubt: doubt,
		Check: (*Config).check,

		Open:       open,
		Close:      (*Server).Close,
		OpenSource: (*Server).OpenSource,
		Start:      (*Server).Start,
		Link:       (*Server).Link,
	}
}
