package files

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"orderhub/hub"
)

// Parser makes the reader that splits a file into records. options hold max_record (bytes), delimiter, header (names joined by ","),
// no_header ("true") and encoding, those that are given. The parser reads r as it goes: memory must not grow with the file.
type Parser func(r io.Reader, options map[string]string) RecordReader

// RecordReader gives the records of a file, one after another. line is where the record begins, from 1. The error is io.EOF after the last
// record. An error with the method Record() bool that says true refuses one record: reading goes on, line tells which. (Its Code() string,
// if it has that method, is the reason; Raw() []byte is the
// record as it came, or its beginning.) Any other error refuses the rest of the file. The body must not change after Next returned.
type RecordReader interface {
	Next() (body hub.Body, line int, err error)
}

// recordError refuses one record.
type recordError struct {
	code, detail string
	raw          []byte
}

func (e *recordError) Error() string { return e.detail }
func (e *recordError) Record() bool  { return true }
func (e *recordError) Code() string  { return e.code }
func (e *recordError) Raw() []byte   { return e.raw }

func isRecordError(err error) bool {
	var r interface{ Record() bool }
	return errors.As(err, &r) && r.Record()
}

// reasonOf is the machine-readable code of a refusal.
func reasonOf(err error) string {
	var c interface{ Code() string }
	if errors.As(err, &c) && c.Code() != "" {
		return c.Code()
	}
	if e, ok := errors.AsType[*hub.Error](err); ok && e.Reason != "" {
		return e.Reason
	}
	return "bad_record"
}

func (c *Config) options() map[string]string {
	o := map[string]string{"max_record": strconv.FormatInt(c.MaxRecord, 10)}
	for name, value := range map[string]string{
		"delimiter": c.CSV.Delimiter, "header": strings.Join(c.CSV.Header, ","), "encoding": c.CSV.Encoding,
	} {
		if value != "" {
			o[name] = value
		}
	}
	if c.CSV.NoHeader {
		o["no_header"] = "true"
	}
	return o
}

func maxRecord(options map[string]string) int {
	n, err := strconv.Atoi(options["max_record"])
	if err != nil || n < 1 {
		return 1 << 20
	}
	return n
}

func tooLarge(what string, limit int, raw []byte) error {
	return &recordError{"too_large", fmt.Sprintf("the %s is larger than %d bytes (max_record)", what, limit), raw}
}

// sized is a reader that knows how much is left, to reserve no more than that.
type sized interface{ Len() int }

// wholeFile gives the file as its only record.
func wholeFile(r io.Reader, options map[string]string) RecordReader {
	return &wholeReader{r: r, max: maxRecord(options)}
}

type wholeReader struct {
	r    io.Reader
	max  int
	done bool
}

func (w *wholeReader) Next() (hub.Body, int, error) {
	if w.done {
		return hub.Body{}, 1, io.EOF
	}
	w.done = true
	if s, ok := w.r.(sized); ok {
		if s.Len() > w.max {
			return hub.Body{}, 1, tooLarge("file", w.max, nil)
		}
		raw := make([]byte, s.Len())
		if _, err := io.ReadFull(w.r, raw); err != nil {
			return hub.Body{}, 1, err
		}
		return hub.NewBody(raw), 1, nil
	}
	raw, err := io.ReadAll(io.LimitReader(w.r, int64(w.max)+1))
	switch {
	case err != nil:
		return hub.Body{}, 1, err
	case len(raw) > w.max:
		return hub.Body{}, 1, tooLarge("file", w.max, raw)
	}
	return hub.NewBody(raw), 1, nil
}
