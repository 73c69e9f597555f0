package pipelines

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"orderhub/hub"
	"orderhub/hub/units"
	"orderhub/pipelines/console"
	"orderhub/pipelines/yamlfile"
	"orderhub/transforms/formula"
	"orderhub/transforms/schema"
	"orderhub/transforms/shape"
)

// loading is a plan on its way: what the loader and the patterns share.
type loading struct {
	*Plan
	loader    *yamlfile.Loader
	problems  *yamlfile.Problems
	used      map[string]bool // schemas, retries, channels that something names
	failNames []string        // classes that `fail:` steps name
	standIns  []*Channel      // for places of brokers that this hub runs without
	broken    map[string]bool // declared things with a fault of their own: who names them is not told again
}

// Load reads the configuration file at path with everything it names, checks
// and compiles it. The plan is usable only when problems has no errors; all
// problems are found at once.
func Load(path string, reg *Registry, loader *yamlfile.Loader) (*Plan, *yamlfile.Problems) {
	l := &loading{loader: loader, problems: loader.Problems, used: map[string]bool{}, broken: map[string]bool{}}
	l.Plan = &Plan{Path: path, Dir: filepath.Dir(path), Store: "sqlite:hub.db", Drain: 30 * time.Second, Retention: *units.Defaults[Retention](),
		reg: reg, schemas: map[string]*schema.Schema{}, retries: map[string]*hub.Retry{}, scope: formula.NewScope()}
	l.scope = l.scope.WithFunc("link", l.linkFunc())
	for name, f := range l.formatFuncs() {
		l.scope = l.scope.WithFunc(name, f)
	}
	for name, f := range reg.Funcs {
		l.scope = l.scope.WithFunc(name, f)
	}
	if reg.Mask != nil {
		loader.Problems.Mask = reg.Mask
	}
	l.Mask = loader.Problems.Mask
	root, ok := loader.ReadFile(path)
	if ok {
		l.all(root)
	}
	l.Mask.HideURL(l.Store, "hub.store")
	l.Files = loader.Sources()
	l.Version = l.hash()
	return l.Plan, l.problems
}

func (l *loading) all(root *yamlfile.Node) {
	if !root.Is(yamlfile.Map, "E200", "write pipelines: and what they do", "a configuration is a map with the keys hub, schemas, formats, retries, adapters, channels, pipelines") {
		return
	}
	for _, k := range root.Keys() {
		if l.reg.Later[k] {
			root.KeyNode(k).Errorf("E210", notYet, "`%s:` is not yet available", k)
		}
	}
	known := l.sectionNames()
	for k := range l.reg.Later {
		if root.Get(k) != nil {
			known = append(known, k)
		}
	}
	root.Allow("top-level", known...)
	l.hub(root.Get("hub"))
	raises := func(p *Pattern) func(*yamlfile.Node) string { return p.Raises }
	l.failNames = l.reg.Words(l.section(root, "pipelines"), raises)
	for _, s := range l.reg.Sections {
		l.failNames = append(l.failNames, l.reg.Words(l.section(root, s.Key), raises)...)
	}
	l.readSchemas(l.section(root, "schemas"))
	l.readIndex(root.Get("hub").Get("index"))
	l.readFormats(l.section(root, "formats"))
	l.readRetries(l.section(root, "retries"))
	l.readAdapters(l.section(root, "adapters"))
	l.readChannels(l.section(root, "channels"))
	l.readSections(root, func(s Section) func(*SectionBuild) { return s.Declare })
	l.readPipelines(l.section(root, "pipelines"))
	l.readSections(root, func(s Section) func(*SectionBuild) { return s.Compile })
	l.lint(root)
	for _, p := range l.Pipelines {
		p.Description = hub.Description{Pipeline: p.Name, Format: p.From.format}
		if l.problems.Errors() == 0 && p.From.Adapter != nil && p.From.Adapter.Type.Answers {
			p.Description = l.describe(root, p)
		}
	}
}

// sections are the keys of a configuration.
var sections = []string{"hub", "schemas", "formats", "retries", "adapters", "channels", "pipelines"}

// notYet is the help for words that this version has no code for.
const notYet = "remove it: this version has no code for it"

// section is a part of the configuration, under its name or a misspelled one:
// that is told already, and what is in it is known nevertheless.
func (l *loading) section(root *yamlfile.Node, name string) *yamlfile.Node {
	n, known := root.Get(name), l.sectionNames()
	for _, k := range root.Keys() {
		if near, ok := shape.Nearest(k, known); n == nil && ok && near == name && !slices.Contains(known, k) {
			n = root.Get(k)
		}
	}
	if k := n.Kind(); k == yamlfile.Scalar || k == yamlfile.List {
		n.Errorf("E200", "write a name before each of them: "+name+": {name: …}", "`%s` is a map of names, not %s", name, k)
		return nil
	}
	return n
}

