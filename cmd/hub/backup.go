package main

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"orderhub/cmd/hub/internal/api"
	"orderhub/cmd/hub/internal/audit"
	"orderhub/cmd/hub/internal/daemon"
	"orderhub/cmd/hub/internal/erase"
	"orderhub/cmd/hub/internal/exit"
	"orderhub/cmd/hub/internal/show"
	"orderhub/hub/store"
)

func (c *cli) backupVerb() *cobra.Command {
	cmd := verb("backup FILE", "Write a copy of the store, as of one instant, while the hub runs", 1, 1, func(ctx context.Context, args []string) error {
		file, err := filepath.Abs(args[0])
		if err != nil {
			return err
		}
		a, raw, err := look(ctx, c, api.PostBackup, nil, &api.Backup{File: file}, func(st store.Store) (*store.Contents, error) {
			return daemon.Backup(ctx, st, c.record(file), buildVersion().Version)
		})
		if err != nil {
			return err
		}
		if err := c.contents(a, raw); err != nil {
			return err
		}
		c.Say("all that was acknowledged before %s is in %s", a.Taken.Format(time.RFC3339), file)
		return nil
	})
	cmd.Long = "Write a copy of the store to a new FILE, which has all that was acknowledged before the time that is printed. The hub goes on meanwhile. The hub that\n" +
		"runs writes it, to a disk of its machine; without one this command does, of the configured store. A backup of SQLite or PostgreSQL is a file of SQLite,\n" +
		"for its owner alone, with the checksums of its rows. It holds personal data and secrets of messages: store it as such.\n" +
		"Exit codes: 0 the backup is whole; 1 the hub refuses it; 3 no hub and no store; 74 it was made, and holds what is damaged in the store, or the disk failed; 78 FILE is there."
	return cmd
}

func (c *cli) verifyVerb() *cobra.Command {
	cmd := verb("verify [STORE|FILE]", "Look for damage in the store, or in a backup", 0, 1, func(ctx context.Context, args []string) error {
		if len(args) == 1 {
			a, err := daemon.Verify(ctx, args[0])
			if err != nil {
				return err
			}
			return c.contents(a, nil)
		}
		a, raw, err := look(ctx, c, api.GetContents, nil, nil, func(st store.Store) (*store.Contents, error) { return st.(store.Keeper).Verify(ctx) })
		if err != nil {
			return err
		}
		return c.contents(a, raw)
	})
	cmd.Long = "Look at each message, record and row of the history, with their checksums, and at what SQLite keeps beside them: of the hub that runs, else of the\n" +
		"configured store; of a STORE that no hub uses, sqlite:PATH or postgres://…; or of the backup in FILE. Nothing is changed.\n" +
		"Exit codes: 0 whole; 3 no hub and no store; 74 damaged; 78 no store or no backup, in use, or of another version."
	return cmd
}

func (c *cli) restoreVerb() *cobra.Command {
	var to string
	cmd := verb("restore FILE --to STORE", "Make a store of a backup", 1, 1, func(ctx context.Context, args []string) error {
		if to == "" {
			return exit.Usagef("say where to: --to sqlite:PATH, or --to postgres://…?search_path=SCHEMA")
		}
		file, err := filepath.Abs(args[0])
		if err != nil {
			return err
		}
		a, err := daemon.Restore(ctx, to, c.record(file))
		if err != nil {
			return err
		}
		if err := c.contents(a, nil); err != nil {
			c.Say("nothing was restored")
			return err
		}
		taken := a.Taken.Format(time.RFC3339)
		c.Say("restored. Before a hub starts on it (HUB_STORE=… hub run):\n"+
			"  the old hub must not run any more, on any machine\n"+
			"  what was acknowledged after %s is not in it: have sources send it again from then on\n"+
			"  what was done after %[1]s for orders that are in it is asked of partners again, with the same Idempotency-Keys\n"+
			"docs/backup.md has more", taken)
		return nil
	})
	cmd.Long = "Make a store of the backup in FILE, in a new file of SQLite or in a schema of PostgreSQL where nothing is yet. Whichever database it was made of, it is\n" +
		"restored to either. It is verified first: of a damaged one nothing is restored. A record in its audit log says so.\n" +
		"Exit codes: 0 restored; 74 the backup is damaged, or the disk or the server failed; 78 there is a store already, or FILE is no backup of this version."
	cmd.Flags().StringVar(&to, "to", "", "the new store: sqlite:PATH or postgres://…")
	return cmd
}

func (c *cli) forgetVerb() *cobra.Command {
	var dry, yes bool
	cmd := verb("forget VALUE...", "Erase what the store has of a person", 1, -1, func(ctx context.Context, args []string) error {
		if c.why == "" {
			return exit.Usagef("--why is missing: the reason is kept in the audit log; write no name into it")
		}
		ask := func(dry bool) (*erase.Found, []byte, error) {
			return fetch(ctx, c, api.PostForget, nil, &api.Forget{Values: args, DryRun: dry})
		}
		found, raw, err := ask(true)
		switch {
		case err != nil:
			return err
		case len(found.UnderWay) > 0:
			if err := display(c, found, raw, show.Forgotten); err != nil {
				return err
			}
			return fmt.Errorf("something of the person is not over; nothing was erased")
		case dry || !found.Any():
			return display(c, found, raw, show.Forgotten)
		}
		if !yes {
			show.Forgotten(c.Screen, found)
			if !c.Typed("erase all of it for good? Type the first value:", args[0]) {
				return exit.Usagef("nothing was erased: say --yes")
			}
		}
		if found, raw, err = ask(false); err == nil && len(found.UnderWay) > 0 {
			err = fmt.Errorf("something of the person came in meanwhile; nothing was erased")
		}
		if err != nil {
			return err
		}
		if err := display(c, found, raw, show.Forgotten); err != nil {
			return err
		}
		c.Say("erased, and nothing is left that names the person. Backups, logs and the partners' own data are yours to see to: docs/backup.md")
		return nil
	})
	cmd.Long = "Erase what the store has of a person, who is known by VALUEs such as an e-mail address and a customer number: the orders that name one of them with\n" +
		"their history, closed instances, rows of tables, kept bodies, replies, dead letters, refusals, and messages in channels that nobody reads. First it\n" +
		"tells what that is, and asks. While something of it is under way nothing is erased. Then the store's files are written anew, during which commits wait,\n" +
		"and are looked through again. The audit log keeps that it was done, and why, not of whom.\n" +
		"Exit codes: 0 nothing of the person is left; 1 something is under way, or came in meanwhile; 2 usage; 3 no hub answers."
	cmd.Example = "  hub forget jane@example.com C-4711 --why 'request 17 of 2026-12-01'"
	cmd.Flags().BoolVar(&dry, "dry-run", false, "erase nothing: tell what there is")
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
	return cmd
}

// record begins a record of the audit log of who does what is done to a file.
func (c *cli) record(on string) audit.Record {
	who := c.common()
	return audit.Record{Who: who.Get("by"), Why: who.Get("why"), On: on}
}

// contents prints what was found. What is damaged is exit 74.
func (c *cli) contents(a *store.Contents, raw []byte) error {
	if err := display(c, a, raw, show.Contents); err != nil || a.Damaged == 0 {
		return err
	}
	return exit.With(exit.Store, nil)
}
