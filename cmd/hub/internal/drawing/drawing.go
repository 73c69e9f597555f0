// Package drawing makes the graph of a plan, and writes it in the forms that people ask for.
package drawing

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"orderhub/cmd/hub/internal/words"
	"orderhub/pipelines"
	"orderhub/pipelines/alert"
	"orderhub/pipelines/graph"
	"orderhub/pipelines/process"
)

// Formats are the forms of a drawing.
var Formats = []string{"text", "svg", "mermaid", "dot"}

// Write draws in one of the formats; any other is text.
func Write(w io.Writer, g *graph.Graph, format string) error {
	switch format {
	case "svg":
		return g.SVG(w)
	case "mermaid":
		return g.Mermaid(w)
	case "dot":
		return g.Dot(w)
	}
	return g.Text(w)
}

// Of makes the graph of a plan: where messages come in, the pipelines, the
// channels between them, and where messages go out.
func Of(p *pipelines.Plan) *graph.Graph {
	g := &graph.Graph{Title: p.Name, Nodes: []graph.Node{}, Edges: []graph.Edge{}}
	m := &modelBuilder{plan: p, g: g, nodes: map[string]bool{}, edges: map[[2]string]int{}}
	for _, pl := range p.Pipelines {
		if pl.Name == alert.Key { // no part of the flow, but for where alerts go
			if len(pl.Destinations) > 0 {
				m.node(graph.Node{ID: "pipeline " + pl.Name, Label: pl.Name, Kind: graph.Pipeline, Link: pl.Line})
			}
			continue
		}
		m.source(pl)
		m.node(m.pipeline(pl))
		m.from(pl)
	}
	for _, pl := range p.Pipelines {
		for _, l := range pl.Destinations {
			m.link(pl, l)
		}
	}
	return m.g
}

type modelBuilder struct {
	plan  *pipelines.Plan
	g     *graph.Graph
	nodes map[string]bool
	edges map[[2]string]int
}

func (m *modelBuilder) node(n graph.Node) string {
	if !m.nodes[n.ID] {
		m.nodes[n.ID] = true
		m.g.Nodes = append(m.g.Nodes, n)
	}
	return n.ID
}

// source adds the node that feeds the pipeline from outside.
func (m *modelBuilder) source(pl *pipelines.Pipeline) {
	label, detail := pl.From.String(), "clock"
	if a := pl.From.Adapter; a != nil {
		if detail = a.Type.Name; a.Type.Server && pl.From.Arg != "" {
			label = pl.From.Arg
		}
	} else if !pl.From.Clock() {
		return
	}
	id := m.node(graph.Node{ID: "source " + pl.Name, Label: label, Detail: detail, Kind: graph.Source, Link: pl.Line})
	m.edge(id, "pipeline "+pl.Name, "", false)
}

// pipeline is the node of a pipeline, or of a process.
func (m *modelBuilder) pipeline(pl *pipelines.Pipeline) graph.Node {
	n := graph.Node{ID: "pipeline " + pl.Name, Label: pl.Name, Detail: words.Plural(pl.Steps, "step"), Kind: graph.Pipeline, Link: pl.Line}
	if ps := process.Of(m.plan); ps.Definition(pl.Name) != nil {
		n.Kind, n.Detail = graph.Process, fmt.Sprintf("v%d, %s", ps.Definition(pl.Name).Version, words.Plural(len(ps.States(pl.Name)), "state"))
	}
	return n
}

// from adds the way from the pipeline's channel.
func (m *modelBuilder) from(pl *pipelines.Pipeline) {
	if c := pl.From.Channel; c != nil {
		m.edge(m.channel(c), "pipeline "+pl.Name, pl.From.Arg, false)
	}
}

func (m *modelBuilder) channel(c *pipelines.Channel) string {
	kind := graph.Channel
	read := slices.ContainsFunc(m.plan.Pipelines, func(p *pipelines.Pipeline) bool { return p.From.Channel == c })
	if !read && strings.Contains(c.Name, "invalid") {
		kind = graph.Dead
	}
	return m.node(graph.Node{ID: "channel " + c.Name, Label: c.Name, Detail: c.Type, Kind: kind, Link: c.Line})
}

// link adds where the pipeline's messages go.
func (m *modelBuilder) link(pl *pipelines.Pipeline, l pipelines.Destination) {
	to := ""
	label := l.Arg
	if c := m.plan.Channel(l.To); c != nil {
		to = m.channel(c)
	} else if a := m.plan.Adapter(l.To); a != nil {
		to = m.node(graph.Node{ID: "target " + a.Name, Label: a.Name, Detail: a.Type.Name, Kind: graph.Target, Link: a.Line})
	} else if called := m.plan.Pipeline(l.To); called != nil {
		to, label = "pipeline "+called.Name, l.Verb
	} else {
		return
	}
	m.edge("pipeline "+pl.Name, to, label, l.Error || l.Copy)
}

// edge adds an arrow; several between the same nodes become one with all labels.
func (m *modelBuilder) edge(from, to, label string, dashed bool) {
	key := [2]string{from, to}
	i, known := m.edges[key]
	if !known {
		m.edges[key] = len(m.g.Edges)
		m.g.Edges = append(m.g.Edges, graph.Edge{From: from, To: to, Label: label, Dashed: dashed})
		return
	}
	e := &m.g.Edges[i]
	e.Dashed = e.Dashed && dashed
	if labels := strings.Split(e.Label, ", "); label != "" && !slices.Contains(labels, label) {
		switch {
		case e.Label == "":
			e.Label = label
		case len(labels) < 3:
			e.Label += ", " + label
		case !strings.HasSuffix(e.Label, ", …"):
			e.Label += ", …"
		}
	}
}
