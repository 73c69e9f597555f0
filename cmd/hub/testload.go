package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"orderhub/hub"
	"orderhub/pipelines"
	"orderhub/pipelines/scenario"
	"orderhub/pipelines/yamlfile"
)

// testFile is the end of the names of files with tests.
const testFile = ".test.yaml"

// suite is a configuration with its tests.
type suite struct {
	*loaded
	lab   *scenario.Lab
	reg   *pipelines.Registry
	root  *yamlfile.Node // of the configuration; nil: it can't be read
	tests []*scenario.Test
	files []string
}

// loadTests reads the configuration and the tests beside it. path may be a file of tests alone.
func loadTests(path string, sets []string, mask *hub.Masker) *suite {
	only := ""
	if strings.HasSuffix(path, testFile) {
		path, only = configOf(path), path
	}
	s := &suite{loaded: &loaded{path: path, sets: sets}, reg: registry(mask)}
	s.lab = scenario.NewLab(s.reg)
	loader := s.loader()
	s.plan, s.problems = pipelines.Load(path, s.reg, loader)
	s.root, _ = loader.Again().ReadFile(path)
	if s.root == nil || !s.ok() {
		return s
	}
	files := testFiles(path)
	if only == "" {
		s.tests = scenario.Of(s.plan)
	} else {
		files = []string{only}
	}
	for _, file := range files {
		if n, ok := loader.ReadFile(file); ok {
			n.Allow("test file", scenario.Key)
			if tests := n.Get(scenario.Key); tests != nil {
				s.tests = append(s.tests, scenario.Read(tests, s.root, s.reg.Pattern)...)
			}
		}
	}
	for _, src := range loader.Sources() {
		s.files = append(s.files, src.Name)
	}
	return s
}

// loader reads the configuration with stand-ins for what the environment lacks: nobody outside is reached.
func (s *suite) loader() *yamlfile.Loader {
	loader := yamlfile.NewLoader()
	loader.Env = func(name string) (string, bool) {
		value, ok := os.LookupEnv(name)
		return value, ok && value != ""
	}
	for _, change := range s.sets {
		loader.Set(change)
	}
	types := &stubs{}
	types.scan(loader.Again(), s.path)
	loader.Missing = func(n *yamlfile.Node, ref string) (string, bool) {
		if name, secret := strings.CutPrefix(ref, "secret:"); secret && !strings.HasSuffix(n.Path(), ".url") {
			return hub.HashID("secret " + name), true // long enough for any use, and the same in every run
		}
		adapter := before(strings.TrimPrefix(n.Path(), "adapters."), ".")
		switch kind := types.types[adapter]; {
		case nowhere[kind] != "":
			return nowhere[kind], true
		case kind == "smtp":
			return "smtp://" + placeholder, true
		case kind == "sql":
			return "postgres://" + placeholder + "/db", true
		}
		return "http://" + placeholder, true
	}
	return loader
}

// configOf is the configuration that a file of tests stands beside.
func configOf(file string) string {
	dir := filepath.Dir(file)
	if filepath.Base(dir) == scenario.Key && !exists(filepath.Join(dir, "pipelines.yaml")) {
		dir = filepath.Dir(dir)
	}
	return filepath.Join(dir, "pipelines.yaml")
}

// testFiles are the files of tests beside the configuration and in its folder tests.
func testFiles(config string) []string {
	var out []string
	for _, dir := range []string{filepath.Dir(config), filepath.Join(filepath.Dir(config), scenario.Key)} {
		found, _ := filepath.Glob(filepath.Join(dir, "*"+testFile)) // the pattern is well formed
		out = append(out, found...)
	}
	return out
}

// folders are those that hold what is tested: the configuration's own, and all below it.
func (s *suite) folders() []string {
	var out []string
	for _, file := range append(s.files, s.path) {
		out = append(out, filepath.Dir(file))
	}
	entries, _ := os.ReadDir(filepath.Dir(s.path)) // what can't be read is not watched
	for _, e := range entries {
		if e.IsDir() && !strings.HasPrefix(e.Name(), ".") {
			out = append(out, filepath.Join(filepath.Dir(s.path), e.Name()))
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
