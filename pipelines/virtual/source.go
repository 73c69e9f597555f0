package virtual

import (
	"context"

	"orderhub/hub"
)

// Source brings nothing by itself: who plays the world injects its messages.
type Source struct{}

var _ hub.Source = Source{}

// Run waits for the end of ctx.
func (Source) Run(ctx context.Context, _ hub.Handler) error { <-ctx.Done(); return nil }