// settings is the `hub:` block.
type settings struct {
	Name      string         `yaml:"name" doc:"name of this hub, for people"`
	Language  int            `yaml:"language" default:"1" doc:"version of the language: a file written today keeps its meaning"`
	Store     string         `yaml:"store" doc:"sqlite:file"`
	Drain     time.Duration  `yaml:"drain" min:"1s" max:"1h" doc:"time to finish work at a stop"`
	Retention Retention      `yaml:"retention" doc:"how long what is over is kept; a pipeline may say otherwise of its history and its dead letters"`
	Bodies    *yamlfile.Node `yaml:"keep_bodies" doc:"how long the body before and after each step is kept, for hub trace --bodies; a pipeline may say otherwise. Left out: not at all"`
	Index     []string       `yaml:"index" doc:"paths of the values in bodies that hub find finds messages by, such as customer.email, items.sku (of each item), headers.partner"`
	Reserve   int64          `yaml:"reserve" unit:"bytes" min:"1MiB" doc:"disk that is left for what came in before: below it nothing from outside is taken (507). Left out: 256 MiB, or 5 % of a smaller disk"`
	Ops       Ops            `yaml:"ops" doc:"who watches the hub reads it here"`
	Peers     *yamlfile.Node `yaml:"peers" doc:"other hubs, by a name: hub trace asks them as well, for one timeline"`
	Console   console.Config `yaml:"console" doc:"web page from which people look at the hub, and act"`
	OTLP      OTLP           `yaml:"otlp" doc:"collector of OpenTelemetry that gets the traces"`
}

// Ops is the block `ops:` of `hub:`.
type Ops struct {
	Address string     `yaml:"address" doc:"where /metrics, /livez and /readyz are served over HTTP: 127.0.0.1:9464. Left out: nowhere but on the control socket"`
	Token   hub.Secret `yaml:"token" doc:"what another hub shows that asks for traces here (its peers): secret:ops. Left out: none may ask"`
}

// Peer is an entry of `peers:` of `hub:`.
type Peer struct {
	URL   string     `yaml:"url" required:"true" doc:"of its ops address: http://10.0.0.2:9464, or https:// where something in front of it has a certificate"`
	Token hub.Secret `yaml:"token" required:"true" doc:"its hub.ops.token: secret:east"`
}

// OTLP is the block `otlp:` of `hub:`.
type OTLP struct {
	Endpoint string                `yaml:"endpoint" doc:"http://host:4318, of a collector that takes OTLP over HTTP as JSON. Left out: spans go nowhere"`
	Sample   float64               `yaml:"sample" min:"0" max:"1" doc:"part of the traces that begin in this hub, 0 to 1 (all); one that came in is recorded if whoever began it says so"`
	Headers  map[string]hub.Secret `yaml:"headers" doc:"of each request, such as a token: authorization: secret:collector"`
}

func (l *loading) hub(n *yamlfile.Node) {
	s := settings{Name: "hub", Language: 1, Store: l.Store, Drain: l.Drain, Retention: l.Retention, OTLP: OTLP{Sample: 1}, Console: *units.Defaults[console.Config]()}
	if n != nil {
		n.Decode(&s, "hub")
		if s.Language != 1 {
			n.Get("language").Errorf("E211", "write language: 1", "this binary speaks language 1, not %d", s.Language)
		}
	}
	l.Name, l.Store, l.Drain, l.Retention, l.Reserve, l.Ops, l.Console, l.OTLP = s.Name, s.Store, s.Drain, s.Retention, s.Reserve, s.Ops, s.Console, s.OTLP
	l.Bodies = l.bodies(s.Bodies, l.Retention.History)
	l.readPeers(s.Peers)
	l.checkWatch(n)
}

// readPeers reads the other hubs that are asked for traces.
func (l *loading) readPeers(n *yamlfile.Node) {
	if n == nil || !n.Is(yamlfile.Map, "E225", "write east: {url: http://10.0.0.2:9464, token: secret:east}", "peers are a map of names") {
		return
	}
	l.Peers = map[string]Peer{}
	for key, value := range n.Entries() {
		var p Peer
		value.Decode(&p, "peer")
		CheckName(key, key.Raw(), "peer")
		checkURL(value.Get("url"), p.URL, "write http://10.0.0.2:9464, the ops address of the other hub", "hub")
		l.Peers[key.Raw()] = p
	}
}

// checkWatch finds the faults of the addresses at which the hub is watched, and of what it tells.
func (l *loading) checkWatch(n *yamlfile.Node) {
	if host, port, err := net.SplitHostPort(l.Ops.Address); l.Ops.Address != "" && (err != nil || host == "" || port == "") {
		n.Get("ops").Get("address").Errorf("E225", "write 127.0.0.1:9464 for this machine alone, or 0.0.0.0:9464 for whoever reaches it",
			"%q is no address with a host and a port", l.Ops.Address)
	}
	l.Console.Check(n.Get("console"))
	checkURL(n.Get("otlp").Get("endpoint"), l.OTLP.Endpoint, "write http://127.0.0.1:4318, or https:// and the collector's host", "collector")
}

// checkURL reports an address over HTTP, written at n, that is none.
func checkURL(n *yamlfile.Node, address, help, of string) {
	if u, err := url.Parse(address); address != "" && (err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https") {
		n.Errorf("E225", help, "%q is no address of a %s", address, of)
	}
}

