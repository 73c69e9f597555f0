package sql

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// statement is one SQL statement as PostgreSQL takes it: each :name of the
// configuration became a place for a value, $1 and on. Values are always sent
// beside the text, never in it.
type statement struct {
	sql   string
	names []string // whose value $1 is, $2, …
	verb  string   // its first word, in lower case
}

var (
	errEmpty    = errors.New("the statement is empty")
	errSeveral  = errors.New("there is more than one statement")
	errQuote    = errors.New("a quote is not closed")
	errComment  = errors.New("a comment is not closed")
	errParens   = errors.New("the parentheses don't match")
	errPosition = errors.New("$1 has no meaning here: write :name, and the data's field of that name is the value")
)

// parseStatement finds the values of a statement. What stands in quotes, comments and casts (::) is left alone.
func parseStatement(text string) (statement, error) {
	var s statement
	var out strings.Builder
	ended := false
	err := tokens(text, func(kind tokenKind, tok string) error {
		switch {
		case kind == space:
			if !ended {
				out.WriteString(tok)
			}
			return nil
		case kind == other && tok == ";":
			ended = true
			return nil
		case ended:
			return errSeveral
		case s.verb == "" && kind == word:
			s.verb = strings.ToLower(tok)
		case s.verb == "" && tok != "(":
			s.verb = tok
		}
		switch kind {
		case position:
			return errPosition
		case param:
			i := slices.Index(s.names, tok[1:])
			if i < 0 {
				i = len(s.names)
				s.names = append(s.names, tok[1:])
			}
			tok = "$" + strconv.Itoa(i+1)
		}
		out.WriteString(tok)
		return nil
	})
	s.sql = strings.TrimSpace(out.String())
	if err == nil && s.verb == "" {
		err = errEmpty
	}
	return s, err
}

// checkCondition refuses what would not be one condition between parentheses.
func checkCondition(text string) error {
	depth := 0
	err := tokens(text, func(kind tokenKind, tok string) error {
		switch {
		case kind == param:
			return fmt.Errorf("%s has no value here", tok)
		case kind != other:
		case tok == ";":
			return errSeveral
		case tok == "(":
			depth++
		case tok == ")":
			if depth--; depth < 0 {
				return errParens
			}
		}
		return nil
	})
	if err == nil && depth != 0 {
		err = errParens
	}
	return err
}

// checkScript refuses statements that would end the transaction which all of a file runs in.
func checkScript(text string) error {
	first := true
	return tokens(text, func(kind tokenKind, tok string) error {
		switch {
		case kind == other && tok == ";":
			first = true
		case kind != space && first:
			first = false
			if verb := strings.ToLower(tok); slices.Contains([]string{"begin", "start", "commit", "rollback"}, verb) {
				return fmt.Errorf("leave %s out: the file is one transaction", verb)
			}
		}
		return nil
	})
}

type tokenKind uint8

const (
	other    tokenKind = iota // a sign, or something in quotes
	space                     // white space and comments
	word                      // a name, a number, a keyword
	param                     // :name
	position                  // $1
	quoted                    // '…', "…", $$…$$
)

// tokens cuts a text of SQL into pieces, as PostgreSQL does with standard_conforming_strings on.
func tokens(text string, visit func(kind tokenKind, tok string) error) error {
	for i := 0; i < len(text); {
		kind, end, err := token(text, i)
		if err == nil {
			err = visit(kind, text[i:end])
		}
		if err != nil {
			return err
		}
		i = end
	}
	return nil
}

func token(text string, i int) (kind tokenKind, end int, err error) {
	c, rest := text[i], text[i:]
	switch {
	case strings.IndexByte(" \t\r\n\f\v", c) >= 0:
		return space, i + 1, nil
	case strings.HasPrefix(rest, "--"):
		if n := strings.IndexAny(rest, "\r\n"); n >= 0 {
			return space, i + n, nil
		}
		return space, len(text), nil
	case strings.HasPrefix(rest, "/*"):
		return blockComment(text, i)
	case c == '\'' || c == '"':
		return quote1(text, i, false)
	case (c == 'e' || c == 'E') && strings.HasPrefix(rest[1:], "'"):
		return quote1(text, i+1, true)
	case wordByte(c) && c != '$':
		for end = i; end < len(text) && wordByte(text[end]); end++ {
		}
		return word, end, nil
	case c == '$':
		return dollar(text, i)
	case strings.HasPrefix(rest, "::"):
		return other, i + 2, nil
	case c == ':' && len(rest) > 1 && wordByte(rest[1]) && (rest[1] < '0' || rest[1] > '9') && rest[1] != '$' && rest[1] < 0x80:
		for end = i + 1; end < len(text) && wordByte(text[end]) && text[end] != '$' && text[end] < 0x80; end++ {
		}
		return param, end, nil
	}
	return other, i + 1, nil
}

func wordByte(c byte) bool {
	return c == '_' || c == '$' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0x80
}

// quote1 ends a quote that begins at i; the quote sign twice stands for itself.
func quote1(text string, i int, backslash bool) (tokenKind, int, error) {
	sign := text[i]
	for j := i + 1; j < len(text); j++ {
		switch {
		case backslash && text[j] == '\\':
			j++
		case text[j] != sign:
		case j+1 < len(text) && text[j+1] == sign:
			j++
		default:
			return quoted, j + 1, nil
		}
	}
	return 0, 0, errQuote
}

// blockComment ends a comment that begins at i; comments may stand in comments.
func blockComment(text string, i int) (tokenKind, int, error) {
	depth := 0
	for j := i; j+1 < len(text); j++ {
		switch text[j : j+2] {
		case "/*":
			depth++
			j++
		case "*/":
			j++
			if depth--; depth == 0 {
				return space, j + 1, nil
			}
		}
	}
	return 0, 0, errComment
}

// dollar ends a text in dollar quotes, $$…$$ or $tag$…$tag$.
func dollar(text string, i int) (tokenKind, int, error) {
	j := i + 1
	if j < len(text) && text[j] >= '0' && text[j] <= '9' {
		return position, j + 1, nil
	}
	for j < len(text) && wordByte(text[j]) && text[j] != '$' {
		j++
	}
	if j == len(text) || text[j] != '$' {
		return other, i + 1, nil
	}
	tag := text[i : j+1]
	n := strings.Index(text[j+1:], tag)
	if n < 0 {
		return 0, 0, errQuote
	}
	return quoted, j + 1 + n + len(tag), nil
}
