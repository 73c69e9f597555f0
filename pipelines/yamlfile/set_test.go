package yamlfile

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const toChange = `hub: {name: shop}
adapters:
  web: {type: http-server, listen: ":8080"}
  empty:
channels:
  order: {type: direct}
  order.events: {type: topic}
  order.events.old: {type: direct}
list: [a, b]
base: &base {x: 1, z: 2}
copy: *base
merged: {<<: *base, z: 3}
`

func changed(t *testing.T, src string, env map[string]string, sets ...string) (*Node, *Loader) {
	t.Helper()
	l := testLoader(env)
	for _, s := range sets {
		l.Set(s)
	}
	n, ok := l.Parse("in.yaml", []byte(src))
	if !ok {
		t.Fatal(l.Problems.All())
	}
	return n, l
}

func at(n *Node, path ...string) *Node {
	for _, p := range path {
		n = n.Get(p)
	}
	return n
}

// TestSet: values are replaced, and the last name may be new.
func TestSet(t *testing.T) {
	for _, c := range []struct {
		set  string
		path []string
		want any
	}{
		{"hub.name=store", []string{"hub", "name"}, "store"},
		{"adapters.web.listen=:8081", []string{"adapters", "web", "listen"}, ":8081"},
		{"adapters.web.listen='a b'", []string{"adapters", "web", "listen"}, "a b"},
		{"adapters.web.limits={per_ip: 3}", []string{"adapters", "web", "limits"}, map[string]any{"per_ip": "3"}},
		{"adapters.empty.type=smtp", []string{"adapters", "empty", "type"}, "smtp"},
		{"channels.order.via=mq", []string{"channels", "order", "via"}, "mq"},
		{"channels.order.events.via=mq", []string{"channels", "order.events", "via"}, "mq"},
		{"channels.order.events.old.via=mq", []string{"channels", "order.events.old", "via"}, "mq"},
		{"channels.order.events={type: direct}", []string{"channels", "order.events"}, map[string]any{"type": "direct"}},
		{"channels.audit={type: direct}", []string{"channels", "audit", "type"}, "direct"},
		{"channels.order.key==body.id", []string{"channels", "order", "key"}, "=body.id"},
		{"list=[c]", []string{"list"}, []any{"c"}},
		{"hub.name=memory:", []string{"hub", "name"}, "memory:"},
		{"hub.name= a: b ", []string{"hub", "name"}, "a: b"},
		{"hub.name=", []string{"hub", "name"}, nil},
		{"hub.name= # nothing", []string{"hub", "name"}, nil},
		{"schemas.order=order.json", []string{"schemas", "order"}, "order.json"}, // a new section
		{"hub.name=${WHO}-${NO:-x}", []string{"hub", "name"}, "me-x"},
		{"copy.x=9", []string{"base", "x"}, "1"}, // an alias is changed alone
		{"merged.x=9", []string{"merged", "x"}, "9"},
		{"merged.x=9", []string{"base", "x"}, "1"},
	} {
		n, l := changed(t, toChange, map[string]string{"WHO": "me"}, c.set)
		if d := cmp.Diff(c.want, plainAny(at(n, c.path...))); d != "" || len(l.Problems.All()) > 0 {
			t.Errorf("%s: -want +got\n%s%v", c.set, d, l.Problems.All())
		}
	}
}

// plainAny is Any with the digits of numbers as text.
func plainAny(n *Node) any {
	switch n.Kind() {
	case Map:
		m := map[string]any{}
		for k, v := range n.Entries() {
			m[k.Raw()] = plainAny(v)
		}
		return m
	case Scalar:
		return n.Str()
	}
	return n.Any()
}

// TestSetPlace: a changed value knows its path, its order among its neighbours, and where it was written.
func TestSetPlace(t *testing.T) {
	n, _ := changed(t, toChange, nil, "adapters.web.type=smtp", "hub={name: x}", "list= a: b", "channels.order.events.via=mq")
	if got := strings.Join(at(n, "adapters", "web").Keys(), " "); got != "type listen" {
		t.Errorf("the keys are %s", got)
	}
	for _, c := range []struct {
		n          *Node
		path, file string
		col        int
	}{
		{at(n, "adapters", "web", "type"), "adapters.web.type", "--set adapters.web.type", 19},
		{at(n, "adapters", "web").KeyNode("type"), "adapters.web.type", "--set adapters.web.type", 14},
		{at(n, "hub"), "hub", "--set hub", 1},
		{at(n, "list"), "list", "--set list", 7},
		{at(n, "hub", "name"), "hub.name", "--set hub", 12},
		{at(n, "channels", "order.events", "via"), `channels."order.events".via`, "--set channels.order.events.via", 27},
	} {
		if file, line, col := c.n.Pos(); file != c.file || line != 1 || col != c.col || c.n.Path() != c.path {
			t.Errorf("%s is at %s:%d:%d, not at %s:1:%d", c.n.Path(), file, line, col, c.file, c.col)
		}
	}
}

