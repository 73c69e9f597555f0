package sql

import (
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"orderhub/hub"
)

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
