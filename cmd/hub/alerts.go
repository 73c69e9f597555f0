package main

import (
	"context"

	"github.com/spf13/cobra"

	"orderhub/cmd/hub/internal/api"
	"orderhub/cmd/hub/internal/show"
)

func (c *cli) alertsVerb() *cobra.Command {
	var q api.Silence
	list := func(ctx context.Context, _ []string) error {
		return tell(ctx, c, api.GetAlerts, nil, nil, show.Alerts)
	}
	silence := verb("silence NAME", "Tell nobody of an alert for some time: --for 2h; --for 0 ends it. --why is shown by hub alerts", 1, 1,
		func(ctx context.Context, args []string) error {
			return tell(ctx, c, api.PostSilence.Of(args[0]), nil, q, show.Silenced)
		})
	silence.Flags().StringVar(&q.For, "for", "2h", "how long, such as 30m, 2h or 3d; 0: no longer")
	return group("alerts", "Show what the alerts of the configuration say: what fires, what may soon, what was cleared lately",
		"  hub alerts\n"+
			"  hub alerts silence billing-away --for 2h --why 'they told us' --by ann",
		list, verb("list", "List all alerts, those that fire first", 0, 0, list), silence)
}
