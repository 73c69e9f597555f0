package yamlfile

import (
	"strings"
	"testing"
)

func TestCanonicalKeepsTheMeaning(t *testing.T) {
	read := func(text string) *Node {
		l := NewLoader()
		n, ok := l.Parse("a.yaml", []byte(text))
		if !ok || l.Problems.Errors() > 0 {
			t.Fatalf("%s does not parse", text)
		}
		return n
	}
	a := read("# one\nx: &a {n: 1, s: \"1\", f: =body.x, e: '${HOME}'}\ny: *a\nz: [a, ~]\n")
	text := a.Canonical()
	b := read("z: 1\n" + "w: 2\n")
	if string(read(string(text)).Canonical()) != string(text) {
		t.Errorf("the text changes when it is read again:\n%s", text)
	}
	if strings.Contains(string(text), "one") || !strings.Contains(string(text), `s: "1"`) || !strings.Contains(string(text), "${HOME}") {
		t.Errorf("got\n%s", text)
	}
	if string(b.Canonical()) == string(text) {
		t.Error("two meanings have one text")
	}
}

func TestStandTellsFaultsAtItsPlace(t *testing.T) {
	l := NewLoader()
	n, _ := l.Parse("a.yaml", []byte("a:\n  b: short\n"))
	at := n.Get("a").Get("b")
	at.Stand("{send: {x: 1}}").Get("send").Get("x").Errorf("E1", "h", "wrong")
	var w strings.Builder
	l.Problems.WriteText(&w, false, false)
	if !strings.Contains(w.String(), "a.yaml:2:6") {
		t.Errorf("got %s", w.String())
	}
}
