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
		if tok.Kind != lexer.Bracket {
			continue
		}
		if strings.Contains("([{", tok.Value) {
			open = append(open, tok.Value)
		} else if len(open) > 0 {
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

// spanOf is the place of a whole node. The parser keeps the place of one token of each node only, so the ends are found in its children and
// in the tokens.
func (t *text) spanOf(n ast.Node) place {
	from, to := t.span(n)
	return t.place(t.balance(from, to))
}

func (t *text) span(n ast.Node) (from, to int) {
	if n == nil {
		return 0, 0
	}
	loc := n.Location()
	from, to = loc.From, loc.To
	switch n := n.(type) {
	case *ast.PointerNode:
		to += len([]rune(n.Name))
	case *ast.UnaryNode:
		_, to = t.span(n.Node)
	case *ast.BinaryNode:
		from, _ = t.span(n.Left)
		_, to = t.span(n.Right)
	case *ast.ChainNode:
		return t.span(n.Node)
	case *ast.MemberNode, *ast.SliceNode:
		return t.accessSpan(n)
	case *ast.CallNode:
		from, _ = t.span(n.Callee)
		return t.callSpan(from, loc.From, n.Arguments)
	case *ast.BuiltinNode:
		return t.callSpan(from, loc.From, n.Arguments)
	case *ast.ConditionalNode:
		from, _ = t.span(n.Cond)
		_, to = t.span(n.Exp2)
	case *ast.VariableDeclaratorNode:
		_, to = t.span(n.Expr)
	case *ast.SequenceNode:
		from, _ = t.span(n.Nodes[0])
		_, to = t.span(n.Nodes[len(n.Nodes)-1])
	case *ast.PredicateNode:
		_, end := t.span(n.Node)
		to = max(to, end)
		if i := t.tokenAt(from); i >= 0 && t.tokens[i].Value == "{" {
			to = t.closing(i)
		}
	case *ast.ArrayNode, *ast.MapNode:
		to = t.closing(t.tokenAt(from))
	case *ast.PairNode:
		from, _ = t.span(n.Key)
		_, to = t.span(n.Value)
	}
	return from, to
}

// accessSpan is a.name, a[0] and a[from:to].
func (t *text) accessSpan(n ast.Node) (from, to int) {
	switch n := n.(type) {
	case *ast.MemberNode:
		from, _ = t.span(n.Node)
		_, to = t.span(n.Property)
		if i := t.tokenAt(n.Location().From); i >= 0 && (t.tokens[i].Value == "[" || t.tokens[i].Value == "?.") {
			to = t.after(to, "]")
		}
	case *ast.SliceNode:
		from, _ = t.span(n.Node)
		to = n.Location().To
		for _, part := range []ast.Node{n.From, n.To} {
			if part != nil {
				_, to = t.span(part)
			}
		}
		to = t.after(to, "]")
	}
	return from, to
}

// callSpan is a call from its name, or from its piped argument, to the closing bracket.
func (t *text) callSpan(from, name int, args []ast.Node) (int, int) {
	to := t.closing(t.tokenAt(name) + 1)
	if len(args) > 0 {
		first, _ := t.span(args[0])
		from = min(from, first)
	}
	return from, to
}

// closing is the end of the bracket that opens at token i.
func (t *text) closing(i int) int {
	depth := 0
	for ; i >= 0 && i < len(t.tokens); i++ {
		if t.tokens[i].Kind != lexer.Bracket {
			continue
		}
		switch t.tokens[i].Value {
		case "(", "[", "{":
			depth++
		default:
			depth--
		}
		if depth == 0 {
			return t.tokens[i].To
		}
	}
	return t.tokens[len(t.tokens)-1].To
}

// after is the end of the first such token at or behind a rune offset.
func (t *text) after(rune int, value string) int {
	for _, tok := range t.tokens {
		if tok.From >= rune && tok.Kind == lexer.Bracket && tok.Value == value {
			return tok.To
		}
	}
	return rune
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
		if tok.Kind != lexer.Bracket {
			continue
		}
		switch tok.Value {
		case "(", "[", "{":
			depth++
		default:
			depth--
			low = min(low, depth)
		}
	}
	for ; low < 0 && first > 0; low++ {
		first--
		depth++
		from = t.tokens[first].From
	}
	for ; depth > 0 && last >= 0 && last+1 < len(t.tokens)-1; depth-- {
		last++
		to = t.tokens[last].To
	}
	return from, to
}
