package sql

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"orderhub/hub"
)

// Target inserts rows into a table, or runs an operation, exactly once for each message ID.
type Target struct {
	a     *Adapter
	place place
	op    *op
	once  string
}

var _ hub.Target = (*Target)(nil)

// Send returns nil when what the message says is committed, or was before.
func (t *Target) Send(ctx context.Context, m *hub.Message) error {
	return hub.About(t.a.env.Name+" "+t.place.String(), t.send(ctx, m))
}

func (t *Target) send(ctx context.Context, m *hub.Message) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := t.a.setup.ready(ctx, true); err != nil {
		return err
	}
	j := &job{once: onceKey{t.once, onceID(m.ID)}, size: m.Body.Len()}
	if t.op != nil {
		j.requests = []request{{st: &t.op.st, body: m.Body}}
		return t.a.writer.do(ctx, j)
	}
	st, err := insertInto(t.place.table, m.Body)
	if err != nil {
		return err
	}
	j.requests = []request{{st: st, body: m.Body}}
	if err = t.a.writer.do(ctx, j); isMissingColumn(err) {
		return t.unknownColumn(ctx, m.Body, err)
	}
	return err
}

// Close has nothing to do: the connections are the adapter's.
func (t *Target) Close() error { return nil }

// insertInto is the statement that makes a row of an object.
func insertInto(table pgx.Identifier, body hub.Body) (*statement, error) {
	d, err := object(body)
	if err != nil {
		return nil, err
	}
	st := &statement{verb: "insert"}
	var places []string
	for name := range d.Fields() {
		if !goodName(name) {
			e := hub.Fail(hub.Rejected, "unknown_column", "%.80q is no name of a column", name)
			e.Fields = []hub.FieldError{{Pointer: "/" + name, Detail: "is no name of a column"}}
			return nil, e
		}
		st.names = append(st.names, name)
		places = append(places, fmt.Sprintf("$%d", len(st.names)))
	}
	st.sql = "insert into " + table.Sanitize() + " default values"
	if len(places) > 0 {
		st.sql = fmt.Sprintf("insert into %s (%s) values (%s)", table.Sanitize(), quoteAll("", st.names), strings.Join(places, ", "))
	}
	return st, nil
}

// unknownColumn says which fields of the body the table has no column for.
func (t *Target) unknownColumn(ctx context.Context, body hub.Body, cause error) error {
	d, err := object(body)
	if err != nil {
		return cause
	}
	s, err := t.a.acquire(ctx)
	if err != nil {
		return err
	}
	defer s.Release()
	known, err := s.columns(ctx, t.place.table)
	if err != nil {
		return err
	}
	e := hub.Fail(hub.Rejected, "unknown_column", "%w", cause)
	var unknown []string
	for name := range d.Fields() {
		if !slices.Contains(known, name) {
			unknown = append(unknown, fmt.Sprintf("%q", name))
			e.Fields = append(e.Fields, hub.FieldError{Pointer: "/" + name, Detail: "is no column of " + strings.Join(t.place.table, ".")})
		}
	}
	if len(unknown) == 0 { // it is a statement of the table's own triggers
		return cause
	}
	e.Err = fmt.Errorf("%s has no column %s; it has %s%s", strings.Join(t.place.table, "."), strings.Join(unknown, ", "), listed(known),
		s.nearest(ctx, t.place.table, e.Fields[0].Pointer[1:]))
	return e
}

func listed(names []string) string {
	if len(names) > 20 {
		names = append(slices.Clone(names[:20]), "…")
	}
	return strings.Join(names, ", ")
}
