package core

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"slices"
	"strings"

	"orderhub/hub"
	"orderhub/hub/store"
)

// Table is a table of a store as its rows are copied from one database to another.
type Table struct {
	Name    string
	Columns []string // the first ones are its primary key
	keys    int
	kinds   string // of the values: a letter for each column
}

// Kinds of values. Where one is NULL in SQLite, PostgreSQL has a number 0, no bytes, or false, but for texts and optional numbers.
const (
	number   = 'i'
	optional = 'n' // a number, or NULL
	flag     = 'o' // a boolean in PostgreSQL; 1 or NULL in SQLite
	text     = 's'
	name     = 'x' // bytea in PostgreSQL, since it comes from outside; a text in SQLite
	blob     = 'b'
)

// Tables are those of a store in an SQLite file; PostgreSQL has no states, they are among its records. They stand in the order in which they refer to each other.
var Tables = []*Table{
	table("queues", 1, "is", "id name"),
	table("messages", 1, "iiixxxibbiiixss", "seq queue state key id corr crc head body attempts crashes due name error cause"),
	table("records", 2, "sxibni", "kind key version value expires crc"),
	table("states", 2, "sxibni", "kind key version value expires crc"),
	table("counters", 2, "sxi", "kind key value"),
	table("places", 1, "ix", "id text"),
	table("history", 1, "iixxonb", "seq time root corr outside until events"),
	table("refused", 1, "iixxxxb", "seq time id corr source reason value"),
	table("links", 2, "xi", "root seq"),
	table("terms", 3, "iii", "part term seq"),
}

func table(name string, keys int, kinds, columns string) *Table {
	return &Table{Name: name, Columns: strings.Fields(columns), keys: keys, kinds: kinds}
}

// page is how many rows one statement reads, so that none holds an old state of the database for long.
const page = 1000

// Each calls f with all rows in the order of the key, until it gives an error. A row is f's until it returns.
func (t *Table) Each(query Query, f func(r Row) error) error {
	key := strings.Join(t.Columns[:t.keys], ",")
	all := "SELECT " + strings.Join(t.Columns, ",") + " FROM " + t.Name
	var last []any
	for n := page; n == page; {
		sql, args := all, slices.Clone(last)
		if last != nil {
			sql += " WHERE (" + key + ")>(?" + strings.Repeat(",?", t.keys-1) + ")"
		}
		n = 0
		err := query(sql+" ORDER BY "+key+" LIMIT ?", append(args, int64(page)), func(r Row) error {
			n, last = n+1, last[:0]
			for _, v := range r[:t.keys] {
				last = append(last, v)
			}
			return f(r)
		})
		if err != nil {
			return fmt.Errorf("table %s: %w", t.Name, err)
		}
	}
	return nil
}

// ForSQLite is a row, of whichever database, as SQLite takes it.
func (t *Table) ForSQLite(r Row) []any {
	out := make([]any, len(r))
	for i, kind := range t.kinds {
		switch {
		case r[i] == nil || kind == flag && r[i] != true:
		case kind == flag:
			out[i] = int64(1)
		case kind == number || kind == optional:
			out[i] = r.Int(i)
		case kind == blob:
			out[i] = r.Bytes(i)
		default:
			out[i] = r.Text(i)
		}
	}
	return out
}

// ForPostgres is a row of SQLite as PostgreSQL takes it.
func (t *Table) ForPostgres(r Row) []any {
	out := make([]any, len(r))
	for i, kind := range t.kinds {
		switch {
		case kind == flag:
			out[i] = r.Int(i) != 0
		case kind == number:
			out[i] = r.Int(i)
		case kind == blob:
			out[i] = append([]byte{}, r.Bytes(i)...)
		case r[i] == nil:
		case kind == optional:
			out[i] = r.Int(i)
		case kind == name:
			out[i] = []byte(r.Text(i))
		default:
			out[i] = r.Text(i)
		}
	}
	return out
}

// maxDamage is how many damaged rows are named.
const maxDamage = 100

// Checkup looks at all rows of a store, and finds those that are damaged.
type Checkup struct {
	store.Contents
	Clock  hub.Clock
	queues map[int64]bool
}

// All looks at the tables. sums, if it is not nil, gets the count and the SHA-256 of the rows of each table.
func (c *Checkup) All(query Query, tables []*Table, sums map[string]string) error {
	c.queues, c.Rows, c.Messages = map[int64]bool{}, map[string]int64{}, map[string]int64{}
	for _, t := range tables {
		sum := sha256.New()
		c.Rows[t.Name] = 0
		err := t.Each(query, func(r Row) error {
			c.Rows[t.Name]++
			if err := c.row(t.Name, r); err != nil {
				c.Damage(fmt.Sprintf("%s: %v", t.Name, err))
			}
			if sums != nil {
				addTo(sum, r)
			}
			return nil
		})
		if err != nil {
			return err
		}
		if sums != nil {
			sums[t.Name] = fmt.Sprintf("%d %s", c.Rows[t.Name], hex.EncodeToString(sum.Sum(nil)))
		}
	}
	return nil
}

// Damage notes what is damaged.
func (c *Checkup) Damage(what string) {
	if c.Damaged++; len(c.Damages) < maxDamage {
		c.Damages = append(c.Damages, what)
	}
}

// row is the error of a row that is not as it was written.
func (c *Checkup) row(of string, r Row) error {
	switch of {
	case "queues":
		c.queues[r.Int(0)] = true
	case "messages":
		d, intact := slices.Insert(slices.Clone(r), 1, any(nil)).Delivery(c.Clock)
		c.Messages[d.State.String()]++
		switch {
		case !intact:
			return fmt.Errorf("message %d, %q: its checksum does not match", d.Seq, d.Msg.ID)
		case !c.queues[r.Int(1)]:
			return fmt.Errorf("message %d, %q: its queue is missing", d.Seq, d.Msg.ID)
		}
	case "records", "states":
		_, err := r[1:].record(r.Text(0))
		return err
	case "history":
		if _, _, err := decodeHistory(r.Bytes(6), r.Int(1), r.Text(2), func(int64) string { return "" }); err != nil {
			return fmt.Errorf("row %d of %q can't be read", r.Int(0), r.Text(2))
		}
	case "refused":
		if !json.Valid(r.Bytes(6)) {
			return fmt.Errorf("refusal %d, %q, can't be read", r.Int(0), r.Text(2))
		}
	}
	return nil
}

// addTo adds a row to a sum: of each value its kind, its length and its bytes.
func addTo(sum hash.Hash, r Row) {
	var b []byte
	for i, v := range r {
		switch v.(type) {
		case nil:
			b = append(b, '-')
		case int64:
			b = binary.AppendVarint(append(b, 'i'), r.Int(i))
		case []byte:
			b = appendText(append(b, 'b'), r.Text(i))
		default:
			b = appendText(append(b, 't'), r.Text(i))
		}
	}
	sum.Write(b) // never fails
}
