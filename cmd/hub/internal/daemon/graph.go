package daemon

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"orderhub/cmd/hub/internal/api"
	"orderhub/cmd/hub/internal/config"
	"orderhub/cmd/hub/internal/drawing"
	"orderhub/pipelines/graph"
)

// graph is the running plan with live notes: ?format= adds a drawing.
func (a *admin) graph(r *http.Request) (*api.Graph, error) {
	g := a.current.Load()
	v := &api.Graph{Graph: drawing.Of(g.Plan)}
	if err := a.note(r.Context(), g, v.Nodes); err != nil {
		return nil, err
	}
	if format := r.FormValue("format"); format != "" {
		var b strings.Builder
		if err := drawing.Write(&b, v.Graph, format); err != nil {
			return nil, err
		}
		v.Drawn = b.String()
	}
	return v, nil
}

// note writes onto the nodes of pipelines and processes what lies in their queues, and whether they are paused.
func (a *admin) note(ctx context.Context, g *generation, nodes []graph.Node) error {
	qs, err := a.storage.Queues(ctx)
	if err != nil {
		return err
	}
	waiting, dead := map[string]int{}, map[string]int{}
	for _, q := range qs {
		waiting[q.Queue], dead[q.Queue] = q.Live(), q.Dead
	}
	paused := g.paused()
	for i := range nodes {
		n := &nodes[i]
		if n.Kind != graph.Pipeline && n.Kind != graph.Process {
			continue
		}
		w, d := 0, 0
		for _, s := range g.Plan.Pipeline(n.Label).Stages {
			if d += dead[s.Queue]; !s.Clock { // the message of a clock is no work
				w += waiting[s.Queue]
			}
		}
		if n.Kind == graph.Process {
			p, err := a.reportOf(ctx, g.Processes(), n.Label)
			if err != nil {
				return err
			}
			n.Badge = fmt.Sprintf("%d open", p.Open)
		} else if w > 0 {
			n.Badge = fmt.Sprintf("%d waiting", w)
		}
		switch {
		case paused[n.Label]:
			n.State = "paused"
		case d > 0:
			n.State, n.Badge = "failing", fmt.Sprintf("%d dead", d)
		}
	}
	return nil
}

// diff compares another configuration with the one that runs.
func (a *admin) diff(r *http.Request) (*api.Diff, error) {
	var q api.DiffRequest
	if err := readJSON(r, &q); err != nil {
		return nil, err
	}
	g := a.current.Load()
	return config.Load(q.Config, a.Fresh(), &config.Stubs{}, g.Sets...).Diff(r.Context(), a.storage, g.Running())
}
