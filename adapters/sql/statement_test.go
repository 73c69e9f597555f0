package sql

import (
	"strings"
	"testing"
)

func TestStatements(t *testing.T) {
	for _, c := range []struct{ text, sql, names, verb string }{
		{"select 1", "select 1", "", "select"},
		{"select * from t where id = :id and n > :n", "select * from t where id = $1 and n > $2", "id n", "select"},
		{"select :a, :b, :a", "select $1, $2, $1", "a b", "select"},
		{"  SELECT :id::text ; ", "SELECT $1::text", "id", "select"},
		{"select id::text, '{}'::jsonb", "select id::text, '{}'::jsonb", "", "select"},
		{"select ':no', 'it''s :no', :yes", "select ':no', 'it''s :no', $1", "yes", "select"},
		{`select E'it\'s :no', :yes`, `select E'it\'s :no', $1`, "yes", "select"},
		{`select 'ends with \', :yes`, `select 'ends with \', $1`, "yes", "select"},
		{`select ":no""" from t`, `select ":no""" from t`, "", "select"},
		{"select 1 -- :no ; '\n, :yes", "select 1 -- :no ; '\n, $1", "yes", "select"},
		{"/* :no /* ; */ :no */ select :yes", "/* :no /* ; */ :no */ select $1", "yes", "select"},
		{"select $$ :no ; ' $$, $tag$ :no $$ ; $tag$, :yes", "select $$ :no ; ' $$, $tag$ :no $$ ; $tag$, $1", "yes", "select"},
		{"select a[1:2], b[:n]", "select a[1:2], b[$1]", "n", "select"},
		{"select f(x := 1)", "select f(x := 1)", "", "select"},
		{"select doc ? 'a', doc->>:field", "select doc ? 'a', doc->>$1", "field", "select"},
		{"select a$1, :x from t", "select a$1, $1 from t", "x", "select"}, // a$1 is a name
		{"(select :x) union select 2", "(select $1) union select 2", "x", "select"},
		{"select 1;  -- the end\n /* really */", "select 1", "", "select"},
		{"select ':'||:a||':'", "select ':'||$1||':'", "a", "select"},
		{"select :ä", "select :ä", "", "select"}, // PostgreSQL refuses it
		{"select x'1F', u&'\\0041', n'a'", "select x'1F', u&'\\0041', n'a'", "", "select"},
	} {
		s, err := parseStatement(c.text)
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		if s.sql != c.sql || strings.Join(s.names, " ") != c.names || s.verb != c.verb {
			t.Errorf("%s\ngot  %q %v %q\nwant %q %v %q", c.text, s.sql, s.names, s.verb, c.sql, c.names, c.verb)
		}
	}
}

func TestBadStatements(t *testing.T) {
	for text, want := range map[string]error{
		"":                              errEmpty,
		" -- nothing":                   errEmpty,
		";":                             errEmpty,
		"select 1; select 2":            errSeveral,
		"select 1; drop table t --":     errSeveral,
		"select 'open":                  errQuote,
		`select "open`:                  errQuote,
		"select $$open":                 errQuote,
		"select $a$open$b$":             errQuote,
		`select E'open\'`:               errQuote,
		"select /* /* */ 1":             errComment,
		"select * from t where id = $1": errPosition,
	} {
		if _, err := parseStatement(text); err != want {
			t.Errorf("%s: %v, want %v", text, err, want)
		}
	}
}

func TestConditions(t *testing.T) {
	for text, ok := range map[string]bool{
		"state = 'new'":                         true,
		"(a or b) and c -- why":                 true,
		"f(')') = ')'":                          true,
		"true) or (true":                        false,
		"(a":                                    false,
		"a)":                                    false,
		"a; drop table t":                       false,
		"id = :id":                              false,
		"state = 'new":                          false,
		"/* a":                                  false,
		"created < now() - $$1 day$$::interval": true,
	} {
		if err := checkCondition(text); (err == nil) != ok {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// FuzzStatement: the pieces of a text are the text, whatever it is, and every name stands in it behind a colon.
func FuzzStatement(f *testing.F) {
	for _, s := range []string{"select :a, ':b', $$c$$ -- d", "e'\\'' :x", "/*/**/*/;", "a$b$ $b$ :c", ":", "::", "$", "$ä$:x$ä$"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var all strings.Builder
		if err := tokens(text, func(_ tokenKind, tok string) error { all.WriteString(tok); return nil }); err == nil && all.String() != text {
			t.Fatalf("%q is cut into %q", text, all.String())
		}
		s, _ := parseStatement(text)
		for _, n := range s.names {
			if n == "" || !strings.Contains(text, ":"+n) {
				t.Fatalf("%q: the name %q is not there", text, n)
			}
		}
	})
}
