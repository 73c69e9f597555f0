package csv

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// start reads the header row and finds the delimiter. An error of the stream is left in r.err.
func (r *Reader) start() *RowError {
	r.in.skipBOM()
	r.scan.delim, _ = delimiter(r.options.Delimiter)
	if r.scan.delim == 0 {
		r.scan.delim = r.findDelimiter()
	}
	if r.options.NoHeader {
		r.names = r.options.Header
		return nil
	}
	raw, line, err := r.record()
	if e, ok := err.(*RowError); ok {
		r.err = io.EOF
		e.Code = CodeHeader
		return e
	}
	f := &fault{code: CodeHeader, detail: "the file is empty, expected a header row" + expected(": ", r.options.Header)}
	if err == nil {
		r.names = r.header(raw)
		f = r.checkHeader()
	} else if r.in.failed != io.EOF {
		return nil
	}
	if f == nil {
		return nil
	}
	r.err = io.EOF
	return refuse(raw, line, f)
}

// header returns the names in the header row.
func (r *Reader) header(raw []byte) []string {
	names := make([]string, len(r.scan.fields))
	for i, f := range r.scan.fields {
		names[i] = strings.TrimSpace(string(appendField(nil, raw, f, r.latin1)))
	}
	return names
}

func (r *Reader) checkHeader() *fault {
	detail := badNames(r.names)
	missing := slices.DeleteFunc(slices.Clone(r.options.Header), func(name string) bool { return slices.Contains(r.names, name) })
	switch {
	case r.scan.count > MaxColumns:
		detail = fmt.Sprintf("%d columns, at most %d may be", r.scan.count, MaxColumns)
	case detail == "" && len(missing) == 0:
		return nil
	case detail == "":
		detail = "no column " + list(missing)
	}
	at := 0
	if i := slices.Index(r.names, ""); i >= 0 {
		at = r.scan.fields[i].from
	}
	return &fault{at: at, code: CodeHeader, detail: detail + expected("; expected ", r.options.Header) + "; found " + list(r.names)}
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

// findDelimiter is ; when the first line has one and no comma, outside of quotes.
func (r *Reader) findDelimiter() byte {
	semicolon, quoted, begun := false, false, false
	for i := 0; i < MaxField && r.in.have(i); i++ {
		switch c := r.in.at(i); {
		case c == '"':
			begun = true
			quoted = !quoted
		case quoted:
		case c == ',':
			return ','
		case c == ';':
			semicolon, begun = true, true
		case c != '\n' && c != '\r':
			begun = true
		case begun:
			i = MaxField
		}
	}
	if semicolon {
		return ';'
	}
	return ','
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
