package formula

import (
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/parser/lexer"
)

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
	case *ast.MemberNode:
		from, _ = t.span(n.Node)
		_, to = t.span(n.Property)
		if i := t.tokenAt(loc.From); i >= 0 && (t.tokens[i].Value == "[" || t.tokens[i].Value == "?.") {
			to = t.after(to, "]")
		}
	case *ast.SliceNode:
		from, _ = t.span(n.Node)
		for _, part := range []ast.Node{n.From, n.To} {
			if part != nil {
				_, to = t.span(part)
			}
		}
		to = t.after(to, "]")
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
