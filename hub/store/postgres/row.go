package postgres

import (
	"fmt"

	"github.com/jackc/pgx/v5"

	"orderhub/hub"
	"orderhub/hub/store/core"
)

// delivery makes a delivery of a row of pgColumns, and of what follows them.
// When the row's checksum does not match it is not intact, and has no body.
func (s *Store) delivery(row pgx.Row, more ...any) (d *hub.Delivery, intact bool, err error) {
	var queue, crc, due int64
	var name, failure *string
	var state int16
	var key, id, corr, head, body, own []byte
	d = &hub.Delivery{}
	err = row.Scan(append([]any{&d.Seq, &name, &queue, &state, &key, &id, &corr, &crc, &head, &body, &d.Attempts, &d.Crashes, &due, &own, &failure}, more...)...)
	if err != nil {
		return nil, false, err
	}
	m := &hub.Message{ID: string(id), Key: string(key), Correlation: string(corr)}
	d.Msg, d.Name, d.State = m, string(own), min(hub.State(state), hub.Dead)
	if name != nil {
		d.Queue = *name
	}
	if failure != nil {
		d.Error = core.DecodeFailure(*failure)
	}
	if d.State == hub.Waiting {
		d.Due = core.TimeOf(due)
	}
	if crc != core.Checksum(queue, m, head, body) {
		d.Error = core.Damage(s.o.Clock.Now())
		return d, false, nil
	}
	if d.Vars, err = core.DecodeHead(head, m); err != nil {
		d.Error = core.Damage(s.o.Clock.Now())
		return d, false, nil
	}
	if len(body) > 0 {
		m.Body = hub.NewBody(body)
	}
	return d, true, nil
}

// texts collects a column of byte strings.
func texts(rows pgx.Rows) (out []string, err error) {
	var b []byte
	_, err = pgx.ForEachRow(rows, []any{&b}, func() error { out = append(out, string(b)); return nil })
	return out, err
}

// pgRecord makes a record of a row: key, version, value, expires, crc.
func pgRecord(kind string, row pgx.Row) (hub.Record, error) {
	var key, value []byte
	var expires *int64
	var crc int64
	r := hub.Record{Kind: kind}
	if err := row.Scan(&key, &r.Version, &value, &expires, &crc); err != nil {
		return r, err
	}
	r.Key, r.Value = string(key), value
	if expires != nil {
		r.Expires = core.TimeOf(*expires)
	}
	if crc != core.RecordSum(kind, r.Key, value) {
		return hub.Record{}, fmt.Errorf("record %s %q: %w", kind, r.Key, core.ErrDamaged)
	}
	return r, nil
}
