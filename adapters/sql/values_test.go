package sql

import (
	"fmt"
	"strings"
	"testing"

	"orderhub/hub"
)

// kinds is a table with a column of every kind that matters.
const kinds = `create type mood as enum ('fine', 'sad');
create domain money_amount as numeric check (value >= 0);
create domain doc_domain as jsonb;
create table kinds (id text primary key, small int2, whole int4, big int8, amount numeric, price numeric(12,2), ratio float8, ok bool, at timestamptz, wall timestamp, day date,
	hour time, doc jsonb, raw json, tags text[], counts int[], grid int[][], prices numeric[], docs jsonb[], data bytea, ref uuid, feeling mood, feelings mood[], sum money_amount, dd doc_domain,
	name varchar(20), times timestamptz[], span interval)`

// TestTypesRoundTrip: what a row was made of comes back from a query, in the form that is told.
func TestTypesRoundTrip(t *testing.T) {
	d := newDB(t, kinds)
	a := d.open(ops(map[string]Op{"row": {Query: "select * from kinds where id = :id", One: oneRow}}))
	cases := []struct{ column, in, out string }{
		{"small", `12`, `12`},
		{"whole", `-7`, `-7`},
		{"whole", `12.0`, `12`},
		{"whole", `1e3`, `1000`},
		{"big", `9223372036854775807`, `9223372036854775807`},
		{"amount", `12345678901234567890.12345678901234567890`, `12345678901234567890.12345678901234567890`},
		{"amount", `12.50`, `12.50`},
		{"amount", `0.1`, `0.1`},
		{"amount", `"NaN"`, `"NaN"`},
		{"price", `5.2`, `5.20`},
		{"price", `"5.2"`, `5.20`},
		{"sum", `15.60`, `15.60`},
		{"ratio", `0.1`, `0.1`},
		{"ratio", `1e300`, `1` + strings.Repeat("0", 300)},
		{"ok", `true`, `true`},
		{"ok", `false`, `false`},
		{"at", `"2024-02-29T23:30:00+02:00"`, `"2024-02-29T21:30:00Z"`},
		{"at", `"2024-02-29T21:30:00.123456Z"`, `"2024-02-29T21:30:00.123456Z"`},
		{"at", `"infinity"`, `"infinity"`},
		{"wall", `"2024-02-29T23:30:00+02:00"`, `"2024-02-29T21:30:00"`}, // without a zone: UTC, and not the time of some other place
		{"wall", `"2024-02-29T23:30:00.5"`, `"2024-02-29T23:30:00.5"`},
		{"day", `"2024-02-29"`, `"2024-02-29"`},
		{"hour", `"23:30:00"`, `"23:30:00"`},
		{"doc", `{"a": [1.10, null, {"b": "ž"}], "c": true}`, `{"a": [1.10, null, {"b": "ž"}], "c": true}`},
		{"doc", `[1, 2]`, `[1, 2]`},
		{"doc", `"text"`, `"text"`},
		{"doc", `12.50`, `12.50`},
		{"dd", `{"a": [1]}`, `{"a": [1]}`},
		{"dd", `[{"a": 1}]`, `[{"a": 1}]`},
		{"raw", `{"z":1,"a":1.0}`, `{"z":1,"a":1.0}`},
		{"tags", `["a", "b \"c\" \\ {d},e", "", null, "NULL", "ž"]`, `["a", "b \"c\" \\ {d},e", "", null, "NULL", "ž"]`},
		{"tags", `[]`, `[]`},
		{"counts", `[1, 2.0, null]`, `[1, 2, null]`},
		{"grid", `[[1, 2], [3, 4]]`, `[[1, 2], [3, 4]]`},
		{"prices", `[1.10, 0.1]`, `[1.10, 0.1]`},
		{"docs", `[{"a": 1}, [1, 2], "x"]`, `[{"a": 1}, [1, 2], "x"]`},
		{"data", `"AAH/"`, `"AAH/"`},
		{"data", `""`, `""`},
		{"ref", `"123e4567-e89b-12d3-a456-426614174000"`, `"123e4567-e89b-12d3-a456-426614174000"`},
		{"feeling", `"sad"`, `"sad"`},
		{"feelings", `["sad", "fine"]`, `["sad", "fine"]`},
		{"name", `12.50`, `"12.50"`},
		{"name", `{"a": 1}`, `"{\"a\": 1}"`},
		{"name", `""`, `""`},
		{"times", `["2024-02-29T21:30:00Z", null]`, `["2024-02-29T21:30:00Z", null]`},
		{"span", `"1 day 02:00:00"`, `"1 day 02:00:00"`},
		{"doc", `null`, `null`},
		{"whole", `null`, `null`},
	}
	for i, c := range cases {
		id := fmt.Sprintf("r%d", i)
		if err := a.send("insert kinds", id, fmt.Sprintf(`{"id": %q, %q: %s}`, id, c.column, c.in)); err != nil {
			t.Errorf("%s %s: %v", c.column, c.in, err)
			continue
		}
		reply, err := a.call("row", `{"id": "`+id+`"}`)
		noError(t, err)
		got, _ := hub.NewBody([]byte(reply)).Doc()
		if v := string(got.Get(c.column).JSON()); compactJSON(t, v) != compactJSON(t, c.out) {
			t.Errorf("%s: %s came back as %s, want %s", c.column, c.in, v, c.out)
		}
	}
}

