package sql

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"orderhub/hub"
	"orderhub/hub/doc"
)

// op is an operation of `ops:`.
type op struct {
	name    string
	st      statement
	reads   bool // query: in a read-only transaction
	one     One
	timeout time.Duration // 0: the adapter's
}

// These begin what changes something, and what the adapter does itself.
var (
	writing     = []string{"insert", "update", "delete", "merge", "truncate", "create", "alter", "drop", "grant", "revoke", "copy", "call", "do"}
	transaction = []string{"begin", "start", "commit", "end", "rollback", "abort", "savepoint", "release", "prepare", "set", "reset", "listen", "unlisten"}
)

// compile reads an entry of `ops:`. On an error, at is the place in it and help what to write.
func compile(name string, o Op) (c *op, at, help string, err error) {
	text := o.Query
	switch {
	case (o.Query == "") == (o.Exec == ""):
		return nil, "", `write {query: "select … where id = :id"} or {exec: "update … where id = :id"}`, errors.New("it needs one of query and exec")
	case o.Exec != "":
		text, at = o.Exec, ".exec"
	default:
		at = ".query"
	}
	c = &op{name: name, reads: o.Query != "", one: o.One, timeout: o.Timeout}
	if c.st, err = parseStatement(text); err != nil {
		return nil, at, "write one statement, with :name where a value goes", err
	}
	switch {
	case c.reads && slices.Contains(writing, c.st.verb):
		return nil, at, "write exec: in place of query:", fmt.Errorf("%s changes something, and a query only reads", c.st.verb)
	case slices.Contains(transaction, c.st.verb):
		return nil, at, "leave it out", fmt.Errorf("%s is not for operations: each is a transaction of its own", c.st.verb)
	}
	return c, "", "", nil
}

// values are the statement's values out of body, in the form that their types have.
func (st *statement) values(types []*sqlType, body hub.Body) ([][]byte, error) {
	if len(st.names) == 0 {
		return [][]byte{}, nil
	}
	d, err := object(body)
	if err != nil {
		return nil, err
	}
	out := make([][]byte, len(st.names))
	for i, name := range st.names {
		v := d.Get(name)
		if v.Kind() == doc.Missing {
			e := hub.Fail(hub.Invalid, "missing_param", "the statement needs the value :%s, and the data has no such field; it has %s", name, fieldsOf(d))
			e.Fields = []hub.FieldError{{Pointer: "/" + name, Detail: "is needed for :" + name}}
			return nil, e
		}
		if out[i], err = encode(v, types[i]); err != nil {
			return nil, badValue(name, err)
		}
	}
	return out, nil
}

func badValue(name string, err error) error {
	e := hub.Fail(hub.Invalid, "bad_value", "%s: %w", name, err)
	e.Fields = []hub.FieldError{{Pointer: "/" + name, Detail: err.Error()}}
	return e
}

// object is the body as an object.
func object(body hub.Body) (doc.Value, error) {
	d, err := body.Doc()
	if err != nil {
		return d, hub.Fail(hub.Invalid, "no_object", "the data is no JSON object: %w", err)
	}
	if d.Kind() != doc.Object {
		return d, hub.Fail(hub.Invalid, "no_object", "the data is no JSON object but %s", d.Kind())
	}
	return d, nil
}

// fieldsOf lists the first names of an object, for people.
func fieldsOf(d doc.Value) string {
	var names []string
	for name := range d.Fields() {
		if len(names) == 10 {
			names = append(names, "…")
			break
		}
		names = append(names, fmt.Sprintf("%.40s", name))
	}
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

// maxName is the longest name that PostgreSQL keeps whole, in bytes.
const maxName = 63

// parseTable reads a name such as orders or shop.orders, as it is in the database: not folded to lower case.
func parseTable(text string) (pgx.Identifier, error) {
	id := pgx.Identifier(strings.Split(text, "."))
	if len(id) > 2 {
		return nil, fmt.Errorf("%q is no table: write orders, or shop.orders", text)
	}
	for _, part := range id {
		if !goodName(part) || strings.ContainsAny(part, " \t\r\n\"'();") {
			return nil, fmt.Errorf("%q is no table: write orders, or shop.orders", text)
		}
	}
	return id, nil
}

func goodName(name string) bool {
	return name != "" && len(name) <= maxName && !strings.Contains(name, "\x00")
}

// quote is a column's name as SQL has it.
func quote(name string) string { return pgx.Identifier{name}.Sanitize() }

// quoteAll are columns, each behind prefix, parted by commas.
func quoteAll(prefix string, names []string) string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = prefix + quote(n)
	}
	return strings.Join(out, ", ")
}

// place is what `send:` names: "insert orders", or "exec cancel".
type place struct {
	table pgx.Identifier // nil: an operation
	op    string
}

const helpTarget = "write insert and a table, or exec and an operation of ops: {db: insert orders}, {db: exec cancel}"

func parsePlace(arg string) (p place, err error) {
	verb, name, _ := strings.Cut(strings.TrimSpace(arg), " ")
	name = strings.TrimSpace(name)
	switch {
	case verb == "insert" && name != "":
		p.table, err = parseTable(name)
	case verb == "exec" && name != "" && !strings.Contains(name, " "):
		p.op = name
	default:
		err = fmt.Errorf("%q says neither insert and a table nor exec and an operation", arg)
	}
	return p, err
}

func (p place) String() string {
	if p.table != nil {
		return "insert " + strings.Join(p.table, ".")
	}
	return "exec " + p.op
}

func checkTarget(arg string) []hub.FieldFault {
	if _, err := parsePlace(arg); err != nil {
		return []hub.FieldFault{{Message: err.Error(), Help: helpTarget}}
	}
	return nil
}

// parsePoll reads what `from:` names: "poll orders".
func parsePoll(arg string) (pgx.Identifier, error) {
	verb, name, _ := strings.Cut(strings.TrimSpace(arg), " ")
	if verb != "poll" {
		return nil, fmt.Errorf("%q does not say poll and a table", arg)
	}
	return parseTable(strings.TrimSpace(name))
}

func checkSource(arg string, c *SourceConfig) (faults []hub.FieldFault) {
	bad := func(at, help string, err error) {
		if err != nil {
			faults = append(faults, hub.FieldFault{Path: at, Message: err.Error(), Help: help})
		}
	}
	_, err := parsePoll(arg)
	bad("", "write poll and a table: {db: poll orders}", err)
	if c.Done != "" {
		_, err = parseStatement(c.Done)
		bad("done", "write one statement: update orders set state = 'taken' where id = :id", named("done", err))
	}
	if c.Where != "" {
		bad("where", "write one condition: state = 'new'", named("where", checkCondition(c.Where)))
	}
	for _, f := range []struct {
		at    string
		names []string
	}{{"id", c.ID}, {"order", c.Order}, {"key", []string{c.Key}}, {"version", []string{c.Version}}, {"notify", []string{c.Notify}}} {
		for _, n := range f.names {
			if n != "" && !goodName(n) {
				bad(f.at, "write a name as it is in the database", fmt.Errorf("%s: %.80q is no name", f.at, n))
			}
		}
	}
	return faults
}

func named(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", what, err)
}
