package files

import (
	"fmt"
	"path"
	"path/filepath"
	"strings"
	"sync"

	"orderhub/hub"
)

// Adapter is an opened entry of `adapters:`.
type Adapter struct {
	cfg    Config
	env    *hub.Env
	append *appending // of all its targets; nil: each message is a file

	mu      sync.Mutex
	sources []*Source
}

// OpenSource makes the source of the files that arg, a pattern such as "*.csv", matches; "" stands for the adapter's own match.
func (a *Adapter) OpenSource(arg string, c *SourceConfig) (hub.Source, error) {
	s, err := a.source(arg, c)
	if err != nil {
		return nil, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.sources = append(a.sources, s)
	return s, nil
}

func (a *Adapter) source(arg string, c *SourceConfig) (*Source, error) {
	s := &Source{cfg: a.cfg, env: a.env, dir: a.cfg.Dir, pattern: a.cfg.Match, whole: c.Whole}
	s.cfg.Once = s.cfg.Once || a.env.Once
	if c.Key != "" {
		if !validKey(c.Key) {
			return nil, fmt.Errorf("key: %q is no key: write file, or a field such as body.call_id", c.Key)
		}
		s.cfg.Key = c.Key
	}
	if a.cfg.Path != "" {
		if arg != "" {
			return nil, fmt.Errorf("the adapter reads one file, %s: leave %q out", a.cfg.Path, arg)
		}
		s.dir, s.only = filepath.Dir(a.cfg.Path), filepath.Base(a.cfg.Path)
		return s, nil
	}
	if arg = strings.TrimSpace(arg); arg != "" {
		if _, err := path.Match(arg, ""); err != nil || strings.ContainsAny(arg, `/\`) {
			return nil, fmt.Errorf("%q is no pattern of file names", arg)
		}
		s.pattern = arg
	}
	return s, nil
}

// OpenTarget makes the target whose files are named by arg, a text with {header} placeholders; {id}, {key} and {correlation} are those of
// the message. "" stands for the header file_name, or {id}.
func (a *Adapter) OpenTarget(arg string) (hub.Target, error) {
	if a.cfg.Dir == "" {
		return nil, fmt.Errorf("files %q: dir is needed to write files", a.env.Name)
	}
	n, err := parseNaming(arg)
	if err != nil {
		return nil, err
	}
	if a.append != nil {
		return &appender{n, a.append}, nil
	}
	return &Target{dir: a.cfg.Dir, naming: n, clock: a.env.Clock}, nil
}
