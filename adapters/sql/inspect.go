package sql

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"orderhub/hub"
)

// inspection compares the statements with the real schema, in a transaction that is rolled back: also the file of create is tried.
type inspection struct {
	*session
	findings []string
}

// Inspect asks the database whether all statements of the configuration could run, and changes nothing.
func (a *Adapter) Inspect(ctx context.Context) ([]string, error) {
	s, err := a.acquire(ctx)
	if err != nil {
		return nil, err
	}
	defer s.Release()
	defer s.rollback()
	first, err := s.script(ctx, "begin; set local lock_timeout = '2s'; select pg_is_in_recovery()")
	if err != nil {
		return nil, err
	}
	i := &inspection{session: s}
	if first == "t" {
		i.tell("the server is a standby and takes no changes: name the primary in url, or add &target_session_attrs=read-write to it")
		return i.findings, nil
	}
	a.mu.Lock()
	inserts, polls := slices.Clone(a.inserts), slices.Clone(a.polls)
	a.mu.Unlock()
	own := len(inserts)+len(polls) > 0 || slices.ContainsFunc(slices.Collect(maps.Values(a.ops)), func(o *op) bool { return !o.reads })
	i.apart(ctx, func() error { return s.create(ctx, own) }, "", func(err error) string {
		return fmt.Sprintf("what the hub needs can't be created: %s; let an administrator run the file of create:, and the statements of README.md", err)
	})
	if own {
		i.ownTables(ctx)
	}
	for _, name := range slices.Sorted(maps.Keys(a.ops)) {
		i.op(ctx, a.ops[name])
	}
	for _, p := range inserts {
		i.insert(ctx, p)
	}
	for _, p := range polls {
		i.poll(ctx, p)
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return i.findings, nil
}

func (i *inspection) tell(format string, args ...any) {
	i.findings = append(i.findings, fmt.Sprintf(format, args...))
}

// apart does something whose error must not end the transaction, and tells it.
func (i *inspection) apart(ctx context.Context, do func() error, what string, say func(error) string) bool {
	if _, err := i.script(ctx, "savepoint apart"); err != nil {
		return false
	}
	err := do()
	after := "release apart"
	if err != nil {
		after = "rollback to apart; release apart"
		i.tell("%s%s", what, say(err))
	}
	_, _ = i.script(ctx, after)
	return err == nil
}

// statement tries one, and gives what it would give; nil when it can't run.
func (i *inspection) statement(ctx context.Context, what, sql string) (sd *pgconn.StatementDescription) {
	i.apart(ctx, func() (err error) {
		sd, err = i.Conn.Conn().PgConn().Prepare(ctx, "", sql, nil)
		return i.fault(ctx, err)
	}, what+": ", advice)
	if sd != nil {
		i.rights(ctx, what, sql, len(sd.ParamOIDs))
	}
	return sd
}

// rights finds out whether the user may run a statement. To plan one is to ask for its rights; it is not run.
func (i *inspection) rights(ctx context.Context, what, sql string, values int) {
	verb, _, _ := strings.Cut(strings.Join(strings.Fields(strings.ToLower(sql)), " "), " ")
	if !slices.Contains([]string{"select", "insert", "update", "delete", "merge", "with", "values", "table"}, verb) {
		i.tell("%s%s: whether the user of url may run it: the server can't say so of %s without running it", hub.Unasked, what, verb)
		return
	}
	run := "hub_look"
	if values > 0 {
		run += "(null" + strings.Repeat(", null", values-1) + ")"
	}
	i.apart(ctx, func() error {
		_, err := i.script(ctx, "prepare hub_look as "+sql+";\nexplain execute "+run)
		if hub.AsError(err).Reason != reasonRight {
			return nil // a plan for no values may fail otherwise
		}
		return err
	}, what+": ", advice)
	_, _ = i.script(ctx, "savepoint apart")
	if _, err := i.script(ctx, "deallocate hub_look"); err != nil {
		_, _ = i.script(ctx, "rollback to apart")
	}
	_, _ = i.script(ctx, "release apart")
}

// ownTables finds out whether the user may use the hub's own tables.
func (i *inspection) ownTables(ctx context.Context) {
	for _, table := range []pgx.Identifier{i.a.applied, i.a.claims} {
		name := literal(table.Sanitize())
		lacks, err := i.script(ctx, fmt.Sprintf(`select coalesce(string_agg(p, ', '), '') from unnest(array['select', 'insert', 'update', 'delete']) p
			where to_regclass(%[1]s) is not null and not has_table_privilege(to_regclass(%[1]s), p)`, name))
		if err == nil && lacks != "" {
			i.tell("%s: the user of url may not use the hub's own table; grant %s on %s", table.Sanitize(), lacks, table.Sanitize())
		}
	}
}

// advice adds what to do about an error.
func advice(err error) string {
	e, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		return err.Error()
	}
	return err.Error() + "; " + cmp.Or(advices[e.Code], "correct the statement")
}

