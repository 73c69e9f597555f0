package yamlfile

import (
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// explainQuestion finds the unquoted formulas with a ? inside { } or [ ] of one line, as {card: =body.pay?.token}.
func (l *Loader) explainQuestion(s *source) (found []span) {
	for i, text := range s.lines {
		for _, m := range formulaStart.FindAllStringSubmatchIndex(text, -1) {
			before := strings.TrimSpace(text[:m[2]])
			if strings.HasPrefix(before, "#") || !opened(before) {
				continue
			}
			col := len([]rune(text[:m[2]])) + 1
			formula := formulaAt(s.line(i+1), col-1)
			if strings.Contains(formula, "?") {
				at := span{i + 1, col, len([]rune(formula))}
				found = append(found, at)
				l.problem(s, at.line, at.col, at.width, "E014", "quote this formula: "+quoted(formula), "%s", cutMessage)
			}
		}
	}
	return found
}

// opened tells whether text leaves a { or [ open; brackets in quotes don't count.
func opened(text string) bool {
	depth, quote := 0, rune(0)
	for _, r := range text {
		switch {
		case quote != 0:
			if r == quote {
				quote = 0
			}
		case r == '"' || r == '\'':
			quote = r
		case r == '{' || r == '[':
			depth++
		case r == '}' || r == ']':
			depth--
		}
	}
	return depth > 0 && quote == 0
}

// without parses the text as if the formulas at the places held no ?, so that
// the faults behind them are found in the same run; the document has them as they are.
func (s *source) without(places []span) (*yaml.Node, bool) {
	stand := '\ue000'
	for strings.ContainsRune(string(s.text), stand) {
		stand++
	}
	lines := slices.Clone(s.lines)
	for _, at := range places {
		line := []rune(lines[at.line-1])
		for i := at.col - 1; i < min(at.col-1+at.width, len(line)); i++ {
			if line[i] == '?' {
				line[i] = stand
			}
		}
		lines[at.line-1] = string(line)
	}
	doc := &yaml.Node{}
	if err := decode(yaml.NewDecoder(strings.NewReader(strings.Join(lines, "\n"))), doc); err != nil {
		return nil, false
	}
	restore(doc, string(stand))
	return doc, true
}

func restore(y *yaml.Node, stand string) {
	y.Value = strings.ReplaceAll(y.Value, stand, "?")
	for _, c := range y.Content {
		restore(c, stand)
	}
}
