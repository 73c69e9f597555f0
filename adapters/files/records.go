package files

import (
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"orderhub/hub"
	"orderhub/hub/doc"
)

// blockSize is what is read of a file at once.
const blockSize = 256 << 10

// records splits the file, as its format does, or gives it as its only record.
func (j *job) records(in *input) hub.RecordReader {
	if f := j.format; f != nil && f.Records != nil && !j.whole {
		return f.Records(in, int(j.cfg.MaxRecord))
	}
	done := false
	return func() (hub.Body, int, error) {
		switch {
		case done:
			return hub.Body{}, 1, io.EOF
		case j.info.Size() > j.cfg.MaxRecord:
			done = true
			return hub.Body{}, 1, refusal("too_large", nil, "the file is larger than %d bytes (max_record)", j.cfg.MaxRecord)
		}
		done = true
		raw := make([]byte, j.info.Size())
		_, err := io.ReadFull(in, raw)
		return hub.NewBody(raw).In(j.format), 1, err
	}
}

// headers say what a message is, beside where it comes from: a whole file is what its format is, or the ending of its name; a record is a
// document, JSON in the store, or what its format writes.
func (j *job) headers(body hub.Body, h hub.Headers) {
	switch f := body.Format(); {
	case f != nil:
		h[hub.HeaderContentType] = f.Type
		if f.Coding != "" && !body.IsDocument() {
			h[hub.HeaderEncoding] = f.Coding
		}
	case body.IsDocument():
		h[hub.HeaderFormat] = hub.FormatJSON // and not the format of the source, when it is read again after a failure
	default:
		if kind, coding := contentType(j.name); kind != "" {
			h[hub.HeaderContentType] = kind
			if coding != "" {
				h[hub.HeaderEncoding] = coding
			}
		}
	}
}

// contentTypes are those of the endings of names. A file with another ending is JSON, as all is that has no content type.
var contentTypes = map[string]string{
	".json": "application/json", ".ndjson": "application/x-ndjson", ".jsonl": "application/x-ndjson", ".csv": "text/csv", ".tsv": "text/tab-separated-values",
	".xml": "application/xml", ".txt": "text/plain", ".html": "text/html", ".htm": "text/html", ".pdf": "application/pdf", ".zip": "application/zip",
	".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".gif": "image/gif", ".tif": "image/tiff", ".tiff": "image/tiff",
	".xls": "application/vnd.ms-excel", ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
	".doc": "application/msword", ".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document", ".bin": "application/octet-stream",
}

// contentType is what the ending of a name says: of orders.csv.gz, CSV that is compressed.
func contentType(name string) (kind, coding string) {
	name = strings.ToLower(name)
	switch ext := path.Ext(name); ext {
	case ".gz", ".zst":
		name, coding = strings.TrimSuffix(name, ext), map[string]string{".gz": "gzip", ".zst": "zstd"}[ext]
	}
	if kind = contentTypes[path.Ext(name)]; kind == "" && coding != "" {
		kind = "application/octet-stream"
	}
	return kind, coding
}

// refusal refuses a record that the adapter itself can't take.
func refusal(code string, raw []byte, format string, args ...any) error {
	return &hub.RecordError{SyntaxError: doc.SyntaxError{Code: code, Line: 1, Col: 1, Detail: fmt.Sprintf(format, args...)}, Raw: raw}
}

// told is why the record on a line is refused, as a code and for people: with the place where the line alone does not say it.
func told(err error, line int) (code, text string, raw []byte) {
	bad, one := errors.AsType[*hub.RecordError](err)
	rest, all := errors.AsType[*doc.SyntaxError](err)
	switch {
	case one:
		rest, raw = &bad.SyntaxError, bad.Raw
	case !all:
		return "bad_record", err.Error(), nil
	}
	if rest.Line == line && rest.Col == 1 {
		return rest.Code, rest.Detail, raw
	}
	return rest.Code, rest.Error(), raw
}
