package csv

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"orderhub/hub/doc"
)

// start finds the delimiter, and reads the header row. An error of the stream is left in r.err.
func (r *reader) start() *doc.SyntaxError {
	r.in.skipBOM()
	r.scan.delim = r.f.delim
	r.skipSep()
	if r.scan.delim == 0 {
		delim, detail := r.findDelimiter()
		if detail != "" {
			r.err = io.EOF
			return &doc.SyntaxError{Code: CodeHeader, Line: r.line, Col: 1, Detail: detail}
		}
		r.scan.delim = delim
	}
	if r.f.NoHeader {
		r.use(r.f.Header)
		return nil
	}
	raw, line, err := r.record()
	if bad, ok := err.(*recordError); ok {
		r.err = io.EOF
		bad.Code = CodeHeader
		return &bad.SyntaxError
	}
	f := &fault{code: CodeHeader, detail: "the file is empty, expected a header row" + expected(": ", r.f.Header)}
	if err == nil {
		names := r.header(raw)
		if f = r.checkHeader(names); f == nil {
			r.use(names)
			return nil
		}
	} else if r.in.failed != io.EOF {
		return nil
	}
	r.err = io.EOF
	return &refuse(raw, line, f).SyntaxError
}

// use gives the columns their names.
func (r *reader) use(names []string) {
	r.columns = make([]*column, len(names))
	for i, name := range names {
		r.columns[i] = r.f.named(name)
	}
}

// header returns the names in the header row. A delimiter behind the last one is none.
func (r *reader) header(raw []byte) []string {
	names := make([]string, len(r.scan.fields))
	for i, f := range r.scan.fields {
		names[i] = strings.TrimSpace(string(appendField(nil, raw, f)))
	}
	if last := len(names) - 1; last > 0 && names[last] == "" && r.scan.count <= MaxColumns+1 {
		r.scan.count, names = r.scan.count-1, names[:last]
	}
	return names
}

func (r *reader) checkHeader(names []string) *fault {
	detail, wanted := badNames(names), slices.Clone(r.f.Header)
	for name, c := range r.f.columns {
		if !c.Optional && !slices.Contains(wanted, name) {
			wanted = append(wanted, name)
		}
	}
	slices.Sort(wanted[len(r.f.Header):])
	missing := slices.DeleteFunc(slices.Clone(wanted), func(name string) bool { return slices.Contains(names, name) })
	switch {
	case r.scan.count > MaxColumns:
		detail = fmt.Sprintf("%d columns, at most %d may be", r.scan.count, MaxColumns)
	case detail == "" && len(missing) > 0:
		detail = "no column " + list(missing)
	case detail == "":
		detail = r.badFields(names)
	}
	if detail == "" {
		return nil
	}
	at := 0
	if i := slices.Index(names, ""); i >= 0 {
		at = r.scan.fields[i].from
	}
	return &fault{at: at, code: CodeHeader, detail: detail + expected("; expected ", wanted) + "; found " + list(names)}
}

// badFields says which columns would be the same field, as one is renamed to what another is.
func (r *reader) badFields(names []string) string {
	by := make(map[string]string, len(names))
	for _, name := range names {
		field := name
		if c := r.f.columns[name]; c != nil {
			field = c.field
		}
		if other, taken := by[field]; taken {
			return fmt.Sprintf("the columns %q and %q become the same field, %s", other, name, field)
		}
		by[field] = name
	}
	return ""
}

// badNames says what is wrong with column names: one is empty, or there twice.
func badNames(names []string) string {
	if len(names) > MaxColumns {
		return fmt.Sprintf("more than %d columns", MaxColumns)
	}
	seen := make(map[string]int, len(names))
	for i, name := range names {
		if name == "" {
			return fmt.Sprintf("column %d has no name", i+1)
		}
		if first, ok := seen[name]; ok {
			return fmt.Sprintf("columns %d and %d are both named %q", first, i+1, name)
		}
		seen[name] = i + 1
	}
	return ""
}

// skipSep passes a first line sep=; by which Excel tells the delimiter.
func (r *reader) skipSep() {
	if !r.in.have(5) || !hasSep(string(r.in.rest(0)[:4])) || r.in.at(5) != '\n' && r.in.at(5) != '\r' {
		return
	}
	if r.scan.delim == 0 {
		r.scan.delim = r.in.at(4)
	}
	r.in.take(r.scan.lineEnd(5))
	r.line++
}

func hasSep(text string) bool { return len(text) >= 4 && strings.EqualFold(text[:4], "sep=") }

// delimiters are those that are looked for.
const delimiters = ",;\t|"

// The rows by which a delimiter is found.
const (
	sampleRows  = 20
	sampleBytes = 32 << 10
)

// tally counts the delimiters of rows, outside of quotes.
type tally struct {
	rows   int
	first  [len(delimiters)]int // of the first row
	now    [len(delimiters)]int // of the row at hand
	agree  [len(delimiters)]int // rows that have as many as the first
	last   byte                 // of the row at hand; 0: it has nothing
	quoted bool
}

// findDelimiter takes the delimiter of which the most rows have as many as the first row, and of those the one that it has the most of.
func (r *reader) findDelimiter() (delim byte, detail string) {
	var t tally
	for i := 0; i < sampleBytes && t.rows < sampleRows; i++ {
		if !r.in.have(i) {
			t.endRow()
			break
		}
		t.add(r.in.at(i))
	}
	if t.rows == 0 {
		t.endRow()
	}
	best, tie := -1, -1
	for i, n := range t.first {
		switch {
		case n == 0:
		case best < 0 || t.agree[i] > t.agree[best] || t.agree[i] == t.agree[best] && n > t.first[best]:
			best, tie = i, -1
		case t.agree[i] == t.agree[best] && n == t.first[best]:
			tie = i
		}
	}
	switch {
	case best < 0:
		return ',', ""
	case tie >= 0:
		return 0, fmt.Sprintf("the delimiter may be %q or %q: write delimiter: at the format", delimiters[best], delimiters[tie])
	}
	return delimiters[best], ""
}

func (t *tally) add(c byte) {
	switch {
	case c == '"':
		t.quoted = !t.quoted
	case t.quoted:
	case c == '\n' || c == '\r':
		t.endRow()
		return
	default:
		if i := strings.IndexByte(delimiters, c); i >= 0 {
			t.now[i]++
		}
	}
	t.last = c
}

// endRow counts the row at hand, unless it is blank. A delimiter behind the last column does not count.
func (t *tally) endRow() {
	if t.last == 0 {
		return
	}
	if i := strings.IndexByte(delimiters, t.last); i >= 0 && !t.quoted {
		t.now[i]--
	}
	if t.rows == 0 {
		t.first = t.now
	}
	for i, n := range t.now {
		if n == t.first[i] {
			t.agree[i]++
		}
	}
	t.rows, t.now, t.last = t.rows+1, [len(delimiters)]int{}, 0
}

func expected(before string, names []string) string {
	if len(names) == 0 {
		return ""
	}
	return before + list(names)
}

// list writes names for a message, 12 at most.
func list(names []string) string {
	const most = 12
	if len(names) > most {
		return strings.Join(names[:most], ", ") + fmt.Sprintf(", … (%d)", len(names))
	}
	return strings.Join(names, ", ")
}

func plural(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
