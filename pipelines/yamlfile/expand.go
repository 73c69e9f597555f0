package yamlfile

import (
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
)

// resolved is a scalar after ${ENV} and secret:.
type resolved struct {
	text     string
	ok       bool // nothing was missing
	secret   bool
	expanded bool // text differs from the file
	pieces   []piece
}

// piece says which runes of the file's scalar a run of runes of the text came from.
type piece struct {
	text, raw, width int  // start in the text, start in the file, runes in the text
	value            bool // of a variable: all of it stands at raw
}

// toRaw maps a place of the text to the scalar in the file.
func (r *resolved) toRaw(offset, length int) (int, int) {
	if !r.expanded {
		return offset, length
	}
	for _, p := range r.pieces {
		if offset < p.text+p.width || p == r.pieces[len(r.pieces)-1] {
			if p.value {
				return p.raw, 1
			}
			return p.raw + offset - p.text, min(length, max(1, p.text+p.width-offset))
		}
	}
	return 0, 1
}

// resolve reads the scalar once; what is missing is recorded then.
func (n *Node) resolve() *resolved {
	if n.value != nil {
		return n.value
	}
	n.value = &resolved{text: n.y.Value, ok: true}
	switch raw := n.y.Value; {
	case n.y.Kind != yaml.ScalarNode || n.y.Tag == "!!null":
	case strings.HasPrefix(raw, secretPrefix):
		n.value = n.resolveSecret(strings.TrimPrefix(raw, secretPrefix))
	case strings.Contains(raw, "${"):
		n.value = n.expand(raw)
	}
	return n.value
}

var (
	envRef    = regexp.MustCompile(`^\$\{([A-Za-z_][A-Za-z0-9_]*)(:-([^}]*))?\}`)
	refExtent = regexp.MustCompile(`^\$\{[^}\n]*\}?`)
)

func (n *Node) expand(raw string) *resolved {
	r := &resolved{ok: true, expanded: true}
	var b strings.Builder
	textAt, rawAt := 0, 0
	put := func(s string, rawWidth int, value bool) {
		b.WriteString(s)
		w := utf8.RuneCountInString(s)
		r.pieces = append(r.pieces, piece{textAt, rawAt, w, value})
		textAt, rawAt = textAt+w, rawAt+rawWidth
	}
	literal := func(s string) { put(s, utf8.RuneCountInString(s), false) }
	for raw != "" {
		i := strings.Index(raw, "${")
		if i < 0 {
			literal(raw)
			break
		}
		if i > 0 && raw[i-1] == '$' {
			literal(raw[:i-1])
			put("${", 3, true)
			raw = raw[i+2:]
			continue
		}
		literal(raw[:i])
		ref := refExtent.FindString(raw[i:])
		if m := envRef.FindString(raw[i:]); m != "" {
			ref = m
		}
		value, ok := n.lookup(ref, rawAt)
		r.ok = r.ok && ok
		put(value, utf8.RuneCountInString(ref), true)
		raw = raw[i+len(ref):]
	}
	r.text = b.String()
	return r
}

// lookup gives the value of one ${...}; at is its place in the scalar.
func (n *Node) lookup(ref string, at int) (string, bool) {
	where := func(code, help, format string, args ...any) {
		// The scalar isn't resolved yet: place in the file's own runes.
		n.report(Error, n.insideRaw(at, utf8.RuneCountInString(ref)), code, help, fmt.Sprintf(format, args...))
	}
	m := envRef.FindStringSubmatch(ref)
	if m == nil || strings.Contains(m[3], "${") {
		where("E121", "write ${NAME} or ${NAME:-default}; $${ stands for a literal ${", "%s is no variable", ref)
		return "", false
	}
	if n.loader.Env != nil {
		if v, ok := n.loader.Env(m[1]); ok && v != "" { // an empty variable is one that is not set: write ${NAME:-} where it may be empty
			return v, true
		}
	}
	if m[2] != "" {
		return m[3], true
	}
	if n.loader.Missing != nil {
		if v, ok := n.loader.Missing(n, ref); ok {
			return v, true
		}
	}
	where("E120", fmt.Sprintf("export it, or write ${%s:-value}", m[1]), "%s is not set", ref)
	return "", false
}
