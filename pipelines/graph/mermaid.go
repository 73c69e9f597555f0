package graph

import (
	"fmt"
	"io"
	"strings"
)

// Mermaid writes the graph as a Mermaid flowchart, left to right, nodes in layout order.
func (g *Graph) Mermaid(w io.Writer) error {
	l, err := g.layout()
	if err != nil {
		return err
	}
	ids := g.safeIDs()
	var b strings.Builder
	if g.Title != "" {
		fmt.Fprintf(&b, "---\ntitle: %s\n---\n", yamlText(oneLine(g.Title)))
	}
	b.WriteString("flowchart LR\n")
	for _, v := range l.order {
		n := g.Nodes[v]
		text := mermaidText(n.name())
		if n.Detail != "" {
			text += "<br/><small>" + mermaidText(oneLine(n.Detail)) + "</small>"
		}
		if n.note() != "" {
			text += "<br/><b>" + mermaidText(n.note()) + "</b>"
		}
		h := hueOf(n.Kind)
		fmt.Fprintf(&b, "  %s%s\"%s\"%s:::%s\n", ids[n.ID], h.mermaid[0], text, h.mermaid[1], h.name)
	}
	for _, e := range g.Edges {
		arrow := "-->"
		if e.Dashed {
			arrow = "-.->"
		}
		if label := oneLine(e.Label); label != "" {
			arrow += "|\"" + mermaidText(label) + "\"|"
		}
		fmt.Fprintf(&b, "  %s %s %s\n", ids[e.From], arrow, ids[e.To])
	}
	for _, h := range hues {
		fmt.Fprintf(&b, "  classDef %s fill:%s,stroke:%s,color:#1d2129\n", h.name, h.fill, h.line)
	}
	b.WriteString("  classDef paused stroke:#b45309,stroke-dasharray:6 4\n  classDef failing stroke:#c2363f,stroke-width:3px\n")
	for _, v := range l.order {
		if n := g.Nodes[v]; n.State != "" {
			fmt.Fprintf(&b, "  class %s %s\n", ids[n.ID], n.State)
		}
	}
	return write(w, "mermaid", b.String())
}

// safeIDs turns every node ID into a name Mermaid takes: never a keyword, never the same twice.
func (g *Graph) safeIDs() map[string]string {
	ids, taken := make(map[string]string, len(g.Nodes)), make(map[string]bool, len(g.Nodes))
	for _, n := range g.Nodes {
		id := "n_" + strings.Map(func(r rune) rune {
			if r < 0x80 && (r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9') {
				return r
			}
			return '_'
		}, n.ID)
		free := id
		for i := 2; taken[free]; i++ {
			free = fmt.Sprintf("%s_%d", id, i)
		}
		taken[free] = true
		ids[n.ID] = free
	}
	return ids
}

// mermaidText writes what Mermaid would read as markup, Markdown or the end of the label as entities.
func mermaidText(s string) string {
	var b strings.Builder
	for i, r := range s {
		switch {
		case strings.ContainsRune("\"#<>&`|*_[]{}();\\", r), i == 0 && strings.ContainsRune("-+/", r), r == '.' && digits(s[:i]):
			fmt.Fprintf(&b, "#%d;", r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// digits is true for "1", "23": with a dot behind them Markdown starts a list.
func digits(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }

// yamlText is s as a YAML string in double quotes.
func yamlText(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}