// TestSetFaults: each is told at the change, with what to write.
func TestSetFaults(t *testing.T) {
	for _, c := range []struct{ set, want string }{
		{"chanels.order.via=mq", `
--set chanels.order.via:1:1: error[E130]: unknown name "chanels"
     1 | chanels.order.via=mq
       | ^^^^^^^
       = help: did you mean "channels"?`},
		{"channels.order.evnts.via=mq", `
--set channels.order.evnts.via:1:10: error[E130]: unknown name "order.evnts"
     1 | channels.order.evnts.via=mq
       |          ^^^^^^^^^^^
       = help: did you mean "order.events"?`},
		{"channels.ordr.events.via=mq", `
--set channels.ordr.events.via:1:10: error[E130]: unknown name "ordr.events"
     1 | channels.ordr.events.via=mq
       |          ^^^^^^^^^^^
       = help: did you mean "order.events"?`},
		{"adapters.front.listen=:1", `
--set adapters.front.listen:1:10: error[E130]: adapters has no "front"
     1 | adapters.front.listen=:1
       |          ^^^^^
       = help: there are web, empty`},
		{"adapters.empty.a.b=1", `
--set adapters.empty.a.b:1:16: error[E130]: adapters.empty has no "a"
     1 | adapters.empty.a.b=1
       |                ^
       = help: it is empty`},
		{"adapters.web.listen.port=1", `
--set adapters.web.listen.port:1:21: error[E130]: adapters.web.listen is a single value: nothing is below it
     1 | adapters.web.listen.port=1
       |                     ^^^^
       = help: set it as a whole: --set adapters.web.listen=VALUE`},
		{"list.0=c", `
--set list.0:1:6: error[E130]: list is a list: nothing is below it
     1 | list.0=c
       |      ^
       = help: set it as a whole: --set list=VALUE`},
		{"hub.name", `
--set hub.name:1:1: error[E130]: a change is names with dots between them, = and a value
     1 | hub.name
       | ^^^^^^^^
       = help: write --set adapters.web.listen=:8081`},
		{"=x", `
--set :1:1: error[E130]: a change is names with dots between them, = and a value
     1 | =x
       | ^^
       = help: write --set adapters.web.listen=:8081`},
		{"hub.=x", `
--set hub.:1:1: error[E130]: a change is names with dots between them, = and a value
     1 | hub.=x
       | ^^^^^^
       = help: write --set adapters.web.listen=:8081`},
		{"hub.name=- a", `
--set hub.name:1:10: error[E130]: a list needs its brackets here
     1 | hub.name=- a
       |          ^^^
       = help: write [value], or quote it if text is meant`},
		{"hub.name=@a", `
--set hub.name:1:10: error[E001]: a value can't start with @
     1 | hub.name=@a
       |          ^^
       = help: quote it: '@a'`},
		{"hub.name='a", `
--set hub.name:1:10: error[E004]: the quote ' is never closed
     1 | hub.name='a
       |          ^
       = help: write the closing ' at the end of the value`},
		{"hub={name: x", `
--set hub:1:5: error[E016]: the { that opens here is not closed
     1 | hub={name: x
       |     ^
       = help: write the closing }, or the comma that is missing before line 1, column 13`},
		{"hub={a: 1, a: 2}", `
--set hub:1:12: error[E012]: "a" is already at --set hub:1:6
     1 | hub={a: 1, a: 2}
       |            ^
       = help: keep one of them`},
		{"hub.name=a\nb: c", `
--set hub.name:1:1: error[E130]: a change is one line
     1 | hub.name=a
       | ^^^^^^^^
       = help: write \n in double quotes for a line end`},
		{"hub.name=\x01", `
--set hub.name:1:10: error[E008]: control character U+0001
     1 | hub.name=�
       |          ^
       = help: delete it, or write "\u0001" in double quotes`},
		{"\ufeffhub.näme.x='", `
--set hub.näme.x:1:12: error[E004]: the quote ' is never closed
     1 | hub.näme.x='
       |            ^
       = help: write the closing ' at the end of the value`},
	} {
		_, l := changed(t, toChange, nil, c.set)
		var b strings.Builder
		l.Problems.WriteText(&b, true, false)
		if d := cmp.Diff(c.want[1:]+"\n", b.String()); d != "" {
			t.Errorf("%s: -want +got\n%s", c.set, d)
		}
	}
}

