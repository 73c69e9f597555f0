package main

import (
	"context"
	"errors"
	"slices"

	"github.com/spf13/cobra"

	"orderhub/cmd/hub/internal/api"
	"orderhub/cmd/hub/internal/config"
	"orderhub/cmd/hub/internal/doctor"
	"orderhub/cmd/hub/internal/exit"
	"orderhub/cmd/hub/internal/show"
	"orderhub/hub"
)

func (c *cli) doctorVerb() *cobra.Command {
	stubs := config.Stubs{Strict: true, Warn: true}
	var sets []string
	cmd := verb("doctor [CONFIG]", "Examine what the hub needs: configuration, ports, disk, clock, store, partners, secrets, limits", 0, 1,
		func(ctx context.Context, args []string) error {
			reg := c.registry()
			openWith(reg, func(env *hub.Env) { env.AnyPort = !stubs.Off })
			l := config.Load(config.Path(args), reg, &stubs, sets...)
			a, raw, err := fetchFrom(ctx, c, c.clientOf(l.Store()), api.GetDoctor, nil, nil)
			if gone, ok := errors.AsType[*api.Unreachable](err); ok {
				c.Say("%v; this is what one would find that starts here", gone)
				tuneMemory()
				a, err = doctor.Local(ctx, l, &stubs), nil
			}
			if err != nil {
				return err
			}
			if err := display(c, a, raw, show.Checkup); err == nil && slices.ContainsFunc(a.Checks, func(c api.Check) bool { return c.Verdict == api.Broken }) {
				return exit.Told()
			}
			return err
		})
	cmd.Long = "Examine what the hub needs, each with a verdict and what to do. A hub that runs examines itself, with its own environment and limits;\n" +
		"CONFIG then only says which hub. Else this command examines what a hub would find that starts with CONFIG. Nothing is changed: far ends are asked\n" +
		"whether they are well (of HTTP services HEAD of their URL), the store's file is looked through, each for 10s at most.\n" +
		"Exit codes: 0 no problem, though there may be warnings and what can't be known; 1 a problem."
	stubFlags(cmd, &stubs)
	setFlag(cmd, &sets)
	return cmd
}
