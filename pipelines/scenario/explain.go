package scenario

import (
	"regexp"
	"slices"
	"strings"

	"orderhub/hub"
	"orderhub/hub/doc"
	"orderhub/transforms/formula"
)

// explained is a condition with its values: sum(body.items, .price) = 9 == body.total = 10.
// Where it can't be evaluated on what is known of the message, or gives
// something else than it did (a step has changed the body since), it stands alone.
func (r *run) explained(source string, e *note, held bool) string {
	m := r.bodies[e.Message]
	if m == nil {
		return source
	}
	fr := r.frame(m)
	if v, ok := evaluated(source, fr); !ok || v.Kind() != doc.Bool || v.Bool() != held {
		return source
	}
	if left, op, right, ok := comparison(source); ok {
		return side(left, fr) + " " + op + " " + side(right, fr)
	}
	return source + valuesIn(source, m)
}

// evaluated is the value of a formula; false: it names what is not known here, or it fails.
func evaluated(source string, fr *formula.Frame) (doc.Value, bool) {
	f, _ := formula.Compile(source, formula.NewScope())
	if f == nil {
		return doc.Value{}, false
	}
	v, err := f.Eval(fr)
	return v, err == nil
}

// side is one side of a comparison with its value; a literal is that already.
func side(source string, fr *formula.Frame) string {
	v, ok := evaluated(source, fr)
	if text := shown(v); ok && text != source {
		return source + " = " + text
	}
	return source
}

var (
	comparing = regexp.MustCompile(`^(==|!=|<=|>=|<|>)`)
	joining   = regexp.MustCompile(`\b(and|or|not)\b|&&|\|\||[?!]\s`)
	path      = regexp.MustCompile(`\bbody(?:\??\.[A-Za-z_]\w*)+`)
)

// comparison cuts a formula that is one comparison in two.
func comparison(source string) (left, op, right string, ok bool) {
	depth, quote := 0, byte(0)
	for i := 0; i < len(source); i++ {
		switch c := source[i]; {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'':
			quote = c
		case c == '(' || c == '[' || c == '{':
			depth++
		case c == ')' || c == ']' || c == '}':
			depth--
		case depth == 0 && op == "" && comparing.MatchString(source[i:]):
			op = comparing.FindString(source[i:])
			left, right = strings.TrimSpace(source[:i]), strings.TrimSpace(source[i+len(op):])
			i += len(op) - 1
		}
	}
	return left, op, right, op != "" && !joining.MatchString(source)
}

// valuesIn are the values of the body's fields that a formula names.
func valuesIn(source string, m *hub.Message) string {
	body, parts := document(m), []string(nil)
	for _, p := range path.FindAllString(source, -1) {
		names := strings.Split(strings.ReplaceAll(p, "?", ""), ".")[1:]
		if part := p + " = " + shown(doc.Lookup(body, names)); !slices.Contains(parts, part) {
			parts = append(parts, part)
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return "; " + strings.Join(parts, ", ")
}
