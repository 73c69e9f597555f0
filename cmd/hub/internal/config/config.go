// Package config finds and loads the configuration for the verbs: with the changes of
// --set, with stand-ins for what it and the environment lack, and compared with what ran before.
package config

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"orderhub/cmd/hub/internal/words"
	"orderhub/pipelines"
	"orderhub/pipelines/process"
	"orderhub/pipelines/yamlfile"
)

const defaultFile = "config/pipelines.yaml"

// Path is the configuration file that the arguments name: a file, a
// folder with one, or none for $HUB_CONFIG and the default.
func Path(args []string) string {
	path := os.Getenv("HUB_CONFIG")
	if len(args) > 0 {
		path = args[0]
	}
	if path == "" {
		return defaultFile
	}
	if st, err := os.Stat(path); err == nil && st.IsDir() {
		for _, name := range []string{"pipelines.yaml", defaultFile} {
			if file := filepath.Join(path, name); Exists(file) {
				return file
			}
		}
	}
	return path
}

// Exists tells that a file or folder is there.
func Exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// Loaded is a configuration file that was read and checked.
type Loaded struct {
	Path     string
	Sets     []string // changes by --set
	Plan     *pipelines.Plan
	Problems *yamlfile.Problems
	Counters []string // names of the steps `count`
	Took     time.Duration
}

// Load reads the file, with the changes of --set; partners that it gives no URL for are answered by s.
func Load(path string, reg *pipelines.Registry, s *Stubs, sets ...string) *Loaded {
	began := time.Now()
	loader := newLoader(sets)
	s.serve(loader, path, reg)
	reg.Absent = s.absent
	l := &Loaded{Path: path, Sets: sets}
	l.Plan, l.Problems = pipelines.Load(path, reg, loader)
	l.Took = time.Since(began)
	if root, ok := loader.Again().ReadFile(path); ok {
		l.Counters = reg.Words(root.Get("pipelines"), func(p *pipelines.Pattern) func(*yamlfile.Node) string { return p.Counts })
		misspelt(root, os.Environ(), l.Problems)
	}
	return l
}

// newLoader is a loader with the changes of --set.
func newLoader(sets []string) *yamlfile.Loader {
	loader := yamlfile.NewLoader()
	for _, change := range sets {
		loader.Set(change)
	}
	return loader
}

// OK tells that it may run.
func (l *Loaded) OK() bool { return l.Problems.Errors() == 0 }

// Store is the URL of its store: what --set says, then $HUB_STORE, then the file.
func (l *Loaded) Store() string {
	if url := os.Getenv("HUB_STORE"); url != "" && !slices.ContainsFunc(l.Sets, func(s string) bool { return strings.HasPrefix(s, "hub.store=") }) {
		return url
	}
	return l.Plan.Store
}

// Sizes is what the plan consists of: "12 pipelines, 14 channels, 9 adapters".
func (l *Loaded) Sizes() string {
	p := l.Plan
	return words.Plural(len(p.Pipelines), "pipeline") + ", " + words.Plural(len(p.Channels), "channel") + ", " + words.Plural(len(p.Adapters), "adapter")
}

// Reads are the queues that the plan's stages read.
func (l *Loaded) Reads() map[string]bool {
	queues := map[string]bool{}
	for _, s := range l.Plan.Stages() {
		queues[s.Queue] = true
	}
	return queues
}

// Processes are those of the plan.
func (l *Loaded) Processes() *process.Processes { return process.Of(l.Plan) }

// ProblemText is the text of problems, with carets.
func ProblemText(p *yamlfile.Problems) string {
	var b strings.Builder
	p.WriteText(&b, true, false)
	return b.String()
}

// StoreFile is the file of a store's URL; "" for one that has none.
func StoreFile(url string) string {
	path, ok := strings.CutPrefix(url, "sqlite:")
	if !ok {
		return ""
	}
	return strings.TrimPrefix(path, "//")
}

// StoreFolder is where the store lies: the control socket lies beside it.
func StoreFolder(url string) string {
	if file := StoreFile(url); file != "" {
		return filepath.Dir(file)
	}
	return "."
}

// DefaultStore is the store that the environment or the default configuration names.
func DefaultStore() string {
	if url := os.Getenv("HUB_STORE"); url != "" {
		return url
	}
	if path := Path(nil); Exists(path) {
		if root, ok := yamlfile.NewLoader().ReadFile(path); ok {
			if url, ok := root.Get("hub").Get("store").Text(); ok && url != "" {
				return url
			}
		}
	}
	return "sqlite:hub.db"
}
