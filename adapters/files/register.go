// Package files is the channel adapter `files`: files that appear in a folder
// become messages, and messages become files (EIP File Transfer).
package files

import (
	_ "embed"
	"fmt"
	"log/slog"

	"orderhub/hub"
)

//go:embed README.md
var readme string

// Component registers the adapter. parsers adds ways of `parse:` to the built-in none, lines and ndjson, such as csv.
func Component(parsers map[string]Parser) hub.Component {
	return hub.Component{
		Name:   "files",
		Doc:    readme,
		Config: func() any { return defaultConfig() },
		Send:   func() any { return &SendOptions{} },
		Source: func() any { return &SourceConfig{} },
		CheckHeader: func(arg, name, _ string) (string, bool) {
			return "name it in the file's name, as {" + name + "}, or put it into the body", !mentions(arg, name)
		},
		Check: func(cfg any, env *hub.Env) []hub.FieldFault {
			c, ok := cfg.(*Config)
			if !ok {
				return []hub.FieldFault{{Message: fmt.Sprintf("config is a %T", cfg)}}
			}
			return c.check(parsers)
		},
		Open: func(cfg any, env *hub.Env) (hub.Adapter, error) {
			c, ok := cfg.(*Config)
			if !ok {
				return nil, fmt.Errorf("files %q: config is a %T", env.Name, cfg)
			}
			return open(*c, parsers, env)
		},
	}
}

func open(c Config, parsers map[string]Parser, env *hub.Env) (*Adapter, error) {
	if faults := c.check(parsers); len(faults) > 0 {
		return nil, fmt.Errorf("files %q: %s", env.Name, faults[0].Message)
	}
	e := *env
	if e.Log == nil {
		e.Log = slog.New(slog.DiscardHandler)
	}
	if e.Clock == nil {
		e.Clock = hub.RealClock{}
	}
	c.Dir, c.Path = e.Path(c.Dir), e.Path(c.Path)
	return &Adapter{cfg: c, env: &e, parsers: parsers}, nil
}
