// Package suite is `hub test`: it finds the tests of a configuration, runs them in
// the scenario lab, and reports the results.
package suite

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"

	"orderhub/cmd/hub/internal/config"
	"orderhub/cmd/hub/internal/exit"
	"orderhub/cmd/hub/internal/screen"
	"orderhub/pipelines"
	"orderhub/pipelines/scenario"
	"orderhub/pipelines/yamlfile"
)

// Options say which tests run, and how.
type Options struct {
	scenario.Options
	Path     string                     // of the configuration, or of a file of tests alone
	Sets     []string                   // changes by --set
	Registry func() *pipelines.Registry // makes a fresh one
}

// Run runs the tests once and prints the results.
func Run(ctx context.Context, s *screen.Screen, o Options) error {
	_, err := runOnce(ctx, s, o)
	return err
}

// runOnce runs the tests. It gives the folders that what was tested lies in.
func runOnce(ctx context.Context, s *screen.Screen, o Options) (folders []string, err error) {
	began := time.Now()
	t := load(o)
	folders = t.folders()
	if t.problems.Errors() > 0 {
		return folders, s.Explain(t.path, t.problems)
	}
	r := &report{Screen: s}
	if err := t.lab.Tests(ctx, t.plan, t.tests, o.Options, r.add); err != nil {
		return folders, err
	}
	failed := r.end(time.Since(began))
	switch {
	case failed > 0:
		return folders, exit.Told()
	case len(r.all) == 0 && o.Run != nil:
		return folders, fmt.Errorf("%s: no test's name matches %q", t.path, o.Run)
	case len(r.all) == 0:
		return folders, fmt.Errorf("%s: there are no tests: write some under the key tests", t.path)
	}
	return folders, nil
}

// calm is how long no file must change before the tests run again: an editor writes several times.
const calm = 100 * time.Millisecond

// Watch runs the tests, and again whenever a file in their folders changes, until ^C.
func Watch(ctx context.Context, s *screen.Screen, o Options) error {
	ctx, stop := exit.Interruptible(ctx)
	defer stop()
	w, err := fsnotify.NewWatcher()
	if err != nil {
		return err
	}
	defer w.Close()
	for {
		folders, err := runOnce(ctx, s, o)
		if code, say := exit.CodeOf(err); say && ctx.Err() == nil {
			s.Say("hub: %v (%d)", err, code)
		}
		for _, dir := range folders {
			if err := w.Add(dir); err != nil && config.Exists(dir) {
				return err
			}
		}
		if !changed(ctx, w) {
			return exit.With(exit.Interrupted, nil)
		}
		s.Print("──── %s", time.Now().Format(time.TimeOnly))
	}
}

// changed waits for a change; false: ctx has ended.
func changed(ctx context.Context, w *fsnotify.Watcher) bool {
	var quiet <-chan time.Time
	for {
		select {
		case <-ctx.Done():
			return false
		case e := <-w.Events:
			if !strings.HasSuffix(e.Name, "~") && !e.Has(fsnotify.Chmod) {
				quiet = time.After(calm)
			}
		case <-quiet:
			return true
		}
	}
}

// fileSuffix is the end of the names of files with tests.
const fileSuffix = ".test.yaml"

// tests is a configuration with its tests.
type tests struct {
	path     string
	plan     *pipelines.Plan
	problems *yamlfile.Problems
	lab      *scenario.Lab
	tests    []*scenario.Test
	files    []string
}

// load reads the configuration and the tests beside it.
func load(o Options) *tests {
	t := &tests{path: o.Path}
	only := ""
	if strings.HasSuffix(o.Path, fileSuffix) {
		t.path, only = configOf(o.Path), o.Path
	}
	reg := o.Registry()
	t.lab = scenario.NewLab(reg)
	loader := config.Offline(t.path, reg, o.Sets)
	t.plan, t.problems = pipelines.Load(t.path, reg, loader)
	root, _ := loader.Again().ReadFile(t.path)
	if root == nil || t.problems.Errors() > 0 {
		return t
	}
	files := testFiles(t.path)
	if only == "" {
		t.tests = scenario.Of(t.plan)
	} else {
		files = []string{only}
	}
	for _, file := range files {
		if n, ok := loader.ReadFile(file); ok {
			n.Allow("test file", scenario.Key)
			if found := n.Get(scenario.Key); found != nil {
				t.tests = append(t.tests, scenario.Read(found, root, reg.Asked)...)
			}
		}
	}
	for _, src := range loader.Sources() {
		t.files = append(t.files, src.Name)
	}
	return t
}

// configOf is the configuration that a file of tests stands beside.
func configOf(file string) string {
	dir := filepath.Dir(file)
	if filepath.Base(dir) == scenario.Key && !config.Exists(filepath.Join(dir, "pipelines.yaml")) {
		dir = filepath.Dir(dir)
	}
	return filepath.Join(dir, "pipelines.yaml")
}

// testFiles are the files of tests beside the configuration and in its folder tests.
func testFiles(config string) []string {
	var out []string
	for _, dir := range []string{filepath.Dir(config), filepath.Join(filepath.Dir(config), scenario.Key)} {
		found, _ := filepath.Glob(filepath.Join(dir, "*"+fileSuffix)) // the pattern is well formed
		out = append(out, found...)
	}
	return out
}

// folders are those that hold what is tested: the configuration's own, and all below it.
func (t *tests) folders() []string {
	var out []string
	for _, file := range append(t.files, t.path) {
		out = append(out, filepath.Dir(file))
	}
	entries, _ := os.ReadDir(filepath.Dir(t.path)) // what can't be read is not watched
	for _, e := range entries {
		if e.IsDir() && !strings.HasPrefix(e.Name(), ".") {
			out = append(out, filepath.Join(filepath.Dir(t.path), e.Name()))
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
