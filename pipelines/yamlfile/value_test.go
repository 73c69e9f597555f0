package yamlfile

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"orderhub/transforms/shape"
)

func TestAny(t *testing.T) {
	l := testLoader(map[string]string{"N": "5", "EVIL": "a: [1]\nb: =x"})
	n, _ := l.Parse("f", []byte("a: 12345678901234567890.10\nb: [true, ~, 2024-01-01, 1.50, '7', null]\nc: ${N}\nd: ${EVIL}\ne: =body.x\nf: |\n  t\ng: &g {h: 1}\ni: {<<: *g, j: 2}\n"))
	want := map[string]any{"a": json.Number("12345678901234567890.10"), "b": []any{true, nil, "2024-01-01", json.Number("1.50"), "7", nil},
		"c": "5", "d": "a: [1]\nb: =x", "e": "=body.x", "f": "t\n", "g": map[string]any{"h": json.Number("1")},
		"i": map[string]any{"h": json.Number("1"), "j": json.Number("2")}}
	if d := cmp.Diff(want, n.Any()); d != "" {
		t.Error(d)
	}
	if n.Get("d").IsFormula() || !n.Get("e").IsFormula() {
		t.Error("only the file makes a formula")
	}
	if got := codes(l); got != "" {
		t.Error(got)
	}
	n, _ = l.Parse("g", []byte("a: no\nb: 010\nc: 0x1F\n"))
	n.Any()
	if got := codes(l); got != "W203@1:4 E109@2:4 E109@3:4" {
		t.Error(got)
	}
}

func TestSecretsAreFoundAndNeverPrinted(t *testing.T) {
	dir := t.TempDir()
	write := func(name, value string, mode os.FileMode) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(value), mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(filepath.Join(dir, name), mode); err != nil {
			t.Fatal(err)
		}
	}
	write("billing", "hunter2!\n", 0o600)
	write("open", "hunter2!", 0o644)
	write("empty", "\n", 0o600)
	l := testLoader(map[string]string{"HUB_SECRET_SHIP_HOOK": "pass\tword", "PW": "sesame99"})
	l.SecretsDir = dir
	n, _ := l.Parse("f", []byte("wait: secret:billing\nname: secret:ship-hook\ncount: secret:billing\nwhen: secret:billing\nflag: secret:ship-hook\nsize: ${PW}\nmode: secret:billing\nlimits: {max: secret:open}\nlist: [secret:empty]\n"))
	d := thing{}
	n.Decode(&d, "thing")
	if d.Name != "pass\tword" || !n.Get("name").Secret() || n.Get("size").Secret() {
		t.Errorf("%q", d.Name)
	}
	if s, ok := n.Get("wait").Text(); s != "hunter2!" || !ok {
		t.Errorf("%q", s)
	}
	n.Get("name").Errorf("X", "try %[1]q", "bad %q and %s", n.Get("name").Str(), n.Get("wait").Str())
	var out bytes.Buffer
	l.Problems.WriteText(&out, true, true)
	l.Problems.WriteJSON(&out)
	l.Problems.WriteGitHub(&out)
	for _, s := range []string{"hunter2", "sesame", `pass\tword`, "pass\tword"} {
		if strings.Contains(out.String(), s) {
			t.Errorf("%q is printed:\n%s", s, out.String())
		}
	}
	if got := codes(l); got != "E110@1:7 X@2:7 E107@3:8 E108@4:7 E106@5:7 E111@6:7 E105@7:7 E123@8:15 E124@9:8" {
		t.Error(got)
	}
}

func TestMissingStandsIn(t *testing.T) {
	l := testLoader(nil)
	l.Missing = func(_ *Node, ref string) (string, bool) { return "stub of " + ref, true }
	n, _ := l.Parse("f", []byte("a: ${X}\nb: secret:y\n"))
	if a, b := n.Get("a").Str(), n.Get("b").Str(); a != "stub of ${X}" || b != "stub of secret:y" || codes(l) != "" {
		t.Error(a, b, codes(l))
	}
}

func TestPrinters(t *testing.T) {
	p := &Problems{}
	x := Problem{File: "b,c.yaml", Line: 2, Col: 3, EndCol: 5, Code: "E1", Message: "50% <bad>\nline", Help: "fix"}
	p.Add(x)
	p.Add(x)
	p.Add(Problem{File: "a.yaml", Severity: Warning, Message: "w\x1b[31m"})
	if p.Errors() != 1 || p.Warnings() != 1 {
		t.Error("duplicates count")
	}
	var text, js, gh bytes.Buffer
	p.WriteText(&text, true, false)
	p.WriteJSON(&js)
	p.WriteGitHub(&gh)
	if want := "a.yaml: warning: w�[31m\nb,c.yaml:2:3: error[E1]: 50% <bad>�line\n       = help: fix\n"; text.String() != want {
		t.Errorf("%q", text.String())
	}
	if want := "::warning file=a.yaml,title=::w\x1b[31m\n::error file=b%2Cc.yaml,line=2,col=3,endColumn=5,title=E1::50%25 <bad>%0Aline%0Ahelp: fix\n"; gh.String() != want {
		t.Errorf("%q", gh.String())
	}
	var got []map[string]any
	if err := json.Unmarshal(js.Bytes(), &got); err != nil || len(got) != 2 || got[1]["endCol"] != 5.0 || got[0]["severity"] != "warning" {
		t.Error(err, js.String())
	}
}

func TestNearest(t *testing.T) {
	for in, want := range map[string]string{"wehn": "when", "transfrom": "transform", "methd": "method", "smal": "", "zzzz": "", "x": "", "When": "when"} {
		if got, ok := shape.Nearest(in, []string{"when", "transform", "method", "big", "y"}); got != want || ok != (want != "") {
			t.Errorf("%s: %q", in, got)
		}
	}
}
