package csv

import (
	"errors"
	"fmt"
)

// Options says how a CSV file is read.
type Options struct {
	Delimiter string   `yaml:"delimiter" doc:"the character between columns, or tab; without it \",\", and \";\" when the header row has no \",\""`
	Encoding  string   `yaml:"encoding" default:"utf-8" doc:"utf-8, or latin1 (bytes 80-9F as in Windows-1252)"`
	Header    []string `yaml:"header" doc:"the column names that must be there, in any order; more columns may be"`
	NoHeader  bool     `yaml:"no_header" doc:"the file has no header row: header names the columns, in their order"`
}

// The limits of a file. They bound the memory of a Reader.
const (
	MaxField   = 1 << 20 // bytes of one field
	MaxRecord  = 8 << 20 // bytes of one record
	MaxColumns = 1000
)

const (
	utf8Text   = "utf-8"
	latin1Text = "latin1"
)

// Check reports options that make no sense. NewReader calls it too; its error then comes from the first Next.
func (o Options) Check() error {
	if _, err := delimiter(o.Delimiter); err != nil {
		return err
	}
	switch o.Encoding {
	case "", utf8Text, latin1Text:
	default:
		return fmt.Errorf("encoding %q: expected %s or %s", o.Encoding, utf8Text, latin1Text)
	}
	if o.NoHeader && len(o.Header) == 0 {
		return errors.New("no_header needs header: the names of the columns")
	}
	if len(o.Header) > 0 {
		if detail := badNames(o.Header); detail != "" {
			return errors.New("header: " + detail)
		}
	}
	return nil
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
