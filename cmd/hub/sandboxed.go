package main

import (
	"context"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"orderhub/adapters/files"
	"orderhub/adapters/httpclient"
	"orderhub/adapters/httpserver"
	"orderhub/adapters/smtp"
	"orderhub/adapters/sql"
	"orderhub/hub"
	"orderhub/pipelines"
)

// box changes the components so that nothing leaves the sandbox: folders are
// temporary, servers take any free port, partners are stubs whatever the
// configuration says. It notes the messages that files brought.
type box struct {
	dir   string
	stubs *stubs

	mu    sync.Mutex
	roots []string
}

func (b *box) contain(reg *pipelines.Registry) {
	for i := range reg.Components {
		c := &reg.Components[i]
		open := c.Open
		c.Open = func(cfg any, env *hub.Env) (*hub.Adapter, error) {
			b.change(cfg, env.Name)
			a, err := open(cfg, env)
			if c.Finite && err == nil {
				source := a.Source
				a.Source = func(arg string, options any) (hub.Source, error) {
					src, err := source(arg, options)
					return &boxedSource{src, b}, err
				}
			}
			return a, err
		}
	}
}

func (b *box) change(cfg any, name string) {
	switch c := cfg.(type) {
	case *files.Config:
		if c.Dir != "" {
			c.Dir = b.folder(name)
			c.Stable, c.Poll = 20*time.Millisecond, 20*time.Millisecond
		}
	case *httpserver.Config:
		c.Listen = "127.0.0.1:0"
	case *httpclient.Config:
		c.URL = b.partner(name, "http://")
	case *sql.Config:
		c.URL = hub.Secret("postgres://" + placeholder + "/none")
	case *smtp.Config:
		c.URL = hub.Secret(b.partner(name, "smtp://"))
	}
}

// folder is the temporary folder of a files adapter.
func (b *box) folder(adapter string) string { return filepath.Join(b.dir, "files", adapter) }

// partner is the URL of the stub for an adapter; one that nobody answers at when there is none.
func (b *box) partner(adapter, scheme string) string {
	if scheme == "smtp://" {
		b.stubs.types[adapter] = "smtp"
	}
	if url, ok := b.stubs.url(adapter); ok {
		return url
	}
	return scheme + placeholder
}

func (b *box) took(id string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !slices.Contains(b.roots, id) {
		b.roots = append(b.roots, id)
	}
}

// boxedSource is a source whose messages are noted.
type boxedSource struct {
	hub.Source
	box *box
}

func (s *boxedSource) Run(ctx context.Context, h hub.Handler) error {
	return s.Source.Run(ctx, hub.HandlerFunc(func(ctx context.Context, m *hub.Message) error {
		err := h.Handle(ctx, m)
		if err == nil {
			s.box.took(m.Root())
		}
		return err
	}))
}
