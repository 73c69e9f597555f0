package smtp

import (
	"context"

	"orderhub/hub"
)

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