// TestTimesOfOtherSessions: neither the server's zone nor its way of writing dates changes what is read.
func TestTimesOfOtherSessions(t *testing.T) {
	d := newDB(t, "create table t (at timestamptz, day date, times timestamptz[])", `insert into t values ('2024-07-01 10:00:00+00', '2024-07-01', '{"2024-07-01 10:00:00+00"}')`)
	query := ops(map[string]Op{"row": {Query: "select * from t", One: oneRow}})
	for _, zone := range []string{"America/New_York", "Asia/Kolkata", "UTC"} {
		a := openAdapter(t, d.url+"&timezone="+zone, query)
		got, err := a.call("row", `{}`)
		noError(t, err)
		same(t, got, `{"at": "2024-07-01T10:00:00Z", "day": "2024-07-01", "times": ["2024-07-01T10:00:00Z"]}`)
	}
}

// TestFault_F7_TimesWithoutZone: a time without a zone is UTC, as formulas read it, whatever the zone of the server.
func TestFault_F7_TimesWithoutZone(t *testing.T) {
	d := newDB(t, "create table t (id text primary key, at timestamptz, naive timestamp)")
	for zone, id := range map[string]string{"America/New_York": "ny", "Asia/Kolkata": "in"} {
		a := openAdapter(t, d.url+"&timezone="+zone, ops(map[string]Op{"row": {Query: "select at, naive from t where id = :id", One: oneRow}}))
		for form, text := range map[string]string{"none": "2026-03-03T12:00:00", "blank": "2026-03-03 12:00:00", "offset": "2026-03-03T13:00:00+0100", "mail": "Tue, 03 Mar 2026 12:00:00 GMT"} {
			noError(t, a.send("insert t", id+form, fmt.Sprintf(`{"id": %q, "at": %q, "naive": %q}`, id+form, text, text)))
			got, err := a.call("row", fmt.Sprintf(`{"id": %q}`, id+form))
			noError(t, err)
			same(t, got, `{"at": "2026-03-03T12:00:00Z", "naive": "2026-03-03T12:00:00"}`)
		}
	}
}

func TestValuesThatDoNotFit(t *testing.T) {
	d := newDB(t, kinds)
	a := d.open(nil)
	for i, c := range []struct {
		column, in    string
		class         hub.Class
		reason, words string
	}{
		{"whole", `"abc"`, hub.Invalid, "bad_value", "abc"},
		{"whole", `2.5`, hub.Invalid, "bad_value", "2.5"}, // not rounded
		{"whole", `true`, hub.Invalid, "bad_value", ""},
		{"small", `70000`, hub.Invalid, "bad_value", "out of range"},
		{"price", `12345678901.00`, hub.Invalid, "bad_value", "overflow"},
		{"whole", `{"a":1}`, hub.Invalid, "bad_value", "whole"},
		{"whole", `[1]`, hub.Invalid, "bad_value", "whole"},
		{"tags", `{"a":1}`, hub.Invalid, "bad_value", "lists"},
		{"at", `"yesterday at noon"`, hub.Invalid, "bad_value", ""},
		{"data", `"no base64!"`, hub.Invalid, "bad_value", "base64"},
		{"feeling", `"angry"`, hub.Invalid, "bad_value", "angry"},
		{"name", `"longer than twenty characters"`, hub.Invalid, "bad_value", "too long"},
		{"name", `"a\u0000b"`, hub.Invalid, "bad_value", ""},
		{"sum", `-1`, hub.Rejected, "constraint", "money_amount"},
		{"amount", `1`, "", "", ""},
	} {
		err := a.send("insert kinds", fmt.Sprintf("r%d", i), fmt.Sprintf(`{"id": "r%d", %q: %s}`, i, c.column, c.in))
		if c.class == "" {
			noError(t, err)
			continue
		}
		wantClass(t, err, c.class, c.reason, c.words)
	}
	if n := d.text("select count(*) from kinds"); n != "1" {
		t.Errorf("%s rows", n)
	}
}

