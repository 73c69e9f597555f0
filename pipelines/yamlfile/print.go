package yamlfile

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/width"
)

const (
	red, yellow, bold, blue, plain = "\x1b[31m", "\x1b[33m", "\x1b[1m", "\x1b[34m", "\x1b[0m"
	shownWidth                     = 160 // runes of a source line that are printed
)

// WriteText prints for people: file:line:col: error[E101]: message, then with sources the line and a caret under
// the offending part, then the help. Errors of w are ignored, as for any report to a terminal.
func (p *Problems) WriteText(w io.Writer, sources, color bool) {
	paint := func(c, s string) string {
		if !color {
			return s
		}
		return c + s + plain
	}
	for _, x := range p.All() {
		c := red
		if x.Severity == Warning {
			c = yellow
		}
		fmt.Fprintf(w, "%s: %s: %s\n", paint(bold, x.where()), paint(c, x.label()), printable(x.Message))
		line, ok := p.line(x)
		if sources && ok {
			text, caret := window(line, x.Col, x.EndCol)
			fmt.Fprintf(w, "%s %s\n", paint(blue, fmt.Sprintf("%6d |", x.Line)), text)
			if caret != "" {
				fmt.Fprintf(w, "%s %s\n", paint(blue, "       |"), paint(c, caret))
			}
		}
		if x.Help != "" {
			fmt.Fprintf(w, "%s help: %s\n", paint(blue, "       ="), printable(x.Help))
		}
	}
}

func (x Problem) where() string {
	switch {
	case x.Line == 0:
		return printable(x.File)
	case x.Col == 0:
		return fmt.Sprintf("%s:%d", printable(x.File), x.Line)
	}
	return fmt.Sprintf("%s:%d:%d", printable(x.File), x.Line, x.Col)
}

func (x Problem) label() string {
	if x.Code == "" {
		return x.Severity.String()
	}
	return x.Severity.String() + "[" + x.Code + "]"
}

func (p *Problems) line(x Problem) ([]rune, bool) {
	s := p.sources[x.File]
	if s == nil || x.Line < 1 || x.Line > len(s.lines) {
		return nil, false
	}
	return []rune(conceal(string(s.lines[x.Line-1]))), true
}

// window gives the line and the caret line under columns col..end. A long line is cut around the caret.
func window(line []rune, col, end int) (text, caret string) {
	from := 0
	if len(line) > shownWidth && col > shownWidth/2 {
		from = min(col-shownWidth/2, len(line)-shownWidth/4)
	}
	from = max(from, 0)
	to := min(len(line), from+shownWidth)
	var pad strings.Builder
	if from > 0 {
		pad.WriteByte(' ')
		text = "…"
	}
	text += printable(string(line[from:to]))
	if to < len(line) {
		text += "…"
	}
	if col < 1 {
		return text, ""
	}
	for i := from; i < col-1; i++ {
		if i < len(line) {
			pad.WriteString(blank(line[i]))
		} else {
			pad.WriteByte(' ')
		}
	}
	caretWidth := 0
	for i := col - 1; i < min(end-1, to); i++ {
		caretWidth += len(blank(line[i]))
	}
	return text, pad.String() + strings.Repeat("^", max(caretWidth, 1))
}

// blank gives the white space that is as wide as r on a terminal.
func blank(r rune) string {
	switch {
	case r == '\t':
		return "\t"
	case unicode.Is(unicode.Mn, r):
		return ""
	case wide(r):
		return "  "
	}
	return " "
}

func wide(r rune) bool {
	k := width.LookupRune(r).Kind()
	return k == width.EastAsianWide || k == width.EastAsianFullwidth
}

// printable keeps control characters of a file away from the terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r != '\t' && !unicode.IsPrint(r) || r == utf8.RuneError {
			return '�'
		}
		return r
	}, s)
}

// WriteJSON prints one array for machines, [] when there is nothing.
func (p *Problems) WriteJSON(w io.Writer) {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	_ = enc.Encode(slices.Concat([]Problem{}, p.All()))
}

// WriteGitHub prints workflow commands, which GitHub shows beside the changed lines.
func (p *Problems) WriteGitHub(w io.Writer) {
	prop := strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
	data := strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	for _, x := range p.All() {
		fmt.Fprintf(w, "::%s file=%s", x.Severity, prop.Replace(x.File))
		if x.Line > 0 {
			fmt.Fprintf(w, ",line=%d", x.Line)
		}
		if x.Col > 0 {
			fmt.Fprintf(w, ",col=%d", x.Col)
		}
		if x.EndCol > x.Col {
			fmt.Fprintf(w, ",endColumn=%d", x.EndCol)
		}
		msg := x.Message
		if x.Help != "" {
			msg += "\nhelp: " + x.Help
		}
		fmt.Fprintf(w, ",title=%s::%s\n", prop.Replace(x.Code), data.Replace(msg))
	}
}
