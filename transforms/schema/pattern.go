package schema

import (
	"regexp/syntax"
	"unicode/utf8"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// pattern matches a regular expression. The common ones are a row of character classes between ^ and $ (^SKU-[0-9]{5}$): these are tried
// greedily first, which can only be right when it succeeds; otherwise the expression decides.
type pattern struct {
	re    jsonschema.Regexp
	parts []part // nil: not that simple
	open  bool   // no $ at the end
}

// part is a run of characters of one class, ASCII only.
type part struct {
	class       [2]uint64
	least, most int // most -1: no limit
}

func newPattern(re jsonschema.Regexp) *pattern {
	p := &pattern{re: re}
	tree, err := syntax.Parse(re.String(), syntax.Perl)
	if err != nil {
		return p
	}
	subs := []*syntax.Regexp{tree}
	if tree.Op == syntax.OpConcat {
		subs = tree.Sub
	}
	if subs[0].Op != syntax.OpBeginText {
		return p
	}
	last := len(subs) - 1
	p.open = subs[last].Op != syntax.OpEndText
	if p.open {
		last++
	}
	var parts []part
	for _, sub := range subs[1:last] {
		more, ok := partsOf(sub)
		if !ok {
			return p
		}
		parts = append(parts, more...)
	}
	p.parts = parts
	return p
}

func partsOf(re *syntax.Regexp) ([]part, bool) {
	least, most := 1, 1
	switch re.Op {
	case syntax.OpLiteral:
		var parts []part
		for _, r := range re.Rune {
			if r >= utf8.RuneSelf || re.Flags&syntax.FoldCase != 0 {
				return nil, false
			}
			parts = append(parts, part{classOf([]rune{r, r}), 1, 1})
		}
		return parts, true
	case syntax.OpStar:
		least, most = 0, -1
	case syntax.OpPlus:
		most = -1
	case syntax.OpQuest:
		least = 0
	case syntax.OpRepeat:
		least, most = re.Min, re.Max
	case syntax.OpCharClass:
		return []part{{classOf(re.Rune), 1, 1}}, true
	default:
		return nil, false
	}
	inner, ok := partsOf(re.Sub[0])
	if !ok || len(inner) != 1 || inner[0].least != 1 || inner[0].most != 1 {
		return nil, false
	}
	return []part{{inner[0].class, least, most}}, true
}

// classOf is the ASCII part of pairs of first and last runes.
func classOf(pairs []rune) (class [2]uint64) {
	for i := 0; i < len(pairs); i += 2 {
		for r := pairs[i]; r <= min(pairs[i+1], utf8.RuneSelf-1); r++ {
			class[r>>6] |= 1 << (r & 63)
		}
	}
	return class
}

func (p *pattern) match(s string) bool {
	return p.parts != nil && p.greedy(s) || p.re.MatchString(s)
}

func (p *pattern) greedy(s string) bool {
	i := 0
	for k := range p.parts {
		part := &p.parts[k]
		n := 0
		for i < len(s) && n != part.most && s[i] < utf8.RuneSelf && part.class[s[i]>>6]&(1<<(s[i]&63)) != 0 {
			i++
			n++
		}
		if n < part.least {
			return false
		}
	}
	return p.open || i == len(s)
}
