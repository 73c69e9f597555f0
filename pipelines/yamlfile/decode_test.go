package yamlfile

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

type hidden string

type common struct {
	Label string `yaml:"label" doc:"in every one"`
}

type every struct {
	common
	Secret  hidden              `yaml:"secret" doc:"d"`
	On      *bool               `yaml:"enabled" doc:"d"`
	Num     uint8               `yaml:"num" doc:"d"`
	Ratio   float64             `yaml:"ratio" doc:"d" max:"1"`
	Tags    []string            `yaml:"tags" doc:"d" max:"2" oneof:"a|b|c"`
	Head    map[string]string   `yaml:"head" doc:"d"`
	Ptr     *limits             `yaml:"ptr" doc:"d"`
	PtrMap  map[string]*limits  `yaml:"ptrs" doc:"d"`
	Raw     *Node               `yaml:"raw" doc:"d"`
	Data    any                 `yaml:"data" doc:"d"`
	Need    string              `yaml:"need" doc:"d" required:"true"`
	Wait    time.Duration       `yaml:"wait" doc:"d" default:"5s"`
	Bytes   int64               `yaml:"bytes" doc:"d" unit:"bytes" max:"1MiB"`
	Inner   struct{ N limits }  `yaml:"-"`
	Kept    string              `yaml:"kept" doc:"d"`
	Structs []limits            `yaml:"structs" doc:"d"`
	Nested  map[string][]string `yaml:"nested" doc:"d"`
}

func TestDecodeFillsEveryKind(t *testing.T) {
	l := testLoader(nil)
	n, _ := l.Parse("f", []byte(`
label: l
secret: s
enabled: true
num: 255
ratio: 0.25
tags: a
head: {X-A: 1, b: two}
ptr: {max: 3}
ptrs: {a: {burst: 3s}}
raw: {x: 1}
data: [1, x]
need: it
bytes: 64KiB
structs: [{max: 1}, {max: 2}]
nested: {k: v}
`))
	d := every{Kept: "kept"}
	n.Decode(&d, "every")
	if got := codes(l); got != "" {
		t.Fatal(l.Problems.All())
	}
	yes := true
	want := every{common: common{"l"}, Secret: "s", On: &yes, Num: 255, Ratio: .25, Tags: []string{"a"}, Head: map[string]string{"X-A": "1", "b": "two"},
		Ptr: &limits{Max: 3}, PtrMap: map[string]*limits{"a": {Max: 7, Burst: 3 * time.Second}}, Raw: n.Get("raw"), Data: n.Get("data").Any(),
		Need: "it", Wait: 5 * time.Second, Bytes: 65536, Kept: "kept", Structs: []limits{{Max: 1}, {Max: 2}}, Nested: map[string][]string{"k": {"v"}}}
	if df := cmp.Diff(want, d, cmp.AllowUnexported(every{}, common{}), cmp.Comparer(func(a, b *Node) bool { return a == b })); df != "" {
		t.Error(df)
	}
}

func TestDecodeReportsEveryKind(t *testing.T) {
	l := testLoader(nil)
	n, _ := l.Parse("f", []byte(`secret: [s]
enabled: maybe
num: 256
ratio: 1.5
tags: [a, x, c]
head: [a]
ptr: {max: 3, mx: 2}
ptrs: x
structs: [1, {max: 0}]
bytes: 2MiB
wait:
label: {}
`))
	d := every{Num: 9, Secret: "old"}
	n.Decode(&d, "every")
	want := "E102@1:1 E103@1:1 E106@2:10 E104@3:6 E104@4:8 E104@5:1 E105@5:11 E102@6:1 E101@7:15 E102@8:7 E102@9:11 E104@9:20 E104@10:8 E102@11:1 E102@12:1"
	if got := codes(l); got != want {
		t.Errorf("\ngot  %s\nwant %s", got, want)
	}
	if d.Num != 9 || d.Secret != "old" {
		t.Error("a wrong value replaced the default")
	}
}
