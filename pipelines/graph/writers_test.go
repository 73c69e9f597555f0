package graph

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// Duty: a bad graph is refused by every writer, with all its problems, and nothing is written.
func TestBadGraph(t *testing.T) {
	g := &Graph{Nodes: []Node{{ID: "a"}, {ID: "a"}, {Label: "x"}, {ID: "s", State: "odd"}}, Edges: []Edge{{From: "a", To: "nowhere"}, {From: "gone", To: "gone"}}}
	for _, w := range writers {
		var b bytes.Buffer
		err := w.write(g, &b)
		if err == nil || b.Len() > 0 {
			t.Fatalf("%s: error %v, wrote %d bytes", w.ext, err, b.Len())
		}
		for _, want := range []string{`edge "a" -> "nowhere": unknown node "nowhere"`, `edge "gone" -> "gone": unknown node "gone"`,
			`node "a": id used twice`, `node 3 ("x"): no id`, `node "s": unknown state "odd"`} {
			if strings.Count(err.Error(), want) != 1 {
				t.Errorf("%s: want once %q in:\n%v", w.ext, want, err)
			}
		}
	}
}

// Duty: the writer's error comes back.
func TestWriteError(t *testing.T) {
	for _, w := range writers {
		if err := w.write(smallHub(), brokenWriter{}); !errors.Is(err, io.ErrClosedPipe) {
			t.Errorf("%s: %v", w.ext, err)
		}
	}
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

// Duty: the SVG is well-formed whatever the labels hold, has no script, and links every node that has a Link.
func TestSVGWellFormed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := anyGraph(t)
		dec := xml.NewDecoder(bytes.NewReader(draw(t, g, (*Graph).SVG)))
		count := map[string]int{}
		for {
			tok, err := dec.Token()
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			if s, ok := tok.(xml.StartElement); ok {
				count[s.Name.Local]++
			}
		}
		links := 0
		for _, n := range g.Nodes {
			if n.Link != "" {
				links++
			}
		}
		if count["script"] > 0 || count["a"] != links || count["desc"] != 1 || count["title"] != 1+len(g.Nodes)+len(g.Edges) {
			t.Fatalf("%v, want %d links", count, links)
		}
	})
}

// Duty: no text line over 160 columns; every node is drawn.
func TestTextFits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := anyGraph(t)
		for _, line := range strings.Split(string(draw(t, g, (*Graph).Text)), "\n") {
			if columns(line) > textWidth {
				t.Fatalf("%d columns: %s", columns(line), line)
			}
		}
		at, _ := g.index()
		tx := newTexter(g, at)
		tx.paragraphs()
		for v, drawn := range tx.drawn {
			if !drawn {
				t.Fatalf("node %d not drawn", v)
			}
		}
	})
}

func TestTextSayings(t *testing.T) {
	for name, c := range map[string]struct {
		edges []string
		want  string
	}{
		"chain":    {[]string{"a>b", "b>c:ok"}, "a ─> b ─ok─> c\n"},
		"branch":   {[]string{"a>b", "a>c:no:dashed"}, "a ─┬─> b\n   └┄no┄> c\n"},
		"fan in":   {[]string{"a>c", "b>c"}, "a ─┬─> c\nb ─┘\n"},
		"cycle":    {[]string{"a>b", "b>c", "c>a:again"}, "a ─> b ─> c ─again─> ↑ a\n\n↑ drawn above\n"},
		"loop":     {[]string{"a>a:again", "b>c"}, "a ─again─> ↑ a\nb ─> c\n\n↑ drawn above\n"},
		"diamond":  {[]string{"a>b", "a>c", "b>d", "c>d"}, "a ─┬─> b ─> d\n   └─> c ─> ↑ d\n\n↑ drawn above\n"},
		"parallel": {[]string{"a>b:x", "a>b:y"}, "a ─┬─x─> b\n   └─y─> ↑ b\n\n↑ drawn above\n"},
	} {
		g := &Graph{}
		edges(g, c.edges...)
		seen := map[string]bool{}
		for _, id := range strings.Split("a b c d", " ") {
			for _, e := range g.Edges {
				if (e.From == id || e.To == id) && !seen[id] {
					seen[id] = true
					g.Nodes = append(g.Nodes, Node{ID: id})
				}
			}
		}
		if got := string(draw(t, g, (*Graph).Text)); got != c.want {
			t.Errorf("%s:\n%s\nwant\n%s", name, got, c.want)
		}
	}
}

// Duty: Mermaid and Dot take any label and any ID; nothing in them ends a string early.
func TestEscapes(t *testing.T) {
	g := &Graph{Title: `a "b"`, Nodes: []Node{{ID: "end", Label: "say \"hi\" #1 <b>\n`x`"}, {ID: "a b", Label: `1. back\slash & more`}, {ID: "a.b", Label: "- x"}},
		Edges: []Edge{{From: "end", To: "a b", Label: `"|x`}, {From: "a b", To: "a.b"}}}
	mermaid := string(draw(t, g, (*Graph).Mermaid))
	for _, want := range []string{"title: \"a \\\"b\\\"\"\n", `n_end("say #34;hi#34; #35;1 #60;b#62; #96;x#96;"):::step`, `n_a_b("1#46; back#92;slash #38; more")`,
		`n_a_b_2("#45; x")`, `n_end -->|"#34;#124;x"| n_a_b` + "\n", "n_a_b --> n_a_b_2\n"} {
		if !strings.Contains(mermaid, want) {
			t.Errorf("want %q in\n%s", want, mermaid)
		}
	}
	dot := string(draw(t, g, (*Graph).Dot))
	for _, want := range []string{"label=\"a \\\"b\\\"\"", "label=\"say \\\"hi\\\" #1 <b> `x`\"", `label="1. back\\slash &amp; more"`, `"end" -> "a b" [label="\"|x"];`} {
		if !strings.Contains(dot, want) {
			t.Errorf("want %q in\n%s", want, dot)
		}
	}
}

// Duty: 12 nodes are drawn in less than 1 ms. The best of many runs: the machine may be busy.
func TestFast(t *testing.T) {
	g, best := smallHub(), time.Hour
	for range 200 {
		start := time.Now()
		draw(t, g, (*Graph).SVG)
		best = min(best, time.Since(start))
	}
	limit := time.Millisecond
	if raceDetector {
		limit *= 10 // it slows code down by 2 to 20 times
	}
	if best > limit {
		t.Errorf("12 nodes take %v", best)
	}
}

func BenchmarkWriters(b *testing.B) {
	for name, g := range map[string]*Graph{"12": smallHub(), "45": fullHub()} {
		for _, w := range writers {
			b.Run(name+"/"+w.ext, func(b *testing.B) {
				for b.Loop() {
					if err := w.write(g, io.Discard); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
