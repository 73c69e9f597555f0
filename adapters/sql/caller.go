package sql

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"orderhub/hub"
	"orderhub/hub/doc"
)

// Caller runs one operation and gives what it gave.
type Caller struct {
	a    *Adapter
	op   *op
	once string // where its idempotency keys are applied once
}

var _ hub.Caller = (*Caller)(nil)

// Call runs the operation with the fields of the body as its values. The reply
// is the rows, a row, or {rows: n} of a statement that gives none. An exec is
// applied once for the request's Idempotency-Key; further calls with it get the same reply.
func (c *Caller) Call(parent context.Context, m *hub.Message) (*hub.Message, error) {
	timeout := c.a.cfg.Timeout
	if c.op.timeout > 0 {
		timeout = c.op.timeout
	}
	ctx, cancel := context.WithTimeout(parent, timeout)
	defer cancel()
	var v doc.Value
	var err error
	for try := 1; ; try++ {
		v, err = c.call(ctx, m, timeout)
		if err == nil || !again(err) || try == tries || ctx.Err() != nil {
			break
		}
	}
	if err == nil {
		v, err = c.op.shape(v)
	}
	if err != nil {
		return nil, hub.About(c.a.env.Name+" "+c.op.name, err)
	}
	return &hub.Message{ID: hub.DeriveID(m.ID, "reply"), Key: m.Key, Correlation: m.Correlation, Time: c.a.env.Clock.Now(),
		Headers: hub.Headers{hub.HeaderStatus: "200", hub.HeaderContentType: "application/json"}, Body: hub.DocumentBody(v)}, nil
}

func (c *Caller) call(ctx context.Context, m *hub.Message, timeout time.Duration) (doc.Value, error) {
	s, err := c.a.session(ctx, !c.op.reads)
	if err != nil {
		return doc.Value{}, err
	}
	defer s.Release()
	defer s.rollback()
	p, err := s.prepare(ctx, c.op.st.sql)
	if err != nil {
		return doc.Value{}, err
	}
	values, err := c.op.st.values(p.params, m.Body)
	if err != nil {
		return doc.Value{}, err
	}
	out := rows{types: p.fields, room: c.a.cfg.MaxResult}
	st := step{c.op.st.sql, values, out.read}
	if c.op.reads {
		_, err = s.run(ctx, timeout, step{sql: "select set_config('transaction_read_only', 'on', true)"}, st)
		return out.value(), err
	}
	return c.exec(ctx, s, m, timeout, st, &out)
}

// exec runs a statement and keeps what it gave with the request's key, in one transaction. Without a key nothing is kept.
func (c *Caller) exec(ctx context.Context, s *session, m *hub.Message, timeout time.Duration, st step, out *rows) (doc.Value, error) {
	key := m.Headers.Get(hub.HeaderIdempotency)
	o := onceKey{c.once, onceID(key)}
	steps := []step{st}
	if key == "" {
		steps = []step{{sql: "begin"}, st}
	} else if fresh, err := s.begin(ctx, timeout, []step{{sql: "begin"}}, []onceKey{o}); err != nil || !fresh[o] {
		if err != nil {
			return doc.Value{}, err
		}
		return s.kept(ctx, timeout, o)
	}
	if _, err := s.run(ctx, timeout, steps...); err != nil {
		return doc.Value{}, err
	}
	v := out.value()
	if _, err := c.op.shape(v); err != nil {
		return v, err // nothing is committed
	}
	if key == "" {
		_, err := s.run(ctx, timeout, step{sql: "commit"})
		return v, err
	}
	return v, s.keep(ctx, timeout, o, v)
}

// shape makes of the rows what the operation says.
func (o *op) shape(v doc.Value) (doc.Value, error) {
	if o.one == "" || v.Kind() != doc.Array {
		return v, nil
	}
	switch n := v.Len(); {
	case n == 1:
		return v.At(0), nil
	case n > 1:
		return v, hub.Fail(hub.Rejected, "not_one", "%d rows, and one was expected", n)
	case o.one == required:
		return v, hub.Fail(hub.Rejected, "not_found", "there is no such row")
	}
	return doc.NullValue(), nil
}

// rows collect what a statement gives.
type rows struct {
	types []*sqlType
	room  int64 // bytes that may still come

	list  []doc.Value
	gives bool // it gives rows, be they none
	count int64
}

func (r *rows) read(from *pgconn.ResultReader) error {
	fields := from.FieldDescriptions()
	r.gives = len(fields) > 0
	for from.NextRow() {
		row := make([]doc.Field, len(fields))
		for i, raw := range from.Values() {
			if r.room -= int64(len(raw) + len(fields[i].Name) + 4); r.room < 0 {
				return hub.Fail(hub.Rejected, "too_large", "the result is larger than max_result; add a limit to the statement")
			}
			t := &sqlType{oid: fields[i].DataTypeOID}
			if i < len(r.types) {
				t = r.types[i]
			}
			row[i] = doc.Field{Name: fields[i].Name, Value: decode(raw, t)}
		}
		r.list = append(r.list, doc.ObjectOf(row))
	}
	tag, err := from.Close()
	r.count = tag.RowsAffected()
	return err
}

// value are the rows, or how many were changed.
func (r *rows) value() doc.Value {
	if r.gives {
		return doc.ListOf(r.list)
	}
	return doc.ObjectOf([]doc.Field{{Name: "rows", Value: doc.IntValue(r.count)}})
}
