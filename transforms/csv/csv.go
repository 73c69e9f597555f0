// Package csv is the format `csv`: rows of cells with a delimiter between them, read as a stream and written.
//
// A row is an object with a field for each column; the header row gives the names. A cell is a text unless the options give its column a
// type. Nothing is guessed: no text is trimmed, turned into a number or filled in. A record that can't be read is refused with its place,
// and the records behind it go on.
//
// The reader is its own, not encoding/csv: that one keeps NUL, has no limit for a field, and reads the whole rest of a file into memory
// when a quote is not closed.
package csv

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"orderhub/hub"
)

// The codes of what is refused.
const (
	CodeBadCSV       = "bad_csv"
	CodeHeader       = "csv_header" // what comes behind it can't be read: the file is refused
	CodeFieldTooLong = "csv_field_too_long"
	CodeTooLarge     = "too_large"
)

// The limits of a file. They bound the memory of a reader.
const (
	MaxField   = 1 << 20 // bytes of one field
	MaxColumns = 1000
)

// Options are those of an entry of `formats:` with `type: csv`.
type Options struct {
	Delimiter string            `yaml:"delimiter" doc:"The character between columns, or tab. Left out: it is found when read, and a comma when written."`
	Header    []string          `yaml:"header" doc:"Names of the columns that must be there, in any order; when written, the columns in their order."`
	NoHeader  bool              `yaml:"no_header" doc:"There is no header row: header names the columns, in their order."`
	Skip      int               `yaml:"skip" min:"0" max:"1000" doc:"How many lines stand before the table and are passed over when it is read, blank ones included."`
	Columns   map[string]Column `yaml:"columns" doc:"What single columns are, by their names in the header row."`
	Decimal   string            `yaml:"decimal" default:"." oneof:".|," doc:"What stands before the decimals of numbers."`
	Group     string            `yaml:"group" oneof:".|,|'| " doc:"What stands between groups of three digits. Left out: nothing may."`
	Quote     string            `yaml:"quote" default:"minimal" oneof:"minimal|all|none" doc:"Which cells are written in quotes: those that need them, or all. none: a quote is a character like any other, also when read."`
	Line      string            `yaml:"line" default:"crlf" oneof:"crlf|lf" doc:"How a written line ends; LF, CR LF and CR are read."`
	BOM       bool              `yaml:"bom" doc:"Write a byte order mark first, by which Excel knows UTF-8."`
	Guard     bool              `yaml:"guard" doc:"Write ' before texts that a spreadsheet would take for a formula, and take it off when read."`
}

// Column is what a column is.
type Column struct {
	As       string `yaml:"as" doc:"Name of the field. Left out: the name of the column."`
	Type     string `yaml:"type" default:"text" oneof:"text|number|date|time" doc:"What its cells are."`
	Decimal  string `yaml:"decimal" oneof:".|," doc:"What stands before the decimals. Left out: that of the format."`
	Group    string `yaml:"group" oneof:".|,|'| |none" doc:"What stands between groups of three digits. Left out: that of the format."`
	Layout   string `yaml:"layout" doc:"How a date or time is written, in Go's way: 02.01.2006 15:04. Left out: 2006-01-02, and RFC 3339."`
	Zone     string `yaml:"zone" default:"UTC" doc:"Time zone of times whose layout has none, such as Europe/Berlin."`
	Optional bool   `yaml:"optional" doc:"The column need not be there."`
}

const (
	typeText   = "text"
	typeNumber = "number"
	typeDate   = "date"
	typeTime   = "time"

	noGroup   = "none"
	quoteNone = "none"
)

// Format declares it.
func Format() hub.FormatKind {
	return hub.FormatOf(hub.FormatKind{Name: "csv", Types: []string{"text/csv", "application/csv", "text/comma-separated-values", "text/tab-separated-values"}},
		func() *Options { return &Options{Decimal: ".", Quote: "minimal", Line: "crlf"} }, (*Options).check,
		func(o *Options, _ func(string) *hub.Format) (*hub.Format, error) {
			f := newFormat(o)
			return &hub.Format{Name: "csv", Type: "text/csv; charset=utf-8", Untyped: true, Decode: f.decode, Encode: f.encode, Append: f.append, Records: f.records}, nil
		})
}

// check finds what tags can't.
func (o *Options) check() []hub.FieldFault {
	var faults hub.FieldFaults
	if _, err := delimiter(o.Delimiter); err != nil {
		faults.Add("delimiter", `write one of "," ";" "|" tab`, "%s", err)
	}
	if o.NoHeader && len(o.Header) == 0 {
		faults.Add("no_header", "add header: with the names of the columns", "no_header needs header")
	}
	if detail := badNames(o.Header); detail != "" {
		faults.Add("header", "give each column its own name", "header: %s", detail)
	}
	const marks, help = "%q is for the decimals and for groups of digits", `write decimal: "," and group: ".", or the other way round`
	if o.Group == cmp.Or(o.Decimal, ".") {
		faults.Add("group", help, marks, o.Group)
	}
	fields := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(o.Columns)) {
		c, own := newColumn(o, name), o.Columns[name]
		if c.Group == c.Decimal && own.Group+own.Decimal != "" {
			faults.Add("columns."+name+".group", help, marks, c.Group)
		}
		for _, f := range c.check() {
			f.Path = "columns." + name + "." + f.Path
			faults = append(faults, f)
		}
		if other, taken := fields[c.field]; taken {
			faults.Add("columns."+name, "give each its own name with as:", "the columns %q and %q become the same field, %s", other, name, c.field)
		}
		fields[c.field] = name
		if o.NoHeader && !slices.Contains(o.Header, name) {
			faults.Add("columns."+name, "write it in header:, at its place", "the file has no header row, and header: no column %q", name)
		}
	}
	return faults
}

// check finds what is wrong with a column.
func (c *column) check() []hub.FieldFault {
	var faults hub.FieldFaults
	switch {
	case c.Layout == "":
	case c.Type != typeDate && c.Type != typeTime:
		faults.Add("layout", "add type: date or type: time", "only dates and times have a layout")
	case !goodLayout(c.Layout, c.Type):
		faults.Add("layout", "write the date 2 January 2006, 15:04:05, as the column has it: 02.01.2006 15:04", "layout: %q loses part of what it writes", c.Layout)
	}
	if _, err := time.LoadLocation(c.Zone); err != nil {
		faults.Add("zone", "write its IANA name, such as Europe/Berlin", "zone: %q is no time zone", c.Zone)
	}
	return faults
}

// goodLayout tells that a day that is written in a layout can be read again.
func goodLayout(layout, kind string) bool {
	day := time.Date(2031, 11, 29, 18, 0, 0, 0, time.UTC)
	got, err := time.Parse(layout, day.Format(layout))
	return err == nil && got.Format(time.DateOnly) == day.Format(time.DateOnly) && (kind != typeTime || got.Hour() == day.Hour())
}

// delimiter returns the byte between columns, 0 for: find it.
func delimiter(s string) (byte, error) {
	switch {
	case s == "":
		return 0, nil
	case s == "tab":
		return '\t', nil
	case len(s) == 1 && (s[0] >= ' ' && s[0] < 0x7F || s[0] == '\t') && s[0] != '"':
		return s[0], nil
	}
	return 0, fmt.Errorf("delimiter %q: expected one ASCII character that is no quote, or tab", s)
}
