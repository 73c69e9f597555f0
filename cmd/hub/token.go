package main

import (
	"context"

	"github.com/spf13/cobra"

	"orderhub/cmd/hub/internal/api"
	"orderhub/cmd/hub/internal/exit"
	"orderhub/cmd/hub/internal/show"
)

func (c *cli) tokenVerb() *cobra.Command {
	list := func(ctx context.Context, _ []string) error { return tell(ctx, c, api.GetTokens, nil, nil, show.Tokens) }
	var q api.TokenRequest
	var role string
	add := verb("add NAME", "Make a token; it is shown once", 1, 1, func(ctx context.Context, args []string) error {
		if q.Name = args[0]; q.Role.UnmarshalText([]byte(role)) != nil {
			return exit.Usagef("say what it may do: --role viewer, operator or admin")
		}
		return tell(ctx, c, api.PostToken, nil, q, show.Token)
	})
	add.Flags().StringVar(&role, "role", "", "viewer looks, without what is personal; operator acts; admin changes what runs and who may")
	add.Flags().StringVar(&q.Expires, "expires", "90d", "in which time it ends; 0: never")
	add.Flags().StringSliceVar(&q.Pipelines, "pipelines", nil, "it is good for sending to, pausing and resuming these alone, and for nothing else")
	return group("token", "Show and change who may do what from elsewhere: tokens, and the sessions of browsers",
		"  hub token add ann --role operator --expires 30d\n"+
			"  hub token add ci --role operator --pipelines web-orders\n"+
			"  hub token revoke ann",
		list, verb("list", "List tokens and sessions by their names", 0, 0, list), add,
		verb("revoke NAME", "End the token, and all sessions of that name", 1, 1, func(ctx context.Context, args []string) error {
			return tell(ctx, c, api.PostRevoke.Of(args[0]), nil, nil, show.Revoked)
		}))
}
