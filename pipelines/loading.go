package pipelines

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"time"

	"orderhub/hub"
	"orderhub/pipelines/yamlfile"
	"orderhub/transforms/formula"
	"orderhub/transforms/schema"
)

// loading is a plan on its way: what the loader and the patterns share.
type loading struct {
	*Plan
	reg       *Registry
	loader    *yamlfile.Loader
	problems  *yamlfile.Problems
	used      map[string]bool // schemas, retries, channels that something names
	failNames []string        // classes that `fail:` steps name
}

// Load reads the configuration file at path with everything it names, checks
// and compiles it. The plan is usable only when problems has no errors; all
// problems are found at once.
func Load(path string, reg *Registry, loader *yamlfile.Loader) (*Plan, *yamlfile.Problems) {
	l := &loading{reg: reg, loader: loader, problems: loader.Problems, used: map[string]bool{}}
	l.Plan = &Plan{Path: path, Dir: filepath.Dir(path), Store: "sqlite:hub.db", Drain: 30 * time.Second, Keep: 30 * 24 * time.Hour,
		schemas: map[string]*schema.Schema{}, retries: map[string]*hub.Retry{}, scope: formula.NewScope()}
	for name, f := range reg.Funcs {
		l.scope = l.scope.WithFunc(name, f)
	}
	root, ok := loader.ReadFile(path)
	if ok {
		l.all(root)
	}
	l.files = loader.Sources()
	l.Version = l.hash()
	return l.Plan, l.problems
}

func (l *loading) all(root *yamlfile.Node) {
	if root.Kind() != yamlfile.Map {
		root.Errorf("E200", "write pipelines: and what they do", "a configuration is a map with the keys hub, schemas, retries, adapters, channels, pipelines")
		return
	}
	for _, k := range root.Keys() {
		if l.reg.Later[k] {
			root.KeyNode(k).Errorf("E210", "", "`%s:` is not yet available", k)
		}
	}
	known := []string{"hub", "schemas", "retries", "adapters", "channels", "pipelines"}
	for k := range l.reg.Later {
		if root.Get(k) != nil {
			known = append(known, k)
		}
	}
	root.Allow("top-level", known...)
	l.hub(root.Get("hub"))
	l.readSchemas(root.Get("schemas"))
	l.readRetries(root.Get("retries"))
	l.readAdapters(root.Get("adapters"))
	l.readChannels(root.Get("channels"))
	l.readPipelines(root.Get("pipelines"))
	l.lint(root)
}

// settings is the `hub:` block.
type settings struct {
	Name     string        `yaml:"name" doc:"name of this hub, for people"`
	Language int           `yaml:"language" default:"1" doc:"version of the language: a file written today keeps its meaning"`
	Store    string        `yaml:"store" doc:"sqlite:file"`
	Drain    time.Duration `yaml:"drain" min:"1s" max:"1h" doc:"time to finish work at a stop"`
	Keep     time.Duration `yaml:"keep" min:"1m" doc:"how long history is kept"`
}

func (l *loading) hub(n *yamlfile.Node) {
	s := settings{Name: "hub", Language: 1, Store: l.Store, Drain: l.Drain, Keep: l.Keep}
	if n != nil {
		n.Decode(&s, "hub")
		if s.Language != 1 {
			n.Get("language").Errorf("E211", "write language: 1", "this binary speaks language 1, not %d", s.Language)
		}
	}
	l.Name, l.Store, l.Drain, l.Keep = s.Name, s.Store, s.Drain, s.Keep
}

func (l *loading) readSchemas(n *yamlfile.Node) {
	if n == nil {
		return
	}
	for key, value := range n.Entries() {
		file, ok := value.Text()
		if !ok {
			continue
		}
		s, err := schema.Load(l.path(file))
		if err != nil {
			value.Errorf("E212", "", "schema %s: %v", key.Raw(), err)
			continue
		}
		l.schemas[key.Raw()] = s
	}
}

// schemaOf finds the schema that n names.
func (l *loading) schemaOf(n *yamlfile.Node) *schema.Schema {
	if n == nil {
		return nil
	}
	name := n.Str()
	s := l.schemas[name]
	if s == nil && name != "" {
		n.Errorf("E213", didYouMean(name, sortedKeys(l.schemas)), "unknown schema %q", name)
	}
	l.used["schema "+name] = true
	return s
}

func (l *loading) path(p string) string {
	if filepath.IsAbs(p) {
		return p
	}
	return filepath.Join(l.Dir, p)
}

// hash is the version of the configuration: of all files it was read from.
func (l *loading) hash() string {
	h := sha256.New()
	for _, f := range l.files {
		fmt.Fprintf(h, "%s\x00%s\x00", f.Name, f.Text)
	}
	return hex.EncodeToString(h.Sum(nil))[:8]
}
