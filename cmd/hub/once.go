package main

import (
	"orderhub/hub"
	"orderhub/pipelines"
)

// readOnce makes every source that may end read what is there and end.
func readOnce(reg *pipelines.Registry) { openWith(reg, func(env *hub.Env) { env.Once = true }) }
