package sql

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

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
		return nil, nil
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
