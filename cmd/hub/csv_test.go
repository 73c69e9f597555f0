package main

import (
	"errors"
	"io"
	"strings"
	"testing"

	"orderhub/adapters/files"
)

// TestCSVRows: rows are records; a bad row refuses itself, a bad header the file.
func TestCSVRows(t *testing.T) {
	r := csvRows(strings.NewReader("id;qty\nA;1\nB\nC;123456789\nD;4\n"), 0, &files.Config{CSV: files.CSV{Delimiter: ";", Header: []string{"id", "qty"}}, MaxRecord: 24})
	var got []string
	for {
		body, line, err := r.Next()
		if err == io.EOF {
			break
		}
		if e, ok := errors.AsType[*files.RecordError](err); ok {
			got = append(got, e.Reason)
			if e.Rest || line == 0 {
				t.Errorf("line %d: %v refuses the file", line, err)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, string(body.Bytes()))
	}
	if want := `{"id":"A","qty":"1"} bad_csv too_large {"id":"D","qty":"4"}`; strings.Join(got, " ") != want {
		t.Errorf("got %s\nexpected %s", strings.Join(got, " "), want)
	}
	_, _, err := csvRows(strings.NewReader("id\n1\n"), 0, &files.Config{CSV: files.CSV{Header: []string{"id", "qty"}}}).Next()
	if e, ok := errors.AsType[*files.RecordError](err); !ok || !e.Rest {
		t.Errorf("a missing column gives %v, expected the file refused", err)
	}
}
