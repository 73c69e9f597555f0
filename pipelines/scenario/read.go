package scenario

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"orderhub/hub/doc"
	"orderhub/pipelines/yamlfile"
	"orderhub/transforms/formula"
	"orderhub/transforms/shape"
)

// reader reads tests, and reports their faults where they stand.
type reader struct {
	names
	scope *formula.Scope
	test  *Test
}

// Read reads the map of tests n. root is the configuration whose things they
// name, and asked gives the names that a step or a source asks. Faults are reported at their places.
func Read(n, root *yamlfile.Node, asked func(n *yamlfile.Node) []*yamlfile.Node) []*Test {
	rd := &reader{names: names{root, asked}, scope: formula.NewScope()}
	if !n.Is(yamlfile.Map, "E401", "write tests: {what it shows: {do: […]}}", "`tests` is a map of names and tests") {
		return nil
	}
	var tests []*Test
	for key, value := range n.Entries() {
		tests = append(tests, rd.testOf(key, value))
	}
	return tests
}

// start is when a test begins that does not say when: a Monday morning.
var start = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

// settings are the keys of a test.
type settings struct {
	Chaos  *yamlfile.Node `yaml:"chaos" doc:"crash, duplicate, reorder: the end must be the same"`
	Start  *yamlfile.Node `yaml:"start_at" doc:"virtual time of the begin"`
	Mock   *yamlfile.Node `yaml:"mock" doc:"answers of those outside, by adapter.operation or channel"`
	Steps  int            `yaml:"steps" default:"20000" min:"1" max:"10000000" doc:"how many messages may run; a test that needs more goes round, or is long"`
	Alerts bool           `yaml:"alerts" doc:"the hub looks at its alerts as the time goes by: about six messages a minute"`
	Tables *yamlfile.Node `yaml:"tables" doc:"rows that are there before"`
	Do     *yamlfile.Node `yaml:"do" required:"true" doc:"what happens, one after another"`
}

func (rd *reader) testOf(key, n *yamlfile.Node) *Test {
	t := &Test{Name: key.Raw(), Line: key.LineCol(), root: rd.root, start: start}
	rd.test = t
	var s settings
	n.Decode(&s, "test")
	t.chaos, t.steps, t.alerts = rd.chaos(s.Chaos), s.Steps, s.Alerts
	if s.Start != nil {
		t.start = rd.time(s.Start)
	}
	t.mocks = rd.mocks(s.Mock)
	t.tables = rd.tables(s.Tables)
	s.Do.Is(yamlfile.List, "E402", "write - before each of them: - {post: …, body: …, expect: {…}}", "`do` is a list of what happens")
	for _, i := range s.Do.Items() {
		t.items = append(t.items, rd.item(i))
	}
	return t
}

func (rd *reader) chaos(n *yamlfile.Node) (kinds []string) {
	for _, kind := range n.Several() {
		if !slices.Contains(everyChaos, kind.Str()) {
			kind.Errorf("E403", didYouMean(kind.Str(), everyChaos), "unknown kind of chaos %q", kind.Str())
		}
		kinds = append(kinds, kind.Str())
	}
	return kinds
}

func (rd *reader) time(n *yamlfile.Node) time.Time {
	text := n.Str()
	if at, ok := doc.ParseTime(text); ok {
		return at
	}
	n.Errorf("E404", "write 2026-03-29T02:30, in UTC, or with its zone: 2026-03-29T02:30:00+02:00", "%q is no time", text)
	return start
}

func (rd *reader) tables(n *yamlfile.Node) (rows []row) {
	n.Is(yamlfile.Map, "E405", "write tables: {products: {W-1: {price: 20}}}", "`tables` is a map of tables and their rows")
	for table, content := range n.Entries() {
		content.Is(yamlfile.Map, "E405", "write "+table.Raw()+": {key: {…}}", "a table is a map of keys and rows")
		for key, value := range content.Entries() {
			rows = append(rows, row{table.Raw(), key.Raw(), rd.value(value)})
		}
	}
	return rows
}

// known reports a name that the section of the configuration lacks.
func (rd *reader) known(n *yamlfile.Node, name, section, what string) bool {
	if rd.has(section, name) {
		return true
	}
	n.Errorf("E406", didYouMean(name, rd.all(section)), "unknown %s %q", what, name)
	return false
}

// about makes the first thing that a test names its subject.
func (rd *reader) about(name string) {
	rd.test.Subject = cmp.Or(rd.test.Subject, name)
}

// place cuts the first word off a text: "order W-1" is the process order and its instance W-1.
func place(text string) (first, rest string) {
	first, rest, _ = strings.Cut(text, " ")
	return first, strings.TrimSpace(rest)
}

// names are what a configuration has that tests may name. They are taken from
// its text, so that a thing with a fault of its own is known all the same.
type names struct {
	root  *yamlfile.Node
	asked func(n *yamlfile.Node) []*yamlfile.Node // see pipelines.Registry.Asked
}

func (c names) has(section, name string) bool { return c.root.Get(section).Get(name) != nil }

func (c names) all(section string) []string { return c.root.Get(section).Keys() }

// source is the name of what feeds a pipeline: a channel, an adapter, or "call".
func (c names) source(pipeline string) string {
	from := c.root.Get("pipelines").Get(pipeline).Get("from")
	if from.Kind() == yamlfile.Map && len(from.Keys()) > 0 {
		return from.Keys()[0]
	}
	return from.Raw()
}

// read tells that some pipeline reads the channel.
func (c names) read(channel string) bool {
	return slices.ContainsFunc(c.all("pipelines"), func(p string) bool { return c.source(p) == channel })
}

func (c names) channelType(channel string) string {
	return c.root.Get("channels").Get(channel).Get("type").Raw()
}

// calls are the operations of adapters, and the channels, that some step asks.
func (c names) calls() []string {
	found := map[string]bool{}
	for _, section := range []string{"pipelines", "processes"} {
		for n := range c.root.Get(section).All() {
			for _, asked := range c.asked(n) {
				found[asked.Raw()] = c.asks(asked.Raw())
			}
		}
	}
	maps.DeleteFunc(found, func(_ string, asks bool) bool { return !asks })
	return sortedKeys(found)
}

// asks tells that a name is an operation of an adapter, or a channel.
func (c names) asks(name string) bool {
	adapter, _, dotted := strings.Cut(name, ".")
	return dotted && c.has("adapters", adapter) || c.has("channels", name)
}

// didYouMean is the help for an unknown name.
func didYouMean(name string, known []string) string {
	return cmp.Or(shape.Known(name, known), "there are none")
}
