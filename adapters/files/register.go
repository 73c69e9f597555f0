// Package files is the channel adapter `files`: files that appear in a folder
// become messages, and messages become files (EIP File Transfer).
package files

import (
	"time"

	"orderhub/hub"
)

// Component registers the adapter.
func Component() hub.Component { return definition().Component() }

func definition() hub.Typed[*Adapter, Config, SourceConfig] {
	return hub.Typed[*Adapter, Config, SourceConfig]{
		Name: "files", Finite: true,
		Confine: func(c *Config, _, dir string) {
			if c.Dir != "" {
				c.Dir, c.Stable, c.Poll = dir, 20*time.Millisecond, 20*time.Millisecond
			}
		},
		Send: func() any { return &SendOptions{} },
		CheckHeader: func(arg, name, _ string) (string, bool) {
			return "name it in the file's name, as {" + name + "}, or put it into the body", !mentions(arg, name)
		},
		Check: func(c *Config, _ *hub.Env) []hub.FieldFault { return c.check() },

		Open: func(c *Config, env *hub.Env) (*Adapter, error) {
			a := &Adapter{cfg: *c, env: env}
			a.cfg.Dir, a.cfg.Path = env.Path(c.Dir), env.Path(c.Path)
			if c.Append {
				a.append = newAppending(a.cfg.Dir, env.Clock)
			}
			return a, nil
		},
		OpenSource: (*Adapter).OpenSource,
		OpenTarget: (*Adapter).OpenTarget,
		Figures:    (*Adapter).Figures,
	}
}
