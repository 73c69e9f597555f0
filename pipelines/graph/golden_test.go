package graph

import (
	"bytes"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files")

var writers = []struct {
	ext   string
	write func(*Graph, io.Writer) error
}{
	{"txt", (*Graph).Text}, {"svg", (*Graph).SVG}, {"mmd", (*Graph).Mermaid}, {"dot", (*Graph).Dot},
}

func parseEdge(s string) Edge {
	from, rest, _ := strings.Cut(s, ">")
	to, label, _ := strings.Cut(rest, ":")
	label, dashed := strings.CutSuffix(label, ":dashed")
	return Edge{From: from, To: to, Label: label, Dashed: dashed}
}

func TestGolden(t *testing.T) {
	for name, c := range map[string]struct {
		g *Graph
		n int
	}{"orders12": {smallHub(), 12}, "hub45": {fullHub(), 45}} {
		if len(c.g.Nodes) != c.n {
			t.Fatalf("%s has %d nodes, want %d", name, len(c.g.Nodes), c.n)
		}
		for _, w := range writers {
			file := filepath.Join("testdata", name+"."+w.ext)
			got := draw(t, c.g, w.write)
			if *update {
				if err := os.WriteFile(file, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) {
				t.Errorf("%s differs; look at it, then go test ./pipelines/graph -update\n%s", file, got)
			}
		}
	}
}

func draw(t interface{ Fatal(...any) }, g *Graph, write func(*Graph, io.Writer) error) []byte {
	var b bytes.Buffer
	if err := write(g, &b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