// evil are texts that would do harm where a value is spliced into SQL.
var evil = []string{
	`'; drop table orders; --`, `' or '1'='1`, `\'; drop table orders; --`, `"; drop table orders; --`, `$1`, `:id`, `$$; drop table orders; $$`, `1); drop table orders; --`,
	`/*`, `*/ drop table orders`, `E'\''`, "a\nb\r\n;", `{"a":1}`, `\x00`, `NULL`, `%s%d%n`, `‘; drop table orders; --`, `\`, `''`, `' || (select current_user) || '`,
}

// TestInjection: no value, and no name of a field, is ever taken for SQL.
func TestInjection(t *testing.T) {
	d := newDB(t, "create table orders (id text primary key, note text, tags text[], doc jsonb)", `create table "odd ""name" (id text, "a""; drop table orders; --" text)`)
	a := d.open(ops(map[string]Op{
		"find": {Query: "select note from orders where id = :id or note = :note and ':id' <> $$:note$$"},
		"note": {Exec: "update orders set note = :note where id = :id"},
	}))
	for i, text := range evil {
		v := hub.DocumentBody(docText(text)).Bytes()
		id := fmt.Sprintf("e%d", i)
		noError(t, a.send("insert orders", id, fmt.Sprintf(`{"id": %q, "note": %s, "tags": [%s, %s], "doc": {"x": %s}}`, id, v, v, v, v)))
		got, err := a.call("find", fmt.Sprintf(`{"id": %q, "note": "nothing"}`, id))
		noError(t, err)
		same(t, got, fmt.Sprintf(`[{"note": %s}]`, v))
		if n := d.text("select count(*) from orders where id = $1 and note = $2 and tags = array[$2, $2]::text[] and doc->>'x' = $2", id, text); n != "1" {
			t.Errorf("%q was changed on its way", text)
		}
		if got, err = a.call("find", fmt.Sprintf(`{"id": %s, "note": "nothing"}`, v)); err != nil || got != "[]" {
			t.Errorf("%q as id found %s, %v", text, got, err)
		}
		got, err = a.call("note", fmt.Sprintf(`{"id": %s, "note": "changed"}`, v))
		noError(t, err)
		same(t, got, `{"rows": 0}`)
		err = a.send("insert orders", "f"+id, fmt.Sprintf(`{"id": "f", %s: 1}`, v))
		wantClass(t, err, hub.Rejected, "unknown_column")
	}
	if n := d.text("select count(*) from orders where note <> 'changed'"); n != fmt.Sprint(len(evil)) {
		t.Errorf("%s orders are left", n)
	}
	// names with quotes in them are names
	if err := a.send(`insert orders`, "x", `{"id\" text); drop table orders; --": 1}`); hub.AsError(err).Reason != "unknown_column" {
		t.Error(err)
	}
	err := a.send("insert orders", "x", `{"i\u0000d": 1}`)
	wantClass(t, err, hub.Rejected, "unknown_column")
	err = a.send("insert orders", "x", `{"`+strings.Repeat("a", 64)+`": 1}`) // PostgreSQL would cut it
	wantClass(t, err, hub.Rejected, "unknown_column")
}

func TestNamesWithQuotes(t *testing.T) {
	d := newDB(t, `create table "Orders" ("Id" text, "a""b" int, "select" bool)`)
	a := d.open(nil)
	noError(t, a.send("insert Orders", "1", `{"Id": "x", "a\"b": 7, "select": true}`))
	if got := d.text(`select "Id" || "a""b" || "select" from "Orders"`); got != "x7true" {
		t.Error(got)
	}
	err := a.send("insert "+d.schema+".Orders", "2", `{"id": "x"}`)
	wantClass(t, err, hub.Rejected, "unknown_column", `"id"`, "Id, a\"b, select")
}
