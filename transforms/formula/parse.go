package formula

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/parser"
	"github.com/expr-lang/expr/parser/lexer"
)

// maxSource bounds a formula's text: the parser recurses.
const maxSource = 32 << 10

// text is a formula's source with its tokens. The parser counts runes; everything of ours counts bytes.
type text struct {
	src    string
	tokens []lexer.Token
	bytes  []int // byte offset of each rune, and of the end; nil: ASCII
	hull   hull  // of spanOf, which is asked for every node
}

// at is the byte offset of a rune offset.
func (t *text) at(runes int) int {
	if t.bytes == nil {
		return max(0, min(runes, len(t.src)))
	}
	return t.bytes[max(0, min(runes, len(t.bytes)-1))]
}

func (t *text) place(from, to int) place {
	p := place{src: t.src, from: t.at(from), to: t.at(to)}
	p.to = max(p.to, p.from)
	return p
}

// parse reads the source with expr's parser.
func parse(src string) (t *text, root ast.Node, fault *Error) {
	if len(src) > maxSource {
		return nil, nil, &Error{Message: fmt.Sprintf("the formula is longer than %d bytes", maxSource)}
	}
	if !utf8.ValidString(src) {
		return nil, nil, &Error{Length: len(src), Message: "the formula is not UTF-8"}
	}
	if strings.TrimSpace(src) == "" {
		return nil, nil, &Error{Length: len(src), Message: "the formula is empty", Help: `write a value, e.g. body.order_id`}
	}
	t = &text{src: src, bytes: runeOffsets(src)}
	t.tokens, _ = lexer.Lex(file.NewSource(src)) // the parser reports it
	defer func() {
		if r := recover(); r != nil { // the parser goes on with nil nodes after an error
			root, fault = nil, &Error{Length: len(src), Message: "the formula can't be read", Help: "look for an unfinished part"}
		}
	}()
	tree, err := parser.Parse(t.plain())
	if err != nil {
		return t, nil, t.translate(err)
	}
	return t, tree.Node, nil
}

func runeOffsets(src string) []int {
	if utf8.RuneCountInString(src) == len(src) {
		return nil
	}
	offsets := make([]int, 0, len(src)+1)
	for i := range src {
		offsets = append(offsets, i)
	}
	return append(offsets, len(src))
}

// plain is the source with long decimal numbers replaced by zeros of the same length: the parser has 64 bits only, and we take the digits
// from the source.
func (t *text) plain() string {
	var b []byte
	for _, tok := range t.tokens {
		if tok.Kind != lexer.Number || len(tok.Value) < 16 || strings.HasPrefix(tok.Value, "0x") || strings.HasPrefix(tok.Value, "0X") {
			continue
		}
		if b == nil {
			b = []byte(t.src)
		}
		from := t.at(tok.From)
		copy(b[from:], "0."+strings.Repeat("0", len(tok.Value)-2))
	}
	if b == nil {
		return t.src
	}
	return string(b)
}

// translate says a parser's error in our words.
func (t *text) translate(err error) *Error {
	var fe *file.Error
	if !errors.As(err, &fe) {
		return &Error{Length: len(t.src), Message: err.Error()}
	}
	from, to := fe.From, max(fe.To, fe.From+1)
	p := t.place(from, to)
	e := &Error{Offset: p.from, Length: p.to - p.from, Message: fe.Message}
	switch i := t.tokenAt(from); {
	case strings.HasPrefix(fe.Message, "unexpected token EOF"), strings.HasPrefix(fe.Message, "unexpected end"):
		e.Message, e.Help = "the formula ends too early", t.unclosed()
		e.Offset, e.Length = len(strings.TrimRight(t.src, " \t\r\n")), 0
	case strings.HasPrefix(fe.Message, "unexpected token") && i >= 0:
		e.Message = fmt.Sprintf("unexpected token %q", t.tokens[i].Value)
		e.Help = t.unexpected(i)
	case strings.HasPrefix(fe.Message, "literal not terminated"):
		e.Message, e.Help = "a text is not closed", "add the closing quote"
	case strings.HasPrefix(fe.Message, "unrecognized character"):
		e.Help = `operators are + - * / % ** == != < <= > >= and or not in contains matches ?? ?: | ; texts stand in "quotes"`
	case strings.HasPrefix(fe.Message, "expected at least"):
		e.Help = "give a list and a test: any(body.items, .quantity > 1)"
	case strings.HasPrefix(fe.Message, "Operator ("):
		e.Message, e.Help = "?? can't be mixed with other operators", "write parentheses: (body.a ?? 0) + 1"
	case strings.Contains(fe.Message, "maximum allowed nodes"):
		e.Message, e.Help = "the formula is too long", "split it into steps"
	}
	return e
}

func (t *text) tokenAt(rune int) int {
	for i, tok := range t.tokens {
		if tok.From == rune && tok.Kind != lexer.EOF {
			return i
		}
	}
	return -1
}