func (l *loading) readSchemas(n *yamlfile.Node) {
	for key, value := range n.Entries() {
		file, ok := value.Text()
		if ok {
			ok = l.readSchema(key.Raw(), file, value)
		}
		if !ok {
			l.broken["schema "+key.Raw()] = true
		}
	}
}

// readSchema reads one schema; its faults are told where they are in its file.
func (l *loading) readSchema(name, file string, at *yamlfile.Node) bool {
	path := l.path(file)
	src, err := os.ReadFile(path)
	if err != nil {
		at.Errorf("E212", l.nearFile(file), "schema %s: cannot read %s: %s", name, file, yamlfile.Cause(err))
		return false
	}
	l.loader.Attach(path, src)
	s, err := schema.Load(path)
	if err == nil {
		l.schemas[name] = s
		l.Mask.Mark(s.Marked())
		return true
	}
	for _, e := range schemaErrors(err) {
		what := e.Message
		if e.Pointer != "" {
			what = e.Pointer + ": " + what
		}
		if e.Line == 0 {
			at.Errorf("E212", cmp.Or(e.Help, "correct the schema's file"), "schema %s: %s", name, what)
			continue
		}
		l.problems.Add(yamlfile.Problem{File: e.File, Line: e.Line, Col: e.Col, EndCol: e.Col + 1, Code: "E212",
			Message: fmt.Sprintf("schema %s: %s", name, what), Help: cmp.Or(e.Help, "correct it: without this schema nothing can be checked")})
	}
	return false
}

func schemaErrors(err error) schema.Errors {
	if all, ok := errors.AsType[schema.Errors](err); ok {
		return all
	}
	return schema.Errors{{Message: err.Error()}}
}

// nearFile is the help for a file that can't be read: the nearest name beside it.
func (l *loading) nearFile(file string) string {
	entries, _ := os.ReadDir(filepath.Dir(l.path(file)))
	near, ok := shape.Nearest(filepath.Base(file), Names(entries, fs.DirEntry.Name))
	if !ok {
		return "check the name, relative to the folder of " + filepath.Base(l.Path)
	}
	return fmt.Sprintf("did you mean %q?", filepath.ToSlash(filepath.Join(filepath.Dir(file), near)))
}

// schemaOf finds the schema that n names.
func (l *loading) schemaOf(n *yamlfile.Node) *schema.Schema {
	return declared(l, "E213", "schema", l.schemas, n)
}

// declared finds what n names among the things of a kind that the configuration declares, and more; nil: n is nil, or names none, which is reported.
func declared[T any](l *loading, code, kind string, all map[string]*T, n *yamlfile.Node, more ...string) *T {
	if n == nil {
		return nil
	}
	name := n.Str()
	found := all[name]
	if found == nil && name != "" && !l.broken[kind+" "+name] {
		n.Errorf(code, didYouMean(name, append(sortedKeys(all), more...)), "unknown %s %q", kind, name)
	}
	l.used[kind+" "+name] = true
	return found
}

func (l *loading) path(p string) string {
	if filepath.IsAbs(p) {
		return p
	}
	return filepath.Join(l.Dir, p)
}

// hash is the version of the configuration: of all files it was read from, by their names in its folder. So it is the same on each machine.
func (l *loading) hash() string {
	h := sha256.New()
	for _, f := range l.Files {
		name, err := filepath.Rel(l.Dir, f.Name)
		if err != nil {
			name = f.Name
		}
		fmt.Fprintf(h, "%s\x00%s\x00", name, f.Text)
	}
	return hex.EncodeToString(h.Sum(nil))[:8]
}

// maxIndexed bounds the paths of `index:`: each costs a look into every message, and one into the store for every search.
const maxIndexed = 16

// readIndex reads the paths of `hub: {index: […]}`. Each must be one that a schema declares: a misspelt one would find nothing, without a word.
func (l *loading) readIndex(n *yamlfile.Node) {
	var known []string
	for _, name := range sortedKeys(l.schemas) {
		known = declaredPaths(known, nil, l.schemas[name].Shape())
	}
	for i, item := range n.Items() {
		path := item.Str()
		header := strings.HasPrefix(path, "headers.")
		switch {
		case i == maxIndexed:
			item.Errorf("E225", "keep those that people look for", "index has more than %d paths", maxIndexed)
		case path != "" && !header && len(known) > 0 && !slices.Contains(known, path):
			Unknown(item, "E225", "path", path, known)
		case path != "":
			l.Index = append(l.Index, path)
		}
	}
}

// declaredPaths adds the paths of the texts and numbers that t declares; of a list, those of its elements.
func declaredPaths(into, at []string, t *shape.Type) []string {
	for t.Is(shape.Array) {
		t = t.Element()
	}
	if t.IsAny() || !t.Is(shape.Object) {
		if path := strings.Join(at, "."); path != "" && !slices.Contains(into, path) {
			into = append(into, path)
		}
		return into
	}
	if len(at) < 8 { // a schema may hold itself
		for _, name := range t.Names() {
			field, _ := t.Accepts(name)
			into = declaredPaths(into, append(slices.Clone(at), name), field)
		}
	}
	return into
}
