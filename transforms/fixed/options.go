// Package fixed is the format `fixed`: records of columns with fixed widths,
// one a line, as mainframes, banks and warehouses exchange them.
package fixed

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"time"

	"orderhub/hub"
	"orderhub/hub/doc"
	"orderhub/transforms/lines"
)

// Options are the layout of the records.
type Options struct {
	Columns []Column            `yaml:"columns" doc:"The columns of each record, in their order. One of columns and records."`
	Prefix  Prefix              `yaml:"prefix" doc:"Where a record says of which type it is."`
	Records map[string][]Column `yaml:"records" doc:"The columns of each type of record, by what stands at the prefix."`
	Line    string              `yaml:"line" default:"lf" oneof:"lf|crlf" doc:"How a line ends that is written; both are read."`
}

// Prefix is the place of a record's type.
type Prefix struct {
	At    int `yaml:"at" default:"1" min:"1" max:"10000" doc:"First character, from 1."`
	Width int `yaml:"width" default:"1" min:"1" max:"20" doc:"Characters."`
}

// Column is a field of a record.
type Column struct {
	Name     string `yaml:"name" required:"true" doc:"Name of the field."`
	At       int    `yaml:"at" min:"1" max:"10000" doc:"First character, from 1. Left out: behind the column before."`
	Width    int    `yaml:"width" required:"true" min:"1" max:"10000" doc:"Characters."`
	Type     string `yaml:"type" default:"text" oneof:"text|number|date" doc:"What the field is."`
	Decimals int    `yaml:"decimals" min:"0" max:"18" doc:"Digits of a number behind the point that is not written: 000129950 with 2 is 1299.50."`
	Layout   string `yaml:"layout" doc:"How a date is written, in Go's way: 20060102, 02.01.2006. The field is 2026-03-01."`
	Pad      string `yaml:"pad" doc:"What fills a column that is too wide, one character. Left out: a blank, 0 for numbers."`
	Align    string `yaml:"align" oneof:"left|right" doc:"Where the value stands. Left out: left, and right for numbers."`
}

// Format declares it.
func Format() hub.FormatKind {
	return hub.FormatOf(hub.FormatKind{Name: "fixed", Types: []string{"text/x-fixed"}},
		func() *Options { return &Options{Prefix: Prefix{At: 1, Width: 1}, Line: "lf"} }, (*Options).check,
		func(o *Options, _ func(string) *hub.Format) (*hub.Format, error) {
			l := newLayout(o)
			if len(l.types) == 0 {
				return nil, fmt.Errorf("it has no columns: declare it under formats: with columns or records")
			}
			return &hub.Format{Name: "fixed", Type: "text/plain; charset=utf-8", Decode: l.decode, Encode: l.encode, Records: l.records,
				Append: lines.Append}, nil
		})
}

// check finds what tags can't.
func (o *Options) check() []hub.FieldFault {
	var faults hub.FieldFaults
	if (len(o.Columns) == 0) == (len(o.Records) == 0) {
		faults.Add("columns", "write columns: of the one type of record, or records: of several", "one of columns and records is needed")
	}
	check := func(at string, columns []Column) {
		seen := map[string]bool{}
		for _, c := range columns {
			switch {
			case seen[c.Name]:
				faults.Add(at, "give each its own name", "two columns are named %q", c.Name)
			case c.Name == recordName.String() && len(o.Records) > 0:
				faults.Add(at, "give it another name", "a column is named %q, as the field with the type of the record", c.Name)
			case c.Type == "date" && c.Layout == "":
				faults.Add(at, "add layout: 20060102", "the date %q has no layout", c.Name)
			case len([]rune(c.Pad)) > 1:
				faults.Add(at, "write one character", "the pad of %q is %q", c.Name, c.Pad)
			case c.Type == "date" && len(c.Layout) != c.Width:
				faults.Add(at, fmt.Sprintf("write width: %d", len(c.Layout)), "the date %q is %d characters wide, and its layout %d", c.Name, c.Width, len(c.Layout))
			}
			seen[c.Name] = true
		}
	}
	check("columns", o.Columns)
	for name, columns := range o.Records {
		check("records."+name, columns)
		if len([]rune(name)) != o.Prefix.Width {
			faults.Add("records."+name, "write names of that width, or prefix: {width: …}", "the prefix is %d characters wide, and %q is not", o.Prefix.Width, name)
		}
	}
	return faults
}

// layout is what the options say, with the place of each column.
type layout struct {
	types  map[string]*record // "": the one type
	prefix Prefix
	end    string
}

// record is one type of record.
type record struct {
	columns []column
	width   int
}

// column is a Column with its place, ready for use.
type column struct {
	Column
	key  *doc.Name
	unit doc.Decimal // of a number with implied decimals: 0.01
}

var recordName = doc.NewName("record")

func newLayout(o *Options) *layout {
	l := &layout{types: map[string]*record{}, prefix: o.Prefix, end: map[string]string{"crlf": "\r\n"}[o.Line]}
	if l.end == "" {
		l.end = "\n"
	}
	if len(o.Columns) > 0 {
		l.types[""] = newRecord(o.Columns)
	}
	for name, columns := range o.Records {
		l.types[name] = newRecord(columns)
		l.types[name].width = max(l.types[name].width, o.Prefix.At-1+o.Prefix.Width)
	}
	return l
}

func newRecord(columns []Column) *record {
	r := &record{}
	at := 1
	for _, c := range columns {
		align, pad := "left", " "
		if c.Type == "number" {
			align, pad = "right", "0"
		}
		c.At, c.Align, c.Pad = cmp.Or(c.At, at), cmp.Or(c.Align, align), cmp.Or(c.Pad, pad)
		at = c.At + c.Width
		r.width = max(r.width, at-1)
		unit, _ := doc.ParseDecimal(fmt.Sprintf("1e-%d", c.Decimals)) // at most 18
		r.columns = append(r.columns, column{c, doc.NewName(c.Name), unit})
	}
	return r
}

func (l *layout) records(r io.Reader, limit int) hub.RecordReader {
	var b doc.Builder
	return lines.Records(r, limit, func(line []byte) (hub.Body, error) {
		b.Reset()
		if err := l.read(&b, line); err != nil {
			return hub.Body{}, err
		}
		return hub.DocumentBody(b.Done()), nil
	})
}

func (l *layout) decode(raw []byte) (doc.Value, error) {
	return lines.List(l.records(bytes.NewReader(raw), len(raw)))
}

// isoDate is the form of a date in a document.
const isoDate = time.DateOnly
