package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"os/user"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"orderhub/cmd/hub/internal/api"
	"orderhub/cmd/hub/internal/audit"
	"orderhub/cmd/hub/internal/daemon"
	"orderhub/cmd/hub/internal/exit"
	"orderhub/cmd/hub/internal/screen"
	"orderhub/cmd/hub/internal/show"
	"orderhub/cmd/hub/internal/words"
	"orderhub/hub/store"
)

// actFlags are --by and --why, which every verb has: what is done is recorded with them.
func (c *cli) actFlags(f *cobra.Command) {
	f.PersistentFlags().StringVar(&c.by, "by", "", "who does it, for the audit log (default: the user of the operating system)")
	f.PersistentFlags().StringVar(&c.why, "why", "", "why, for the audit log")
}

// common goes along with every call.
func (c *cli) common() url.Values {
	query := url.Values{"by": {c.by}, "why": {c.why}}
	if u, err := user.Current(); err == nil && c.by == "" {
		query.Set("by", u.Username)
	}
	if c.personal {
		query.Set("personal", "true")
	}
	for name := range query {
		if query.Get(name) == "" {
			query.Del(name)
		}
	}
	return query
}

func (c *cli) auditVerb() *cobra.Command {
	query := map[string]*string{}
	var limit int
	list := func(ctx context.Context, _ []string) error { return c.auditList(ctx, query, limit) }
	ls := verb("list", "List what people did, the newest first", 0, 0, list)
	var known string
	verify := verb("verify [FILE]", "Check that no record was changed, removed or moved; FILE is an export, - is stdin", 0, 1,
		func(ctx context.Context, args []string) error { return c.auditVerify(ctx, args, known) })
	verify.Flags().StringVar(&known, "head", "", "N:HASH, as an earlier verify printed it: the log up to there must be the same")
	cmd := group("audit", "Show who did what, and prove that the log of it is whole",
		"  hub audit --on W-1042                    all that was done with an order by hand\n"+
			"  hub audit export > audit.ndjson          a record a line; verify reads it, also where no hub is\n"+
			"  hub audit verify audit.ndjson --head 118:9f2c…",
		list, ls, verb("export", "Print all records, one JSON a line, the oldest first", 0, 0, func(ctx context.Context, _ []string) error {
			out := bufio.NewWriter(c.Out)
			if _, err := c.auditLines(ctx, func(line string) error { _, err := fmt.Fprintln(out, line); return err }); err != nil {
				return err
			}
			return out.Flush()
		}), verify)
	for _, flags := range []*cobra.Command{cmd, ls} {
		for name, help := range map[string]string{"who": "only what this person did", "act": "only this act, such as replay or cancel",
			"on":    "only records with this text in what was acted on, such as an order",
			"since": "only from this time on, such as 2d (ago) or 2026-01-31T12:00:00Z", "until": "only from before this time", "before": "go on behind this record"} {
			if query[name] == nil {
				query[name] = new(string)
			}
			flags.Flags().StringVar(query[name], name, "", help)
		}
		flags.Flags().IntVar(&limit, "limit", 50, "how many, 1000 at most")
	}
	return cmd
}

func (c *cli) auditPage(ctx context.Context, query url.Values) (*api.AuditPage, error) {
	page, _, err := look(ctx, c, api.GetAudit, query, nil, func(st store.Store) (*api.AuditPage, error) { return daemon.AuditLog(ctx, st, query) })
	return page, err
}

func (c *cli) auditList(ctx context.Context, flags map[string]*string, limit int) error {
	query := url.Values{"limit": {strconv.Itoa(limit)}}
	for name, value := range flags {
		if *value != "" {
			query.Set(name, *value)
		}
	}
	page, err := c.auditPage(ctx, query)
	if err != nil {
		return err
	}
	list := make([]audit.Record, len(page.Lines))
	for i, line := range page.Lines {
		if err := json.Unmarshal([]byte(line), &list[i]); err != nil {
			return fmt.Errorf("a record can't be read; hub audit verify tells which: %w", err)
		}
	}
	return display(c, list, nil, func(s *screen.Screen, list []audit.Record) { show.Audit(s, list, limit) })
}

// auditLines calls each with all lines of the log, the oldest first, and gives the number of the last record.
func (c *cli) auditLines(ctx context.Context, each func(line string) error) (head int64, err error) {
	page, err := c.auditPage(ctx, url.Values{"limit": {"1"}})
	if err != nil {
		return 0, err
	}
	ctx, progress := c.Track(ctx, int(page.Head))
	defer progress.End()
	for after := int64(0); ; {
		page, err := c.auditPage(ctx, url.Values{"after": {strconv.FormatInt(after, 10)}})
		if err != nil {
			return 0, err
		}
		if head = max(head, page.Head); len(page.Lines) == 0 {
			return head, nil
		}
		for _, line := range page.Lines {
			if err := each(line); err != nil {
				return 0, err
			}
		}
		last, _, _, err := audit.Parse([]byte(page.Lines[len(page.Lines)-1]))
		if err != nil || last.N <= after {
			return 0, fmt.Errorf("the record behind %d can't be read", after)
		}
		after = last.N
		progress.At(int(after))
	}
}

func (c *cli) auditVerify(ctx context.Context, args []string, known string) error {
	var chain audit.Chain
	var err error
	if known != "" {
		if chain.Known, err = audit.ParsePlace(known); err != nil {
			return exit.Usagef("--head: %v", err)
		}
	}
	switch {
	case len(args) == 0:
		var head int64
		if head, err = c.auditLines(ctx, func(line string) error { return chain.Add([]byte(line)) }); err == nil {
			err = chain.End(head)
		}
	case args[0] == "-":
		err = chain.Read(c.In)
	default:
		var f *os.File
		if f, err = os.Open(args[0]); err == nil {
			defer f.Close()
			if err = chain.Read(f); err != nil {
				err = fmt.Errorf("%s: %w", args[0], err)
			}
		}
	}
	if err != nil {
		return err
	}
	return display(c, auditReport{words.Plural(chain.Count, "record"), chain.Head.String()}, nil, func(s *screen.Screen, r auditReport) {
		if chain.Count == 0 {
			s.Print("the audit log is empty")
			return
		}
		s.Print("the audit log is whole: %s, %d to %d, from %s to %s", r.Records, chain.First.N, chain.Last.N, chain.First.Time.Format(time.RFC3339), chain.Last.Time.Format(time.RFC3339))
		s.Print("head %s", r.Head)
		s.Say("keep the head where nobody who has the store can change it; hub audit verify --head compares")
	})
}

// auditReport is a log that is whole.
type auditReport struct {
	Records string `json:"records"`
	Head    string `json:"head"`
}
