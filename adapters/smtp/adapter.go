package smtp

import (
	"context"
	"fmt"
	"net/mail"

	"orderhub/hub"
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

var (
	_ hub.TargetOpener = (*Adapter)(nil)
	_ hub.Prober       = (*Adapter)(nil)
)

func open(c Config, env *hub.Env) (*Adapter, error) {
	if c.URL == "" {
		return nil, fmt.Errorf("smtp %q: url is missing", env.Name)
	}
	if faults := c.check(); len(faults) > 0 {
		return nil, fmt.Errorf("smtp %q: %s", env.Name, faults[0].Message)
	}
	s, err := parseURL(c.URL, c.TLS)
	if err == nil {
		err = s.trust(env.Path(c.CA))
	}
	if err != nil {
		return nil, fmt.Errorf("smtp %q: %w", env.Name, err)
	}
	s.timeout, s.confirm, s.ambiguous = c.Timeout, c.ConfirmTimeout, c.OnAmbiguous
	from, err := mail.ParseAddress(c.From)
	if err == nil {
		from.Address, err = asciiDomain(from.Address)
	}
	if err != nil {
		return nil, fmt.Errorf("smtp %q: from: %w", env.Name, err)
	}
	clock := env.Clock
	if clock == nil {
		clock = hub.RealClock{}
	}
	return &Adapter{name: env.Name, templates: env.Path(c.Templates), limit: c.MaxRecipients,
		from: from, clock: clock, pool: newPool(s, clock)}, nil
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