// unclosed names a bracket that was not closed.
func (t *text) unclosed() string {
	var open []string
	for _, tok := range t.tokens {
		if n := nesting(tok); n > 0 {
			open = append(open, tok.Value)
		} else if n < 0 && len(open) > 0 {
			open = open[:len(open)-1]
		}
	}
	if len(open) == 0 {
		return ""
	}
	return fmt.Sprintf("%q is not closed", open[len(open)-1])
}

// unexpected is the advice for an unexpected token.
func (t *text) unexpected(i int) string {
	tok := t.tokens[i]
	before := ""
	if i > 0 {
		before = t.tokens[i-1].Value
	}
	switch {
	case tok.Value == "=" || tok.Value == "==" && before == "=":
		return "use == to compare"
	case tok.Value == ">" && before == "<":
		return "use != for not equal"
	case tok.Value == "&" || tok.Value == "&&" && before == "&":
		return "use and"
	case tok.Value == ":" && i >= 2 && t.tokens[i-2].Value == "{":
		return "inside a function an object needs double braces: map(xs, {{name: .x}})"
	case tok.Value == "." || tok.Value == "#":
		return t.pointerHelp(i)
	}
	switch strings.ToLower(tok.Value) {
	case "and", "or", "not", "in", "contains", "matches":
		if tok.Value != strings.ToLower(tok.Value) {
			return "write " + strings.ToLower(tok.Value) + " in small letters"
		}
	case "is":
		return "use == to compare"
	case "then":
		return `write test ? yes : no`
	}
	if tok.Kind == lexer.Identifier || tok.Kind == lexer.String || tok.Kind == lexer.Number {
		return "is an operator or a comma missing before it?"
	}
	return ""
}

// pointerHelp explains .field and # where the grammar has no element: outside of functions, and in functions that take no closure.
func (t *text) pointerHelp(i int) string {
	depth := 0
	for ; i > 0; i-- {
		switch t.tokens[i].Value {
		case ")":
			depth++
		case "(":
			depth--
			if depth < 0 && t.tokens[i-1].Kind == lexer.Identifier {
				return fmt.Sprintf("%s takes no closure; write %[1]s(map(list, .field))", t.tokens[i-1].Value)
			}
		}
	}
	return ".field and # stand for an element inside map, filter, sum, any, ...; elsewhere name the list, e.g. body.items"
}

// spanOf is the place of a whole node. The parser keeps the place of one token of each node only, so the ends are found in all that is below
// the node, and in the brackets.
func (t *text) spanOf(n ast.Node) place {
	h := &t.hull
	*h = hull{text: t, root: n, from: len(t.src)}
	ast.Walk(&h.root, h)
	return t.place(t.balance(h.from, h.to))
}

// hull is the first and the last rune of the nodes that were visited.
type hull struct {
	*text
	root     ast.Node
	from, to int
}

// Visit implements ast.Visitor.
func (h *hull) Visit(node *ast.Node) {
	loc := (*node).Location()
	if loc.To == 0 {
		return // a node that stands for no token
	}
	to := loc.To
	switch n := (*node).(type) {
	case *ast.PointerNode:
		to += utf8.RuneCountInString(n.Name)
	case *ast.CallNode, *ast.BuiltinNode:
		to = h.closing(h.tokenAt(loc.From) + 1)
	}
	h.from, h.to = min(h.from, loc.From), max(h.to, to)
}

// closing is the end of the bracket that opens at token i.
func (t *text) closing(i int) int {
	depth := 0
	for ; i >= 0 && i < len(t.tokens); i++ {
		tok := t.tokens[i]
		if depth += nesting(tok); depth == 0 && tok.Kind == lexer.Bracket {
			return tok.To
		}
	}
	return t.tokens[len(t.tokens)-1].To
}

// balance takes in the brackets that belong to a span: (a + b) * c.
func (t *text) balance(from, to int) (int, int) {
	depth, low := 0, 0
	first, last := -1, -1
	for i, tok := range t.tokens {
		if tok.From < from || tok.To > to || tok.Kind == lexer.EOF {
			continue
		}
		if first < 0 {
			first = i
		}
		last = i
		depth += nesting(tok)
		low = min(low, depth)
	}
	for ; low < 0 && first > 0; low++ {
		first--
		depth++
		from = t.tokens[first].From
	}
	for depth > 0 && last >= 0 && last+1 < len(t.tokens)-1 {
		last++
		depth += nesting(t.tokens[last])
		to = t.tokens[last].To
	}
	return from, to
}

// nesting is 1 for an opening bracket and -1 for a closing one.
func nesting(tok lexer.Token) int {
	switch {
	case tok.Kind != lexer.Bracket:
		return 0
	case strings.Contains("([{", tok.Value):
		return 1
	}
	return -1
}
