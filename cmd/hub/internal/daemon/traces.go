package daemon

import (
	"context"

	"orderhub/cmd/hub/internal/otlp"
)

// observe makes the generation tell the collector of its runs. The exporter is its own: a reload may name another collector.
// The work that it gives ends with its context.
func (d *Daemon) observe(g *generation) (work func(ctx context.Context)) {
	to := g.Plan.OTLP
	if to.Endpoint == "" {
		return nil
	}
	c := otlp.Config{Endpoint: to.Endpoint, Sample: to.Sample, Headers: map[string]string{}, Hub: g.Plan.Name, Version: d.Version.Version,
		Systems: map[string]string{}, Sources: map[string]string{}, Mask: d.Registry.Mask.Text, Figures: d.health.Figures, Log: d.Log}
	for name, value := range to.Headers {
		c.Headers[name] = value.Reveal()
	}
	for _, a := range g.Plan.Adapters {
		c.Systems[a.Name] = a.Type.Name
	}
	for _, p := range g.Plan.Pipelines {
		c.Sources[p.Name] = p.From.Arg
	}
	e := otlp.New(c)
	g.rt.Observed(e)
	return e.Run
}