var advices = map[string]string{
	"42P01": "create the table, or correct its name; names are as in the database, orders and not Orders",
	"42703": "correct the name, or add the column",
	"42501": "grant it to the user of url",
	"42P08": "say which type it has, such as :id::bigint",
	"42P18": "say which type it has, such as :id::bigint",
}

func (i *inspection) op(ctx context.Context, o *op) {
	what := "op " + o.name
	sd := i.statement(ctx, what, o.st.sql)
	if sd == nil {
		return
	}
	if o.reads && len(sd.Fields) == 0 {
		i.tell("%s: a query that gives no rows; write exec: in place of query:", what)
	}
	if !o.reads && o.one != "" && len(sd.Fields) == 0 {
		i.tell("%s: it gives no rows, so `one` has no meaning; add returning to the statement, or leave `one` out", what)
	}
	seen := map[string]bool{}
	for _, f := range sd.Fields {
		if seen[f.Name] {
			i.tell("%s: two columns are named %q, and only the last would be given; name one of them otherwise, with as", what, f.Name)
		}
		seen[f.Name] = true
	}
}

func (i *inspection) insert(ctx context.Context, p place) {
	name := literal(p.table.Sanitize())
	may, err := i.script(ctx, fmt.Sprintf("select case when to_regclass(%[1]s) is null then 'missing' when has_any_column_privilege(to_regclass(%[1]s), 'insert') then 'yes' else 'no' end", name))
	switch {
	case err != nil:
	case may == "missing":
		i.tell("%s: there is no such table; create it, or correct its name; names are as in the database, orders and not Orders", p)
	case may == "no":
		i.tell("%s: the user of url may not insert there; grant insert on %s", p, p.table.Sanitize())
	}
}

func (i *inspection) poll(ctx context.Context, s *Source) {
	what := "poll " + s.table
	table, _ := parseTable(s.table)
	if i.statement(ctx, what, s.fetch) == nil {
		return
	}
	if sd := i.statement(ctx, what+", done", s.done.sql); sd != nil && len(sd.ParamOIDs) != len(s.done.names) {
		i.tell("%s, done: the server counts %d values, %d are named", what, len(sd.ParamOIDs), len(s.done.names))
	}
	known, err := i.columns(ctx, table)
	if err != nil {
		return
	}
	for _, name := range slices.Concat(s.done.names, []string{s.cfg.Version}) {
		if name != "" && !slices.Contains(known, name) {
			i.tell("%s: there is no column %s; the table has %s", what, name, listed(known))
		}
	}
	if !i.unique(ctx, table, s.cfg.ID) {
		i.tell("%s: no primary key or unique index tells that %s is different in each row, and rows that share it would be one message; name the key in id:", what, strings.Join(s.cfg.ID, ", "))
	}
}

// unique tells whether a unique index is of these columns, or of some of them. Of what has no indexes, such as a view, nothing is known: true.
func (i *inspection) unique(ctx context.Context, table pgx.Identifier, columns []string) bool {
	r := i.Conn.Conn().PgConn().ExecParams(ctx, `select c.relkind not in ('r', 'p') or exists (select from pg_index x where x.indrelid = c.oid and x.indisunique and x.indpred is null
		and x.indexprs is null and (select array_agg(a.attname::text) from pg_attribute a where a.attrelid = c.oid and a.attnum = any(x.indkey[:x.indnkeyatts - 1])) <@ $2::text[])
		from pg_class c where c.oid = to_regclass($1)`, [][]byte{[]byte(table.Sanitize()), textArray(columns)}, nil, nil, nil).Read()
	return r.Err != nil || len(r.Rows) == 0 || string(r.Rows[0][0]) == "t"
}
