package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"

	"github.com/spf13/cobra"

	"orderhub/cmd/hub/internal/exit"
	"orderhub/cmd/hub/internal/words"
	"orderhub/pipelines/graph"
	"orderhub/pipelines/process"
)

// graphFormats are the forms of a drawing.
var graphFormats = []string{"text", "svg", "mermaid", "dot"}

func writeGraph(g *graph.Graph, format string, w io.Writer) error {
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

func (c *cli) graphCommand() *cobra.Command {
	var format string
	var sets []string
	cmd := &cobra.Command{
		Use: "graph [CONFIG]", Short: "Draw the pipelines and what is between them", Args: between(0, 1),
		RunE: func(_ *cobra.Command, args []string) error { return c.graph(configPath(args), format, sets) },
	}
	cmd.Flags().StringVarP(&format, "format", "f", "text", "text, svg, mermaid or dot")
	setFlag(cmd, &sets)
	cmd.RegisterFlagCompletionFunc("format", cobra.FixedCompletions(graphFormats, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

func (c *cli) graph(path, format string, sets []string) error {
	known := false
	for _, f := range graphFormats {
		known = known || f == format
	}
	if !known {
		return exit.Usagef("unknown format %q%s", format, words.Meant(format, graphFormats, "write text, svg, mermaid or dot"))
	}
	l := load(path, registry(c.Mask), &stubs{}, sets...)
	if !l.ok() {
		return c.Explain(l.path, l.problems)
	}
	g := model(l.plan)
	if c.IsJSON() {
		return c.PrintJSON(viewOf(g))
	}
	return writeGraph(g, format, c.Out)
}

// graphView is a graph as JSON.
type graphView struct {
	Title string      `json:"title"`
	Nodes []graphNode `json:"nodes"`
	Edges []graphEdge `json:"edges"`
	Drawn string      `json:"drawn,omitempty"` // in the format asked for
}

type graphNode struct {
	ID     string     `json:"id"`
	Label  string     `json:"label"`
	Detail string     `json:"detail,omitempty"`
	Kind   graph.Kind `json:"kind"`
	Line   string     `json:"line,omitempty"`
	Badge  string     `json:"badge,omitempty"`
	State  string     `json:"state,omitempty"`
}

type graphEdge struct {
	From   string `json:"from"`
	To     string `json:"to"`
	Label  string `json:"label,omitempty"`
	Dashed bool   `json:"dashed,omitempty"`
}

func viewOf(g *graph.Graph) graphView {
	v := graphView{Title: g.Title, Nodes: []graphNode{}, Edges: []graphEdge{}}
	for _, n := range g.Nodes {
		v.Nodes = append(v.Nodes, graphNode{n.ID, n.Label, n.Detail, n.Kind, n.Link, n.Badge, n.State})
	}
	for _, e := range g.Edges {
		v.Edges = append(v.Edges, graphEdge{e.From, e.To, e.Label, e.Dashed})
	}
	return v
}

// graph is the running plan with live notes: ?format= adds a drawing.
func (a *admin) graph(r *http.Request) (any, error) {
	current := a.current.Load()
	g := model(current.plan)
	qs, err := a.storage.Queues(r.Context())
	if err != nil {
		return nil, err
	}
	waiting, dead := map[string]int{}, map[string]int{}
	for _, q := range qs {
		waiting[q.Queue], dead[q.Queue] = q.Ready+q.Waiting+q.Held, q.Dead
	}
	paused := current.paused()
	for i := range g.Nodes {
		n := &g.Nodes[i]
		if n.Kind != graph.Pipeline && n.Kind != graph.Process {
			continue
		}
		w, d := 0, 0
		for _, s := range current.plan.Pipeline(n.Label).Stages {
			w, d = w+waiting[s.Queue], d+dead[s.Queue]
		}
		if n.Kind == graph.Process {
			p, err := a.reportOf(r.Context(), process.Of(current.plan), n.Label)
			if err != nil {
				return nil, err
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
	v := viewOf(g)
	if format := r.FormValue("format"); format != "" {
		var b bytes.Buffer
		if err := writeGraph(g, format, &b); err != nil {
			return nil, err
		}
		v.Drawn = b.String()
	}
	return v, nil
}
