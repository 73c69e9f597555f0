package sandbox

import (
	"context"
	"path/filepath"
	"slices"
	"sync"

	"orderhub/cmd/hub/internal/config"
	"orderhub/hub"
	"orderhub/pipelines"
)

// box changes the components so that nothing leaves the sandbox: folders are
// temporary, servers take any free port, partners are stubs whatever the
// configuration says. It notes the messages that files brought.
type box struct {
	dir   string
	stubs *config.Stubs

	mu    sync.Mutex
	roots []string
}

func (b *box) contain(reg *pipelines.Registry) {
	for i := range reg.Components {
		c := &reg.Components[i]
		open := c.Open
		c.Open = func(cfg any, env *hub.Env) (*hub.Adapter, error) {
			if c.Confine != nil {
				c.Confine(cfg, b.stubs.Partner(env.Name, c), b.folder(env.Name))
			}
			a, err := open(cfg, env)
			if err == nil && c.Finite {
				a.Source = b.noted(a.Source)
			}
			return a, err
		}
	}
}

// folder is the temporary folder of an adapter of files.
func (b *box) folder(adapter string) string { return filepath.Join(b.dir, "files", adapter) }

// noted makes sources whose messages are noted.
func (b *box) noted(open func(arg string, options any) (hub.Source, error)) func(arg string, options any) (hub.Source, error) {
	return func(arg string, options any) (hub.Source, error) {
		src, err := open(arg, options)
		if err != nil {
			return nil, err
		}
		return &notedSource{src, b}, nil
	}
}

type notedSource struct {
	hub.Source
	box *box
}

func (s *notedSource) Run(ctx context.Context, h hub.Handler) error {
	return s.Source.Run(ctx, hub.HandlerFunc(func(ctx context.Context, m *hub.Message) error {
		err := h.Handle(ctx, m)
		if err == nil {
			s.box.note(m.Root())
		}
		return err
	}))
}

func (b *box) note(id string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !slices.Contains(b.roots, id) {
		b.roots = append(b.roots, id)
	}
}

// brought are the messages that files brought so far.
func (b *box) brought() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.roots)
}
