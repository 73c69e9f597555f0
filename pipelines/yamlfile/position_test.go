package yamlfile

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// TestErrorAt finds the word "HERE" inside scalars of every style.
func TestErrorAt(t *testing.T) {
	for name, c := range map[string]struct{ src, want string }{
		"plain":             {"a: =x + HERE", "1:9+4"},
		"plain in flow":     {"a: {b: 1, v: =x + HERE}", "1:19+4"},
		"single":            {"a: '=x + HERE'", "1:10+4"},
		"single with ''":    {"a: '=''x'' + HERE'", "1:14+4"},
		"double":            {`a: "=x + HERE"`, "1:10+4"},
		"double escapes":    {`a: "=\"\u00fc\" + HERE"`, "1:19+4"},
		"literal block":     {"a: |\n  =x +\n   HERE", "3:4+4"},
		"block, blank line": {"a:\n  b: |-\n\n      =x +\n\n      HERE\n", "6:7+4"},
		"block, indicator":  {"a: |2\n    =x +\n   HERE\n", "3:4+4"},
		"folded":            {"a: >\n  =x +\n  HERE\n", "1:4+1"},
		"plain, folded":     {"a: =x +\n  HERE\n", "1:4+1"},
		"non-ASCII":         {"größe: {ü: =日本 + HERE}", "1:18+4"},
		"anchor and tag":    {"a: &f !!str =x + HERE", "1:18+4"},
		"crlf":              {"z: 1\r\na: |\r\n  =x +\r\n  HERE\r\n", "4:3+4"},
		"bom":               {"\ufeffa: =x + HERE", "1:9+4"},
		"behind a variable": {"a: =${LONG} + HERE", "1:15+4"},
		"behind $${":        {"a: =$${x} + HERE", "1:13+4"},
		"in a variable":     {"a: =x + ${HERE}", "1:9+1"},
	} {
		l := testLoader(map[string]string{"LONG": "a very long value", "HERE": "HERE"})
		n, ok := l.Parse("f", []byte(c.src))
		if !ok {
			t.Fatal(name, l.Problems.All())
		}
		for len(n.Keys()) > 0 {
			keys := n.Keys()
			n = n.Get(keys[len(keys)-1])
		}
		at := strings.Index(n.Str(), "HERE")
		n.ErrorAt(len([]rune(n.Str()[:at])), 4, "X", "", "here")
		p := l.Problems.All()[0]
		if got := fmt.Sprintf("%d:%d+%d", p.Line, p.Col, p.EndCol-p.Col); got != c.want {
			t.Errorf("%s: got %s, want %s", name, got, c.want)
		}
	}
}

func TestExtents(t *testing.T) {
	src := "a: foo bar # c\nb: 'it''s'\nc: \"x\\\"y\" \nd:\n  e: 1\nf:\ng: |\n  text\nh:\n  - i: 1\nj: {k: 'v'}\n"
	l := testLoader(nil)
	n, _ := l.Parse("f", []byte(src))
	n.Get("h").Items()[0].Errorf("X", "", "h0")
	for k, v := range n.Entries() {
		v.Errorf("X", "", "%s", k.Raw())
	}
	want := "a 1:4+7 b 2:4+7 c 3:4+6 d 4:1+1 f 6:1+1 g 7:4+1 h 9:1+1 h0 10:5+1 j 11:1+1"
	var got []string
	for _, p := range l.Problems.All() {
		got = append(got, fmt.Sprintf("%s %d:%d+%d", p.Message, p.Line, p.Col, p.EndCol-p.Col))
	}
	if s := strings.Join(got, " "); s != want {
		t.Errorf("got  %s\nwant %s", s, want)
	}
}

func TestTheReferenceLoadsWithoutAProblem(t *testing.T) {
	src, err := os.ReadFile("testdata/order-hub.yaml")
	if err != nil {
		t.Fatal(err)
	}
	l := testLoader(nil)
	n, ok := l.Parse("order-hub.yaml", src)
	if !ok || len(l.Problems.All()) > 0 {
		t.Fatalf("%v", l.Problems.All())
	}
	step := n.Get("pipelines").Get("web-orders").Get("steps").Items()[2].Get("translate").Get("items")
	if p := step.Path(); p != "pipelines.web-orders.steps[2].translate.items" {
		t.Error(p)
	}
	if keys := strings.Join(n.Keys(), " "); keys != "hub schemas retries adapters channels pipelines processes tests" {
		t.Error(keys)
	}
}
