// Package graph draws a hub: nodes (sources, channels, pipelines, processes, steps) and the edges between them.
//
// One layered layout (layout.go) stands behind the SVG; Mermaid and Dot name their nodes in its order, and the text
// writer follows the same cycle-free edges. Every writer is deterministic: the same Graph gives the same bytes.
package graph

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Kind says what a node is; it decides the shape, the icon and the colour.
type Kind string

// The kinds with shapes of their own. Every other kind is drawn as a plain step.
const (
	Source   Kind = "source"   // where messages come in
	Target   Kind = "target"   // where messages go out
	Pipeline Kind = "pipeline" // a list of steps
	Channel  Kind = "channel"  // a message channel, drawn as a pipe
	Process  Kind = "process"  // a process manager
	Dead     Kind = "dead"     // dead letters, invalid messages
)

// Node is one box. ID is unique in its Graph and is never shown when Label is set.
type Node struct {
	ID     string `json:"id"`
	Label  string `json:"label"`
	Detail string `json:"detail,omitempty"` // a second, quieter line
	Kind   Kind   `json:"kind"`
	Link   string `json:"line,omitempty"`  // file:line of the YAML that made the node, or ""
	Href   string `json:"-"`               // where the node leads to in a page that shows the drawing; "": to its Link
	Badge  string `json:"badge,omitempty"` // a short live note: "7 waiting"
	State  string `json:"state,omitempty"` // "", "paused" or "failing"
}

// Edge is an arrow between the nodes with the IDs From and To.
type Edge struct {
	From   string `json:"from"`
	To     string `json:"to"`
	Label  string `json:"label,omitempty"`
	Dashed bool   `json:"dashed,omitempty"` // not the main flow: a tap, a compensation, an error path
}

// Graph is the model the four writers draw. The writers never change it and may run at the same time.
type Graph struct {
	Title string `json:"title"`
	Nodes []Node `json:"nodes"`
	Edges []Edge `json:"edges"`
}

// states a node may be in; any other is an error.
const (
	statePaused  = "paused"
	stateFailing = "failing"
)

// index maps node IDs to places in g.Nodes. Its error names every unknown or repeated ID, not only the first.
func (g *Graph) index() (map[string]int, error) {
	at := make(map[string]int, len(g.Nodes))
	var errs []error
	for i, n := range g.Nodes {
		if n.ID == "" {
			errs = append(errs, fmt.Errorf("node %d (%q): no id", i+1, n.Label))
			continue
		}
		if _, ok := at[n.ID]; ok {
			errs = append(errs, fmt.Errorf("node %q: id used twice", n.ID))
		}
		if n.State != "" && n.State != statePaused && n.State != stateFailing {
			errs = append(errs, fmt.Errorf("node %q: unknown state %q", n.ID, n.State))
		}
		at[n.ID] = i
	}
	for _, e := range g.Edges {
		for _, id := range []string{e.From, e.To} {
			if _, ok := at[id]; !ok {
				errs = append(errs, fmt.Errorf("edge %q -> %q: unknown node %q", e.From, e.To, id))
			}
			if e.From == e.To {
				break
			}
		}
	}
	return at, errors.Join(errs...)
}

// name is what people see for a node: one line, no control characters.
func (n Node) name() string {
	return cmp.Or(oneLine(n.Label), oneLine(n.ID))
}

// note is the badge and the state in one phrase: "7 waiting, paused".
func (n Node) note() string { return strings.Join(filled(oneLine(n.Badge), n.State), ", ") }

// filled are the texts that are not empty.
func filled(texts ...string) []string {
	return slices.DeleteFunc(texts, func(s string) bool { return s == "" })
}

// write hands a finished drawing to w in one call.
func write(w io.Writer, format, s string) error {
	if _, err := io.WriteString(w, s); err != nil {
		return fmt.Errorf("write %s graph: %w", format, err)
	}
	return nil
}
