package main

import (
	"errors"
	"io"

	"orderhub/adapters/files"
	"orderhub/hub"
	"orderhub/transforms/csv"
)

// csvRows is `parse: csv` of the files adapter: each row is a record.
func csvRows(r io.Reader, _ int64, c *files.Config) files.RecordReader {
	o := csv.Options{Delimiter: c.CSV.Delimiter, Encoding: c.CSV.Encoding, Header: c.CSV.Header, NoHeader: c.CSV.NoHeader}
	return &csvReader{csv.NewReader(r, o), c}
}

type csvReader struct {
	rows *csv.Reader
	cfg  *files.Config
}

var _ files.RecordReader = (*csvReader)(nil)

func (c *csvReader) Next() (hub.Body, int, error) {
	row, line, err := c.rows.Next()
	if e, ok := errors.AsType[*csv.RowError](err); ok { // a bad header row refuses the file
		return hub.Body{}, line, &files.RecordError{Reason: e.Code, Detail: e.Error(), Raw: e.Raw, Rest: e.Code == csv.CodeHeader}
	}
	if err != nil {
		return hub.Body{}, line, err
	}
	body := hub.DocumentBody(row)
	if int64(body.Len()) > c.cfg.MaxRecord {
		return hub.Body{}, line, c.cfg.TooLarge("record", body.Bytes())
	}
	return body, line, nil
}
