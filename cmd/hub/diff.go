package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"github.com/spf13/cobra"

	"orderhub/cmd/hub/internal/exit"
	"orderhub/hub"
	"orderhub/hub/store"
	"orderhub/pipelines/process"
)

func (c *cli) diffCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "diff FILE",
		Short: "Show what a new configuration would do to the running processes",
		Long: "Compare FILE with the running hub: which processes are added, removed or changed, and what becomes of the instances that\n" +
			"have not ended. They stay, finish on their version, move, or would be stranded: then exit is 1, and each is told with what\n" +
			"to write. hub reload and hub run refuse such a file. Without a running hub the store's file is read. Nothing is changed.",
		Args: between(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.diff(cmd.Context(), absolute(configPath(args)))
		},
	}
}

func (c *cli) diff(ctx context.Context, path string) error {
	body, err := json.Marshal(diffRequest{path})
	if err != nil {
		return err
	}
	var v diffView
	done, err := c.fetch(ctx, http.MethodPost, "/diff", nil, body, &v)
	if gone, ok := errors.AsType[*errUnreachable](err); ok {
		found, err := diffFile(ctx, path, c.Mask, gone)
		if err != nil {
			return c.tellProblem(err)
		}
		if v = *found; c.IsJSON() {
			done = true
			if err := c.PrintJSON(v); err != nil {
				return err
			}
		}
	} else if err != nil {
		return err
	}
	if !done {
		c.printDiff(&v)
	}
	if !v.OK {
		return exit.Told()
	}
	return nil
}

// diffFile compares with the store's file, which no hub uses.
func diffFile(ctx context.Context, path string, mask *hub.Masker, gone *errUnreachable) (*diffView, error) {
	st, err := openStoreFile(ctx, gone)
	if err != nil {
		return nil, err
	}
	defer st.Close()
	stored, err := storedProcesses(ctx, st)
	if err != nil {
		return nil, err
	}
	return diffOf(ctx, st, stored, load(path, registry(mask), &stubs{}))
}

// openStoreFile opens the configured store's file to read it; no hub runs on it.
func openStoreFile(ctx context.Context, gone *errUnreachable) (hub.Store, error) {
	url := configuredStore()
	if file := storeFile(url); file == "" || !exists(file) {
		return nil, exit.With(exit.Unreachable, gone)
	}
	st, err := store.Open(ctx, url, store.Options{})
	if err != nil {
		return nil, exit.With(exit.Unreachable, fmt.Errorf("no hub answers at %s, and %w; name its socket with --hub or HUB_HOME", gone.socket, err))
	}
	return st, nil
}

func (c *cli) printDiff(v *diffView) {
	if v.Problems != "" {
		fmt.Fprint(c.Talk, v.Problems)
		return
	}
	rows := make([][]string, len(v.Processes))
	for i, p := range v.Processes {
		rows[i] = []string{p.Process, p.Change, versionText(p.From), versionText(p.To)}
	}
	c.Table([]string{"PROCESS", "CHANGE", "FROM", "TO"}, rows)
	if len(v.Fates) > 0 {
		c.Print("")
		rows = make([][]string, len(v.Fates))
		for i, f := range v.Fates {
			rows[i] = []string{f.Process, versionText(f.Version), f.Def, f.State, strconv.FormatInt(f.Count, 10), fateText(&f)}
		}
		c.Table([]string{"INSTANCES OF", "VERSION", "DEFINITION", "STATE", "PLACES", "FATE"}, rows)
	}
	for _, f := range strandedOf(v.Fates) {
		c.Say("%s v%d %s: %s\n  help: %s", f.Process, f.Version, f.State, f.Why, f.Help)
	}
}

func fateText(f *process.Fate) string {
	switch f.Fate {
	case process.Moves:
		return "moves to " + f.To
	case process.Strands:
		return "STRANDED"
	}
	return f.Fate
}

func versionText(version int) string {
	if version == 0 {
		return "-"
	}
	return fmt.Sprintf("v%d", version)
}
