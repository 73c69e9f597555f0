package yamlfile

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func codes(l *Loader) string {
	var out []string
	for _, p := range l.Problems.All() {
		out = append(out, fmt.Sprintf("%s@%d:%d", p.Code, p.Line, p.Col))
	}
	return strings.Join(out, " ")
}

func bomb() string {
	b := "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n"
	for i := 1; i < 9; i++ {
		b += fmt.Sprintf("a%d: &a%d [%s]\n", i, i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d,", i-1), 10), ","))
	}
	return b
}

// TestHostile: no input hangs or gets through.
func TestHostile(t *testing.T) {
	deep := strings.Repeat("[", 20_000)
	for name, c := range map[string]struct{ src, want string }{
		"bomb":             {bomb(), "E011"},
		"merge bomb":       {bomb() + "m:\n  <<: {q: *a8}\n", "E011"},
		"deep, closed":     {strings.Repeat("[", 200) + strings.Repeat("]", 200), "E010@1:101"},
		"deep, open":       {deep, "E0"},
		"deep blocks":      {strings.Repeat("- ", 20_000), "E0"},
		"too large":        {strings.Repeat("a", maxSize+1), "E009@0:0"},
		"4 MB of comments": {strings.Repeat("#\n", maxSize/2/slower), ""},
		"4 MB of items":    {strings.Repeat("- a\n", maxSize/4/slower), ""},
		"4 MB of colons":   {strings.Repeat(":", maxSize/slower), "E001"},
		"4 MB of braces":   {strings.Repeat("{a: ", maxSize/4/slower), "E0"},
		"4 MB of keys":     {strings.Repeat("? ", maxSize/2/slower), "E0"},
		"not UTF-8":        {"a: 1\nb: ü\xff", "E008@2:5"},
		"UTF-16":           {"\xff\xfea\x00", "E008@1:1"},
		"NUL":              {"a: \x00", "E008@1:4"},
		"line separator":   {"a: x\u2028y", "E008@1:5"},
		"lone CR":          {"a: 1\rb: 2", "E008@1:5"},
		"empty":            {"", ""},
		"only comment":     {"# x\n", ""},
	} {
		start := time.Now()
		l := testLoader(nil)
		n, ok := l.Parse("f", []byte(c.src))
		if got := codes(l); !strings.HasPrefix(got, c.want) || c.want == "" && got != "" || ok != (c.want == "") {
			t.Errorf("%s: %v %.200s, want %s", name, ok, got, c.want)
		}
		if ok && n == nil {
			t.Errorf("%s: no node", name)
		}
		t.Logf("%s: %v", name, time.Since(start).Round(time.Millisecond))
		if d := time.Since(start); d > 2*time.Minute { // the machine may be busy
			t.Errorf("%s took %v", name, d)
		}
	}
}

func TestReadFile(t *testing.T) {
	l := testLoader(nil)
	dir := t.TempDir()
	if _, ok := l.ReadFile(filepath.Join(dir, "none.yaml")); ok {
		t.Error("read a file that isn't there")
	}
	if _, ok := l.ReadFile(dir); ok {
		t.Error("read a directory")
	}
	file := filepath.Join(dir, "a.yaml")
	if err := os.WriteFile(file, []byte("a: 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if n, ok := l.ReadFile(file); !ok || n.Get("a").Str() != "1" {
		t.Error("not read")
	}
	if s := l.Sources(); len(s) != 1 || s[0].Name != file || string(s[0].Text) != "a: 1\n" {
		t.Errorf("%v", s)
	}
	if got := codes(l); got != "E015@0:0 E015@0:0" {
		t.Error(got)
	}
}

// TestSixFaultsAreFast: DESIGN wants all problems of a 100-line file at once, in under 5 ms.
func TestSixFaultsAreFast(t *testing.T) {
	src := "name: no\nwait: 30\nsize: 10\nmode: slwo\ncont: 1\nlimits: {max: 0}\nops:\n"
	for i := range 93 {
		src += fmt.Sprintf("  op%d: {max: %d, burst: 5s}\n", i, i+1)
	}
	best := time.Hour
	for range 50 { // the machine may be busy
		start := time.Now()
		l := testLoader(nil)
		n, _ := l.Parse("f", []byte(src))
		n.Decode(&thing{}, "thing")
		l.Problems.WriteText(&bytes.Buffer{}, true, true)
		best = min(best, time.Since(start))
		if l.Problems.Errors() != 6 {
			t.Fatalf("%v", l.Problems.All())
		}
	}
	t.Log("100 lines, 6 faults, printed:", best)
	if best > slower*5*time.Millisecond {
		t.Errorf("took %v", best)
	}
}

func FuzzParse(f *testing.F) {
	files, _ := filepath.Glob("testdata/*.txtar")
	for _, file := range files {
		b, _ := os.ReadFile(file)
		f.Add(b)
		_, in, _ := strings.Cut(string(b), inMark)
		in, _, _ = strings.Cut(in, wantMark)
		f.Add([]byte(in))
	}
	f.Add([]byte(bomb()))
	f.Add([]byte("<<: [{a: 1}, *x]\n"))
	f.Fuzz(func(t *testing.T, src []byte) {
		l := testLoader(map[string]string{"A": "1"})
		start := time.Now()
		if n, ok := l.Parse("f", src); ok {
			n.Any()
			n.Decode(&thing{}, "thing")
			visit(n)
		} else if l.Problems.Errors() == 0 {
			t.Error("no tree and no reason")
		}
		for _, w := range []func(){func() { l.Problems.WriteText(&bytes.Buffer{}, true, true) }, func() { l.Problems.WriteJSON(&bytes.Buffer{}) }} {
			w()
		}
		for _, p := range l.Problems.All() {
			if p.Line < 1 || p.Col < 1 || p.EndCol <= p.Col {
				t.Errorf("bad place %+v", p)
			}
		}
		if d := time.Since(start); d > 5*time.Second {
			t.Errorf("took %v", d)
		}
	})
}

func visit(n *Node) {
	_, _, _ = n.Pos()
	_ = n.Path()
	n.WarnIfFormulaLike()
	if n.Kind() == Scalar {
		n.ErrorAt(len([]rune(n.Str()))/2, 2, "X", "", "inside")
	}
	for _, i := range n.Items() {
		visit(i)
	}
	for _, v := range n.Entries() {
		visit(v)
	}
}
