package main

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"orderhub/adapters/files"
	"orderhub/hub"
	"orderhub/transforms/csv"
)

// csvRows is `parse: csv` of the files adapter: each row is a record.
func csvRows(r io.Reader, options map[string]string) files.RecordReader {
	o := csv.Options{Delimiter: options["delimiter"], Encoding: options["encoding"], NoHeader: options["no_header"] == "true"}
	if h := options["header"]; h != "" {
		o.Header = strings.Split(h, ",")
	}
	limit, _ := strconv.Atoi(options["max_record"])
	return &csvReader{rows: csv.NewReader(r, o), limit: limit}
}

type csvReader struct {
	rows  *csv.Reader
	limit int
}

var _ files.RecordReader = (*csvReader)(nil)

func (c *csvReader) Next() (hub.Body, int, error) {
	row, line, err := c.rows.Next()
	if e, ok := errors.AsType[*csv.RowError](err); ok {
		return hub.Body{}, line, &csvRefused{e.Code, e.Error(), e.Code != csv.CodeHeader, e.Raw}
	}
	if err != nil {
		return hub.Body{}, line, err
	}
	body := hub.DocumentBody(row)
	if c.limit > 0 && body.Len() > c.limit {
		return hub.Body{}, line, &csvRefused{"too_large", fmt.Sprintf("the record is larger than %d bytes (max_record)", c.limit), true, body.Bytes()}
	}
	return body, line, nil
}

// csvRefused refuses one record, or with a bad header row the file.
type csvRefused struct {
	code, detail string
	record       bool
	raw          []byte
}

func (e *csvRefused) Error() string { return e.detail }
func (e *csvRefused) Code() string  { return e.code }
func (e *csvRefused) Record() bool  { return e.record }
func (e *csvRefused) Raw() []byte   { return e.raw }
