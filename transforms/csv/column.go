package csv

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"orderhub/hub/doc"
)

// format is what Options say, ready for use.
type format struct {
	*Options
	delim   byte               // 0: it is found
	columns map[string]*column // those of the options, by their names in the file
	fields  map[string]*column // the same by their fields
}

func newFormat(o *Options) *format {
	f := &format{Options: o, columns: map[string]*column{}, fields: map[string]*column{}}
	f.delim, _ = delimiter(o.Delimiter) // check has found its fault
	for name := range o.Columns {
		c := newColumn(o, name)
		f.columns[name], f.fields[c.field] = c, c
	}
	return f
}

// column is a column with all that the options say of it.
type column struct {
	Column
	name  string // in the file
	field string // in the document
	key   *doc.Name
	zone  *time.Location
}

func newColumn(o *Options, name string) *column {
	c := &column{Column: o.Columns[name], name: name}
	c.Type = cmp.Or(c.Type, typeText)
	c.Decimal, c.Group = cmp.Or(c.Decimal, o.Decimal, "."), cmp.Or(c.Group, o.Group)
	if c.Group == noGroup {
		c.Group = ""
	}
	if c.Type == typeDate {
		c.Layout = cmp.Or(c.Layout, time.DateOnly)
	}
	c.field = cmp.Or(c.As, name)
	c.key = doc.NewName(c.field)
	c.zone, _ = time.LoadLocation(cmp.Or(c.Zone, "UTC")) // check has found its fault
	return c
}

// named is the column of that name in the file.
func (f *format) named(name string) *column {
	if c := f.columns[name]; c != nil {
		return c
	}
	return newColumn(f.Options, name)
}

// holding is the column that holds a field of the document.
func (f *format) holding(field string) *column {
	if c := f.fields[field]; c != nil {
		return c
	}
	return newColumn(f.Options, field)
}

// read adds the field of a cell to b; a blank cell that is no text is left out. The cell is not kept.
func (c *column) read(b *doc.Builder, cell string) (detail string) {
	if c.Type == typeText {
		b.KeyName(c.key)
		b.Str(cell)
		return ""
	}
	if cell = strings.TrimSpace(cell); cell == "" {
		return ""
	}
	v, ok := c.value(cell)
	if !ok {
		return fmt.Sprintf("%s: %q is no %s%s", c.name, doc.Shorten(cell, 60), c.Type, c.example())
	}
	b.KeyName(c.key)
	b.Value(v)
	return ""
}

// value is what a cell that is not blank says.
func (c *column) value(cell string) (doc.Value, bool) {
	var at time.Time
	ok := true
	switch {
	case c.Type == typeNumber:
		d, ok := c.number(cell)
		return doc.NumberValue(d), ok
	case c.Type == typeTime && c.Layout == "":
		at, ok = doc.ParseTime(cell)
	default:
		var err error
		at, err = time.ParseInLocation(c.Layout, cell, c.zone)
		ok = err == nil
	}
	if c.Type == typeDate {
		return doc.StringValue(at.Format(time.DateOnly)), ok
	}
	return doc.StringValue(at.UTC().Format(time.RFC3339Nano)), ok
}

// example shows how the cells of the column are written.
func (c *column) example() string {
	switch {
	case c.Type == typeNumber && (c.Decimal != "." || c.Group != ""):
		return " such as 1" + c.Group + "234" + c.Decimal + "50"
	case c.Layout != "":
		return " as " + c.Layout
	}
	return ""
}

// number reads a number with the column's own marks.
func (c *column) number(text string) (doc.Decimal, bool) {
	sign := ""
	if text[0] == '-' || text[0] == '+' {
		sign, text = strings.TrimSuffix(text[:1], "+"), text[1:]
	}
	whole, rest, point := strings.Cut(text, c.Decimal)
	if c.Group == " " { // programs write one that does not break the line
		whole = strings.NewReplacer("\u00a0", " ", "\u202f", " ").Replace(whole)
	}
	if c.Group != "" && strings.Contains(whole, c.Group) {
		groups := strings.Split(whole, c.Group)
		for i, g := range groups {
			if len(g) != 3 && (i > 0 || len(g) == 0 || len(g) > 3) {
				return doc.Decimal{}, false
			}
		}
		whole = strings.Join(groups, "")
	}
	if strings.Contains(whole, ".") { // not the mark of this column
		return doc.Decimal{}, false
	}
	if whole = strings.TrimLeft(whole, "0"); whole == "" && strings.HasPrefix(text, "0") || strings.HasPrefix(whole, "e") || strings.HasPrefix(whole, "E") {
		whole = "0" + whole
	}
	if point {
		whole += "." + rest
	}
	d, err := doc.ParseDecimal(sign + whole)
	return d, err == nil
}

// text is a value as its cell has it.
func (c *column) text(v doc.Value) (string, error) {
	switch v.Kind() {
	case doc.Missing, doc.Null:
		return "", nil
	case doc.Object, doc.Array:
		return "", fmt.Errorf("%s has no place in a cell: name the field that is meant, or write it with string()", v.Kind())
	}
	text := v.Text()
	switch {
	case c.Type == typeNumber || v.Kind() == doc.Number:
		d, err := doc.ParseDecimal(text)
		if err != nil {
			return "", fmt.Errorf("%q is no number", doc.Shorten(text, 60))
		}
		return strings.Replace(d.String(), ".", c.Decimal, 1), nil
	case c.Type == typeDate:
		at, err := time.Parse(time.DateOnly, text)
		if err != nil {
			return "", fmt.Errorf("%q is no date such as 2026-03-01", doc.Shorten(text, 60))
		}
		return at.Format(c.Layout), nil
	case c.Type == typeTime:
		at, ok := doc.ParseTime(text)
		if !ok {
			return "", fmt.Errorf("%q is no time such as 2026-03-01T12:00:00Z", doc.Shorten(text, 60))
		}
		return at.In(c.zone).Format(cmp.Or(c.Layout, time.RFC3339Nano)), nil
	case strings.ContainsRune(text, 0):
		return "", fmt.Errorf("a NUL character has no place in a cell")
	}
	return text, nil
}
