package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"orderhub/cmd/hub/internal/words"
	"orderhub/pipelines"
	"orderhub/pipelines/yamlfile"
)

const defaultConfig = "config/pipelines.yaml"

// configPath is the configuration file that the arguments name: a file, a
// folder with one, or none for $HUB_CONFIG and the default.
func configPath(args []string) string {
	path := os.Getenv("HUB_CONFIG")
	if len(args) > 0 {
		path = args[0]
	}
	if path == "" {
		return defaultConfig
	}
	if st, err := os.Stat(path); err == nil && st.IsDir() {
		for _, name := range []string{"pipelines.yaml", defaultConfig} {
			if file := filepath.Join(path, name); exists(file) {
				return file
			}
		}
	}
	return path
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// setFlag is --set of the verbs that load a configuration.
func setFlag(cmd *cobra.Command, sets *[]string) {
	cmd.Flags().StringArrayVar(sets, "set", nil, "change one value before the file is read, such as adapters.web.listen=:8081; repeatable")
}

// stubsFlag is --stubs of the verbs that check as `hub run` does.
func stubsFlag(cmd *cobra.Command, names *[]string) {
	cmd.Flags().StringSliceVar(names, "stubs", nil, "answer these adapters without a URL by stubs beside real partners: billing,shipping, or all")
	cmd.MarkFlagsMutuallyExclusive("stubs", "no-stubs")
}

// loaded is a configuration file that was read and checked.
type loaded struct {
	path     string
	sets     []string // changes by --set
	plan     *pipelines.Plan
	problems *yamlfile.Problems
	counters []string // names of the steps `count`
	took     time.Duration
}

func (l *loaded) ok() bool { return l.problems.Errors() == 0 }

// store is the URL of its store: what --set says, then $HUB_STORE, then the file.
func (l *loaded) store() string {
	if slices.ContainsFunc(l.sets, func(s string) bool { return strings.HasPrefix(s, "hub.store=") }) {
		return l.plan.Store
	}
	return storeURL(l.plan.Store)
}

// load reads the file, with the changes of --set; partners that it gives no URL for are answered by s.
func load(path string, reg *pipelines.Registry, s *stubs, sets ...string) *loaded {
	began := time.Now()
	loader := yamlfile.NewLoader()
	for _, change := range sets {
		loader.Set(change)
	}
	s.serve(loader, path)
	reg.Absent = s.absent
	l := &loaded{path: path, sets: sets}
	l.plan, l.problems = pipelines.Load(path, reg, loader)
	l.took = time.Since(began)
	if root, ok := loader.Again().ReadFile(path); ok {
		l.counters = counterNames(reg, root.Get("pipelines"), nil)
		misspelt(root, os.Environ(), l.problems)
	}
	return l
}

// counterNames finds the names of the counters that the steps below n add to.
func counterNames(reg *pipelines.Registry, n *yamlfile.Node, names []string) []string {
	for key, value := range n.Entries() {
		if p := reg.Pattern(key.Raw()); p != nil && p.Counts != nil {
			if name := p.Counts(n); name != "" && !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
		names = counterNames(reg, value, names)
	}
	for _, item := range n.Items() {
		names = counterNames(reg, item, names)
	}
	return names
}

// sizes is what a plan consists of: "12 pipelines, 14 channels, 9 adapters".
func sizes(p *pipelines.Plan) string {
	return words.Plural(len(p.Pipelines), "pipeline") + ", " + words.Plural(len(p.Channels), "channel") + ", " + words.Plural(len(p.Adapters), "adapter")
}
