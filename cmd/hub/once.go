package main

import (
	"orderhub/adapters/files"
	"orderhub/pipelines"
)

// readOnce makes every source of files read what is there and end.
func readOnce(reg *pipelines.Registry) {
	for i, c := range reg.Components {
		if c.Name != "files" {
			continue
		}
		fresh := c.Config
		reg.Components[i].Config = func() any {
			cfg := fresh()
			if f, ok := cfg.(*files.Config); ok {
				f.Once = true
			}
			return cfg
		}
	}
}
