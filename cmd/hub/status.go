package main

import (
	"context"
	"net/url"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/spf13/cobra"

	"orderhub/cmd/hub/internal/api"
	"orderhub/cmd/hub/internal/exit"
	"orderhub/cmd/hub/internal/screen"
	"orderhub/cmd/hub/internal/show"
)

func (c *cli) statusVerb() *cobra.Command {
	return c.watched("status", "Show what the hub does: stages, queues, counters", show.Status)
}

func (c *cli) adaptersVerb() *cobra.Command {
	return verb("adapters", "Show the adapters: whether their far ends answer, how fast, breakers, how far sources are behind, certificates", 0, 0,
		func(ctx context.Context, _ []string) error {
			return tell(ctx, c, api.GetAdapters, nil, nil, show.Adapters)
		})
}

func (c *cli) topVerb() *cobra.Command {
	return c.watched("top", "Show what the pipelines do now: rates, times, what waits; those that need attention first", show.Top)
}

// watchEvery is how long one look of --watch stays.
const watchEvery = 2 * time.Second

// watched is a verb that shows the status once, or with --watch again and again.
func (c *cli) watched(use, short string, show func(*screen.Screen, *api.Status)) *cobra.Command {
	watch := false
	look := func(ctx context.Context) error { return tell(ctx, c, api.GetStatus, nil, nil, show) }
	cmd := verb(use, short, 0, 0, func(ctx context.Context, _ []string) error {
		if watch {
			return c.Watch(ctx, watchEvery, look)
		}
		return look(ctx)
	})
	cmd.Flags().BoolVar(&watch, "watch", false, "look again every two seconds, until ^C: on a terminal in the same place")
	return cmd
}

func (c *cli) reportVerb() *cobra.Command {
	return verb("report [PROCESS]", "Show how many instances stand where, lead times, what is stuck or late", 0, 1,
		func(ctx context.Context, args []string) error {
			query := url.Values{}
			if len(args) > 0 {
				query.Set("process", args[0])
			}
			return tell(ctx, c, api.GetReport, query, nil, show.Reports)
		})
}

func (c *cli) reloadVerb() *cobra.Command {
	return verb("reload", "Load the configuration again; with problems the old one keeps running", 0, 0, func(ctx context.Context, _ []string) error {
		return c.reloaded(ctx, api.PostReload, nil)
	})
}

// reloaded makes a call that takes another configuration, and prints what it did; one that was refused is exit 1.
func (c *cli) reloaded(ctx context.Context, call api.Call[*api.Reloaded], body any) error {
	a, raw, err := fetch(ctx, c, call, nil, body)
	if err == nil {
		err = display(c, a, raw, show.Reloaded)
	}
	if err == nil && !a.OK {
		return exit.Told()
	}
	return err
}

func (c *cli) pauseVerb() *cobra.Command {
	cmd := verb("pause PIPELINE", "Stop a pipeline; what comes waits, nothing is dropped, also over a restart; --why is shown by hub status", 1, 1,
		func(ctx context.Context, args []string) error {
			return tell(ctx, c, api.PostPause.Of(args[0]), nil, nil, show.Paused)
		})
	cmd.ValidArgsFunction = completePipelines
	return cmd
}

func (c *cli) resumeVerb() *cobra.Command {
	cmd := verb("resume PIPELINE", "Let a paused pipeline go on", 1, 1, func(ctx context.Context, args []string) error {
		return tell(ctx, c, api.PostResume.Of(args[0]), nil, nil, show.Paused)
	})
	cmd.ValidArgsFunction = completePipelines
	return cmd
}

// release is set by the linker: -X main.release=1.0.0.
var release = "dev"

func buildVersion() *api.Version {
	v := &api.Version{Version: release, Go: runtime.Version(), Language: 1}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				v.Commit = s.Value
			}
		}
	}
	return v
}

func (c *cli) versionVerb() *cobra.Command {
	return verb("version", "Print the version of this binary", 0, 0, func(context.Context, []string) error {
		return display(c, buildVersion(), nil, func(s *screen.Screen, v *api.Version) { s.Print("hub %s %s language %d", v.Version, v.Go, v.Language) })
	})
}
