package smtp

import (
	"context"
	"errors"
	"net/mail"

	"orderhub/hub"
	"orderhub/hub/trust"
)

// Adapter is an opened entry of `adapters:`. Its targets share its connections.
type Adapter struct {
	name      string
	templates string
	limit     int
	from      *mail.Address
	clock     hub.Clock
	pool      *pool
}

func open(c *Config, env *hub.Env) (*Adapter, error) {
	s, from, _ := c.read() // it has no fault
	if s == nil {
		return nil, errors.New("url is missing")
	}
	var err error
	if s.config, err = (trust.TLS{CA: c.CA}).Load(env, s.host); err != nil {
		return nil, err
	}
	s.timeout, s.confirm, s.ambiguous = c.Timeout, c.ConfirmTimeout, c.OnAmbiguous
	return &Adapter{name: env.Name, templates: env.Path(c.Templates), limit: c.MaxRecipients,
		from: from, clock: env.Clock, pool: newPool(s, env.Clock)}, nil
}

// OpenTarget makes the target that sends the mail of a template. A template that is missing or wrong is an error with file and line.
func (a *Adapter) OpenTarget(arg string) (hub.Target, error) {
	t, err := loadTemplate(a.templates, arg)
	if err != nil {
		return nil, err
	}
	return &Target{adapter: a, template: t}, nil
}

// Close ends the connections politely.
func (a *Adapter) Close(context.Context) error {
	a.pool.close()
	return nil
}

// Probe greets the server, logs in, and takes leave.
func (a *Adapter) Probe(ctx context.Context) error {
	s, err := a.pool.server.dial(ctx)
	if err == nil {
		s.quit()
	}
	return err
}

// Target sends the mails of one template.
type Target struct {
	adapter  *Adapter
	template *mailTemplate
}

var _ hub.Target = (*Target)(nil)

// Send returns nil only after the server confirmed the mail (250 after its final dot). A mail that was sent but not confirmed is
// hub.Ambiguous; sent again, it has the same Message-ID.
func (t *Target) Send(ctx context.Context, m *hub.Message) error {
	if err := ctx.Err(); err != nil {
		return hub.AsError(err)
	}
	l, err := t.compose(m)
	if err != nil {
		return err
	}
	return t.adapter.pool.send(ctx, l)
}

// Close has nothing to do: the adapter owns the connections.
func (t *Target) Close() error { return nil }