// TestSetOnce: what is set is of the first file alone, the last change of a place counts, and Again makes the same.
func TestSetOnce(t *testing.T) {
	n, l := changed(t, toChange, nil, "hub.name=a", "list=[z]", "hub.name=b")
	second, ok := l.Parse("map.yaml", []byte("hub: {name: other}"))
	if !ok || at(second, "hub", "name").Str() != "other" {
		t.Error("the second file was changed")
	}
	again, _ := l.Again().Parse("in.yaml", []byte(toChange))
	for _, n := range []*Node{n, again} {
		if at(n, "hub", "name").Str() != "b" || at(n, "list").Items()[0].Str() != "z" {
			t.Errorf("%s %v", at(n, "hub", "name").Str(), at(n, "list").Any())
		}
	}
	var names []string
	for _, s := range l.Sources() {
		names = append(names, s.Name+"|"+string(s.Text[:min(8, len(s.Text))]))
	}
	if d := cmp.Diff([]string{"in.yaml|hub: {na", "--set list|list=[z]", "--set hub.name|hub.name", "map.yaml|hub: {na"}, names); d != "" {
		t.Errorf("sources: -want +got\n%s", d)
	}
}

// TestSetNowhere: nothing is changed in what is no map; who reads it tells what is wrong with it. An empty file can be filled.
func TestSetNowhere(t *testing.T) {
	if n, l := changed(t, "- a\n", nil, "hub.name=a"); n.Kind() != List || len(l.Problems.All()) > 0 {
		t.Errorf("%s %v", n.Kind(), l.Problems.All())
	}
	if n, l := changed(t, "# nothing\n", nil, "hub.name=a"); at(n, "hub", "name").Str() != "a" || len(l.Problems.All()) > 0 {
		t.Errorf("%s %v", n.Kind(), l.Problems.All())
	}
	if n, _ := changed(t, "# nothing\n", nil); n.Kind() != Null {
		t.Error("nothing became a map without a change")
	}
}

// TestSetDecode: a fault that a reader of the value finds stands at the change.
func TestSetDecode(t *testing.T) {
	n, l := changed(t, "t: {name: x}\n", nil, "t.mode=fst", "t.sise=3", "t.limits={max: 700}", "t.count=")
	n.Get("t").Decode(&thing{}, "thing")
	var b strings.Builder
	l.Problems.WriteText(&b, true, false)
	want := `--set t.count:1:1: error[E102]: count has no value
     1 | t.count=
       |   ^^^^^
`
	for _, part := range []string{want[22:], `--set t.mode:1:8: error[E105]: mode: unknown word "fst"`, `--set t.sise:1:3: error[E101]: unknown thing field "sise"`,
		`did you mean "size"?`, "--set t.limits:1:16: error[E104]: max: 700 is out of range"} {
		if !strings.Contains(b.String(), part) {
			t.Errorf("%q is missing in\n%s", part, b.String())
		}
	}
}

// FuzzSet: whatever is set, nothing panics, and a change without a problem is there.
func FuzzSet(f *testing.F) {
	for _, s := range []string{"hub.name=x", "list=[a, {b: c}]", "adapters.web.listen=:8081", "a.b=\"x\\n\"", "channels.order.events.via=*x", "a=&x {y: *x}", "\ufeffä.b=ü: é", "a=? b", "=", "a..b=c"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, change string) {
		l := testLoader(nil)
		l.Set(change)
		n, ok := l.Parse("in.yaml", []byte(toChange))
		if !ok {
			t.Fatalf("the file is not read: %v", l.Problems.All())
		}
		var b strings.Builder
		l.Problems.WriteText(&b, true, true)
		var walk func(n *Node)
		found := false
		walk = func(n *Node) {
			n.Pos()
			n.Path()
			n.Any()
			found = found || strings.HasPrefix(n.src.name, "--set")
			for _, v := range n.Entries() {
				walk(v)
			}
			for _, v := range n.Items() {
				walk(v)
			}
		}
		walk(n)
		if !found && b.Len() == 0 {
			t.Errorf("%q has no effect", change)
		}
	})
}
