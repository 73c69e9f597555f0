package sqlite

import (
	"context"
	"fmt"
	"strings"

	"orderhub/hub"
	"orderhub/hub/store/core"
)

// inbox remembers the key of a message from outside, or finds it there.
func (b *batch) inbox(key string) error {
	n, err := b.c.exec(`INSERT INTO records(kind,key,version,crc,expires) VALUES('inbox',?,?,0,?)
		ON CONFLICT DO UPDATE SET version=excluded.version, value=NULL, crc=0, expires=excluded.expires WHERE expires<=?`,
		key, b.next(), core.Nanos(b.now.Add(core.InboxKeep)), core.Nanos(b.now))
	if err == nil && n == 0 {
		err = hub.ErrDuplicate
	}
	return err
}

// record does one Write. A version is a sequence number: it is never used
// twice, so a record that was deleted and made again is another one.
func (b *batch) record(w *hub.Write) error {
	now := core.Nanos(b.now)
	sql := sqlOf(w.Kind)
	var n int64
	var err error
	switch crc := core.RecordSum(w.Kind, w.Key, w.Value); {
	case w.IfVersion == 0 && w.Value == nil:
		n = 1
		err = b.c.query(context.Background(), sql.there, []any{w.Kind, w.Key, now}, func(core.Row) error { n = 0; return nil })
	case w.IfVersion == 0:
		n, err = b.c.exec(sql.create, w.Kind, w.Key, b.versionOf(w), crc, w.Value, core.Optional(core.Nanos(w.Expires)), now)
	case w.IfVersion == hub.AnyVersion && w.Value == nil:
		n = 1
		_, err = b.c.exec(sql.drop, w.Kind, w.Key)
	case w.IfVersion == hub.AnyVersion:
		n, err = b.c.exec(sql.put, w.Kind, w.Key, b.versionOf(w), crc, w.Value, core.Optional(core.Nanos(w.Expires)))
	case w.Value == nil:
		n, err = b.c.exec(sql.end, w.Kind, w.Key, w.IfVersion, now)
	default:
		n, err = b.c.exec(sql.change, b.versionOf(w), crc, w.Value, core.Optional(core.Nanos(w.Expires)), w.Kind, w.Key, w.IfVersion, now)
	}
	if err == nil && n == 0 {
		err = fmt.Errorf("record %s %q: %w", w.Kind, w.Key, hub.ErrConflict)
	}
	return err
}

// recordSQL is how the records of one table are read and written.
type recordSQL struct {
	table                                        string
	there, create, drop, put, end, change, sweep string
	read                                         *core.RecordSQL
}

// records are small and many, such as keys; states are documents that change
// often. In one B-tree with the keys a document of more than 1,002 bytes would
// take an overflow page of its own (SQLite file format, 1.6), so these have a table with row numbers.
var (
	inRecords = sqlFor("records")
	inStates  = sqlFor("states")
)

func sqlOf(kind string) *recordSQL {
	for _, of := range [...]string{"process ", "table ", "group ", "reply", hub.BodiesKind} {
		if strings.HasPrefix(kind, of) {
			return inStates
		}
	}
	return inRecords
}

func sqlFor(table string) *recordSQL {
	const (
		alive = "(expires IS NULL OR expires>?)"
		put   = `(kind,key,version,crc,value,expires) VALUES(?,?,?,?,?,?)
			ON CONFLICT(kind,key) DO UPDATE SET version=excluded.version, crc=excluded.crc, value=excluded.value, expires=excluded.expires`
	)
	return &recordSQL{
		table:  table,
		there:  "SELECT 1 FROM " + table + " WHERE kind=? AND key=? AND " + alive,
		create: "INSERT INTO " + table + put + " WHERE expires<=?",
		drop:   "DELETE FROM " + table + " WHERE kind=? AND key=?",
		put:    "INSERT INTO " + table + put,
		end:    "DELETE FROM " + table + " WHERE kind=? AND key=? AND version=? AND " + alive,
		change: "UPDATE " + table + " SET version=?, crc=?, value=?, expires=? WHERE kind=? AND key=? AND version=? AND " + alive,
		read:   core.RecordsIn(table),
		sweep: "DELETE FROM " + table + " WHERE (kind,key) IN (SELECT kind,key FROM " + table + " INDEXED BY expiring_" + table +
			" WHERE expires<=? ORDER BY expires LIMIT ?)",
	}
}

// versionOf gives the write its version, and tells it.
func (b *batch) versionOf(w *hub.Write) int64 {
	w.Version = b.next()
	return w.Version
}

// flushAdds writes the batch's counters, each once.
func (b *batch) flushAdds() error {
	for a, delta := range b.adds {
		if _, err := b.c.exec("INSERT INTO counters VALUES(?,?,?) ON CONFLICT DO UPDATE SET value=value+excluded.value", a.Kind, a.Key, delta); err != nil {
			return err
		}
	}
	return nil
}
