package sql

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"orderhub/hub/figures"
)

// maxLag bounds the rows that are counted: past it the table is read for no better an answer.
const maxLag = 10_000

// Figures tells how many rows wait for the sources, those that are being handled included, up to maxLag of each.
func (a *Adapter) Figures(ctx context.Context, to *figures.Set) error {
	a.mu.Lock()
	polls := slices.Clone(a.polls)
	a.mu.Unlock()
	if len(polls) == 0 {
		return nil
	}
	s, err := a.acquire(ctx)
	if err != nil {
		return err
	}
	defer s.Release()
	for _, p := range polls {
		r := s.Conn.Conn().PgConn().ExecParams(ctx, p.countStatement(), nil, nil, nil, nil).Read()
		if r.Err != nil {
			return r.Err
		}
		n, err := strconv.ParseInt(string(r.Rows[0][0]), 10, 64)
		if err != nil {
			return err
		}
		to.Put(figures.Lag, n, a.env.Name, "poll "+p.table, "")
	}
	return nil
}

// countStatement counts the rows that wait.
func (s *Source) countStatement() string {
	table, _ := parseTable(s.table) // checked
	return fmt.Sprintf("select count(*) from (select from %s where (\n%s\n) limit %d) r", table.Sanitize(), s.cfg.where(), maxLag)
}
