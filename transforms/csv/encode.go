package csv

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"orderhub/hub"
	"orderhub/hub/doc"
	"orderhub/hub/escape"
	"orderhub/transforms/lines"
)

// writer writes rows.
type writer struct {
	*format
	out     []byte
	columns []*column
	place   map[string]int // of a field among columns
	cells   []doc.Value
	delim   byte
	special string // what a cell with it needs quotes for
	end     string
}

// encode writes a list of objects, or one object, as rows.
func (f *format) encode(v doc.Value) ([]byte, error) {
	w := &writer{format: f, place: map[string]int{}, delim: f.delim, special: "\r\n", end: "\r\n"}
	if f.delim == 0 { // who reads may look for any of them
		w.delim, w.special = ',', w.special+delimiters
	} else {
		w.special += string(f.delim)
	}
	if f.Quote != quoteNone {
		w.special += "\""
	}
	if f.Line == "lf" {
		w.end = "\n"
	}
	if err := w.begin(v); err != nil {
		return nil, err
	}
	for i, row := range lines.Rows(v) {
		if err := w.row(row); err != nil {
			where := ""
			if v.Kind() == doc.Array {
				where = fmt.Sprintf("/%d", i)
			}
			return nil, hub.Fail(hub.Invalid, "no_csv", "%s", strings.TrimPrefix(where+err.Error(), ": "))
		}
	}
	return w.out, nil
}

// append writes rows behind others; the columns must be known, so that all have the same.
func (f *format) append(b hub.Body, first bool) ([]byte, error) {
	v, err := b.Doc()
	if err != nil {
		return nil, err
	}
	if len(f.Header) == 0 {
		return nil, hub.Fail(hub.Invalid, "no_csv", "rows that are added to others need their columns: name them in header: at the format")
	}
	rows := *f
	if !first {
		options := *f.Options
		options.NoHeader, options.BOM = true, false
		rows.Options = &options
	}
	return rows.encode(v)
}

// begin chooses the columns, and writes the header row.
func (w *writer) begin(v doc.Value) error {
	for _, name := range w.Header {
		w.columns = append(w.columns, w.named(name))
	}
	if len(w.columns) == 0 {
		w.find(v)
	}
	first := v
	if v.Kind() == doc.Array {
		first = v.At(0)
	}
	if len(w.columns) == 0 && (first.Kind() == doc.Missing || first.Kind() == doc.Object) { // what is no object has an error of its own
		return hub.Fail(hub.Invalid, "no_csv", "there is no field to make a column of: name the columns in header: at the format")
	}
	names := make([]string, len(w.columns))
	w.cells = make([]doc.Value, len(names))
	for i, c := range w.columns {
		names[i], w.place[c.field] = c.name, i
		if strings.TrimSpace(c.name) != c.name || strings.ContainsRune(c.name, 0) {
			return hub.Fail(hub.Invalid, "no_csv", "the field %q can't be the name of a column: rename it", c.name)
		}
	}
	if detail := badNames(names); detail != "" {
		return hub.Fail(hub.Invalid, "no_csv", "%s: rename the field", detail)
	}
	if w.BOM {
		w.out = append(w.out, bom...)
	}
	if w.NoHeader {
		return nil
	}
	for i, name := range names {
		if err := w.cell(i, name); err != nil {
			return hub.Fail(hub.Invalid, "no_csv", "the column %q: %s", name, err)
		}
	}
	w.out = append(w.out, w.end...)
	return nil
}

// find makes a column of each field that a row has, in the order in which they come, and of what must be there.
func (w *writer) find(v doc.Value) {
	for _, row := range lines.Rows(v) {
		at := 0
		for field := range row.Fields() {
			if at >= len(w.columns) || w.columns[at].field != field {
				place, known := w.place[field]
				if !known {
					place = len(w.columns)
					w.place[field] = place
					w.columns = append(w.columns, w.holding(field))
				}
				at = place
			}
			at++
		}
	}
	for _, name := range slices.Sorted(maps.Keys(w.format.columns)) {
		c := w.format.columns[name]
		if _, known := w.place[c.field]; !known && !c.Optional {
			w.columns = append(w.columns, c)
		}
	}
}

// row writes an object. The error begins as the JSON pointer to the row goes on.
func (w *writer) row(row doc.Value) error {
	if row.Kind() != doc.Object {
		return fmt.Errorf(": a row is written from an object, and this is %s", row.Kind())
	}
	clear(w.cells)
	at := 0
	for field, v := range row.Fields() {
		if at >= len(w.columns) || w.columns[at].field != field { // most rows have their fields in the order of the columns
			place, known := w.place[field]
			if !known {
				return fmt.Errorf("%s: the field has no column: name all columns in header: at the format", doc.Pointer(escape.Visible(field)))
			}
			at = place
		}
		w.cells[at] = v
		at++
	}
	for i, c := range w.columns {
		text, err := c.text(w.cells[i])
		if w.Guard && c.Type == typeText && w.cells[i].Kind() == doc.String && guarded(text) {
			text = "'" + text
		}
		if err == nil {
			err = w.cell(i, text)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", doc.Pointer(escape.Visible(c.field)), err)
		}
	}
	w.out = append(w.out, w.end...)
	return nil
}

// cell writes cell i of a row.
func (w *writer) cell(i int, text string) error {
	if i > 0 {
		w.out = append(w.out, w.delim)
	}
	switch {
	case !w.quoted(i, text):
		w.out = append(w.out, text...)
	case w.Quote == quoteNone:
		return fmt.Errorf("%q can't be written without quotes: write quote: minimal at the format, or another text", text)
	default:
		w.out = append(w.out, '"')
		w.out = append(w.out, strings.ReplaceAll(text, `"`, `""`)...)
		w.out = append(w.out, '"')
	}
	return nil
}

// quoted tells that a cell needs quotes, so that nobody takes it for something else: a blank line, a byte order mark, Excel's line sep=.
func (w *writer) quoted(i int, text string) bool {
	return w.Quote == "all" || strings.ContainsAny(text, w.special) ||
		i == 0 && (text == "" && len(w.columns) == 1 || strings.HasPrefix(text, bom) || hasSep(text))
}

// Texts that begin with one of these are formulas to a spreadsheet.
const formulaStarts = "=+-@\t\r"

// guarded tells that ' is written before a text: before what a spreadsheet would take for a formula, and no number is; and before what
// already has one there, so that it can be taken off again.
func guarded(text string) bool {
	bare := strings.TrimLeft(text, "'")
	if bare == "" || !strings.ContainsRune(formulaStarts, rune(bare[0])) {
		return false
	}
	return len(bare) < len(text) || !isNumber(text)
}

// unguarded takes off what guarded put on.
func unguarded(text string) string {
	if bare := strings.TrimLeft(text, "'"); bare != "" && len(bare) < len(text) && strings.ContainsRune(formulaStarts, rune(bare[0])) {
		return text[1:]
	}
	return text
}

func isNumber(text string) bool {
	_, err := doc.ParseDecimal(strings.TrimPrefix(text, "+"))
	return err == nil
}
