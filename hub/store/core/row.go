package core

import (
	"database/sql/driver"
	"errors"
	"fmt"

	"orderhub/hub"
)

// Row is a row of an answer: for each column what the driver of the database gives. It is the callee's until it returns,
// its texts and bytes for ever.
type Row []driver.Value

// ErrStop ends a query early, without an error.
var ErrStop = errors.New("stop")

// Int is a number; 0 for NULL.
func (r Row) Int(i int) int64 {
	switch n := r[i].(type) {
	case int64:
		return n
	case int32:
		return int64(n)
	case int16:
		return int64(n)
	}
	return 0
}

// Text is a text, however the database keeps it; "" for NULL.
func (r Row) Text(i int) string {
	switch t := r[i].(type) {
	case string:
		return t
	case []byte:
		return string(t)
	}
	return ""
}

// Bytes are bytes; nil for NULL.
func (r Row) Bytes(i int) []byte {
	b, _ := r[i].([]byte)
	return b
}

// Columns of the table messages m, as Delivery takes them, and how many they are.
const (
	Columns = "m.seq, (SELECT name FROM queues WHERE id=m.queue), m.queue, m.state, m.key, m.id, m.corr, m.crc, m.head, m.body, " +
		"m.attempts, m.crashes, m.due, m.name, m.error, m.cause"
	Width = 16
)

// Delivery makes a delivery of a row that begins with Columns. When its checksum does not match it is not intact: it has
// no body, and its error says so.
func (r Row) Delivery(clock hub.Clock) (d *hub.Delivery, intact bool) {
	m := &hub.Message{ID: r.Text(5), Key: r.Text(4), Correlation: r.Text(6)}
	d = &hub.Delivery{Seq: r.Int(0), Queue: r.Text(1), State: min(hub.State(r.Int(3)), hub.Dead), Msg: m,
		Attempts: int(r.Int(10)), Crashes: int(r.Int(11)), Name: r.Text(13), Error: decodeFailure(r.Text(14))}
	if d.State == hub.Waiting {
		d.Due = TimeOf(r.Int(12))
		if part := r.Text(15); d.Error == nil || part != d.Error.Cause {
			d.Await = part
		}
	}
	head, body := r.Bytes(8), r.Bytes(9)
	err := ErrDamaged
	if r.Int(7) == checksum(r.Int(2), m, head, body) {
		d.Vars, err = decodeHead(head, m)
	}
	if err != nil {
		d.Error = Damage(clock.Now())
		return d, false
	}
	if len(body) > 0 {
		m.Body = hub.NewBody(body)
	}
	return d, true
}

// Found is what a look for messages to claim found.
type Found struct{ Good, Bad []*hub.Delivery }

// Add takes the message of a row in: it is bad when it is damaged.
func (f *Found) Add(r Row, clock hub.Clock) *hub.Delivery {
	d, intact := r.Delivery(clock)
	if intact {
		f.Good = append(f.Good, d)
	} else {
		f.Bad = append(f.Bad, d)
	}
	return d
}

// recordColumns are the columns of a record, as record takes them.
const recordColumns = "key, version, value, expires, crc"

// recordOf makes the records of a kind of rows.
func recordOf(kind string) func(r Row) (hub.Record, error) {
	return func(r Row) (hub.Record, error) { return r.record(kind) }
}

func (r Row) record(kind string) (hub.Record, error) {
	rec := hub.Record{Kind: kind, Key: r.Text(0), Version: r.Int(1), Value: r.Bytes(2), Expires: TimeOf(r.Int(3))}
	if rec.Value == nil {
		rec.Value = []byte{}
	}
	bare := kind == InboxKind && len(rec.Value) == 0 // may have no checksum
	if !bare && r.Int(4) != RecordSum(kind, rec.Key, rec.Value) {
		return hub.Record{}, fmt.Errorf("record %s %q: %w", kind, rec.Key, ErrDamaged)
	}
	return rec, nil
}
