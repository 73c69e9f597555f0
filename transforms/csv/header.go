package csv

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"orderhub/hub/doc"
)

// start finds the delimiter, and reads the header row. An error of the stream is left in r.err.
func (r *reader) start() *doc.SyntaxError {
	if r.have(len(bom)) {
		r.buf = bytes.TrimPrefix(r.buf, []byte(bom))
	}
	for range r.f.Skip {
		_, lines, _ := r.drop(false)
		r.line += lines
	}
	delim, detail := cmp.Or(r.f.delim, r.skipSep()), ""
	if delim == 0 {
		if delim, detail = r.findDelimiter(); detail != "" {
			r.err = io.EOF
			return &doc.SyntaxError{Code: CodeHeader, Line: r.line, Col: 1, Detail: detail}
		}
	}
	r.scan.by(delim, r.f.Quote != quoteNone)
	if r.f.NoHeader {
		r.use(r.f.Header)
		return nil
	}
	raw, line, err := r.record()
	if bad, ok := err.(*recordError); ok {
		r.err = io.EOF
		if bad.Code != doc.CodeBadUTF8 {
			bad.Code = CodeHeader
		}
		return &bad.SyntaxError
	}
	f := &fault{code: CodeHeader, detail: "the file is empty, expected a header row" + expected(": ", r.f.Header)}
	if err == nil {
		names := r.header(raw)
		if f = r.checkHeader(names); f == nil {
			r.use(names)
			return nil
		}
	} else if r.failed != io.EOF {
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
		names[i] = strings.TrimSpace(string(f.content(raw, &r.scratch)))
	}
	if last := len(names) - 1; last > 0 && names[last] == "" && r.scan.count <= MaxColumns+1 {
		r.scan.count, names, r.spare = r.scan.count-1, names[:last], endsSpare
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

// skipSep passes a first line sep=; by which Excel tells the delimiter, and returns it; 0: there is none.
func (r *reader) skipSep() byte {
	const size = len("sep=;")
	if !r.have(size+1) || !hasSep(string(r.buf[:size])) || r.buf[size] != '\n' && r.buf[size] != '\r' {
		return 0
	}
	r.have(size + 2)
	delim := r.buf[size-1]
	r.buf = r.buf[lineEnd(r.buf, size, true):]
	r.line++
	return delim
}

func hasSep(text string) bool { return len(text) >= 4 && strings.EqualFold(text[:4], "sep=") }

const bom = "\uFEFF"

// delimiters are those that are looked for.
const delimiters = ",;\t|"

// The rows by which a delimiter is found.
const (
	sampleRows  = 20
	sampleBytes = 32 << 10
)

// findDelimiter takes the delimiter of which the most rows have as many as the first row, and of those the one that it has the most of.
func (r *reader) findDelimiter() (delim byte, detail string) {
	whole := !r.have(sampleBytes)
	sample := r.buf[:min(len(r.buf), sampleBytes)]
	mostAgree, mostFirst, tie := 0, 0, byte(0)
	for i := range len(delimiters) {
		rows := delimitersOf(sample, delimiters[i], r.f.Quote != quoteNone, whole)
		first, agree := rows[0], 0
		for _, n := range rows {
			if n == first {
				agree++
			}
		}
		switch order := cmp.Or(agree-mostAgree, first-mostFirst); {
		case first == 0 || order < 0:
		case order == 0:
			tie = delimiters[i]
		default:
			delim, mostAgree, mostFirst, tie = delimiters[i], agree, first, 0
		}
	}
	if tie != 0 {
		return 0, fmt.Sprintf("the delimiter may be %q or %q: write delimiter: at the format", delim, tie)
	}
	return cmp.Or(delim, ','), ""
}

// delimitersOf counts a delimiter outside of quotes in each row of the sample that is not blank. One behind the last column does not count, nor
// does a row that goes on behind the sample, if there is another.
func delimitersOf(sample []byte, delim byte, quotes, whole bool) (rows []int) {
	n, last, quoted := 0, byte(0), false
	end := func() {
		if last == delim && !quoted {
			n--
		}
		rows, n, last = append(rows, n), 0, 0
	}
	for _, c := range sample {
		switch {
		case c == '"' && quotes:
			quoted = !quoted
		case quoted:
		case c == '\n' || c == '\r':
			if last != 0 {
				end()
			}
			if len(rows) == sampleRows {
				return rows
			}
			continue
		case c == delim:
			n++
		}
		last = c
	}
	if last != 0 && whole || len(rows) == 0 {
		end()
	}
	return rows
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
