package hub

import (
	"cmp"
	"io"
	"mime"
	"strconv"
	"strings"

	"orderhub/hub/doc"
)

// Format turns the bytes of a body into a document and back (EIP Format
// Indicator). The content type of a message says which format its bytes are
// in, unless the endpoint that brought it names another. A Format may be used
// by several goroutines at once.
type Format struct {
	Name string // of its kind, or of its entry in `formats:`
	Type string // content type of what Encode makes: "application/xml"
	// Coding is the compression of the bytes, as the header content-encoding names it: "gzip"; "": none.
	Coding string
	// Charset is the character set of the bytes; "": what the content type of a message says, and UTF-8 where it says nothing.
	Charset string
	// Bare is the format without character set and compression; nil: it has none.
	Bare *Format
	// Declares tells that the bytes may say their character set themselves, as XML does. Text that is decoded
	// before begins with a byte order mark (U+FEFF) then, which goes before what they say.
	Declares bool
	// Untyped tells that its values are texts only, as those of CSV are: the
	// schema of the endpoint says which of them are numbers, truth values or lists.
	Untyped bool

	// Decode reads a whole body. Faults are *doc.SyntaxError, with line and
	// column from 1, counted in characters; what the far end reports as its own
	// error (a SOAP fault) is an *Error. Raw is not kept and not changed.
	Decode func(raw []byte) (doc.Value, error)
	// Encode writes a document. What the format can't say is an *Error of class
	// Invalid that tells what to write instead. nil: the format only reads.
	Encode func(v doc.Value) ([]byte, error)
	// Params are the parameters of Type that a body of Encode has for itself: "; boundary=5a2f". nil: there are none.
	Params func(raw []byte) string
	// Append is a body in this format as one more record of a stream, the first one or another: rows of CSV behind a
	// header row. Errors are those of Encode. nil: a stream is one document.
	Append func(b Body, first bool) ([]byte, error)
	// Records reads a stream of many documents as it goes: memory does not grow
	// with the stream. One that is larger than limit bytes is refused. nil: a
	// stream is one document.
	Records func(r io.Reader, limit int) RecordReader
}

// FormatJSON in HeaderFormat says that a body is JSON, whatever format the endpoint names that it came from: a record of a stream.
const FormatJSON = "json"

// RecordReader gives the next record of a stream, a body that is made of a document, with the line at which it
// begins, from 1; io.EOF after the last. A *RecordError refuses one record, and
// reading goes on behind it; any other error refuses the rest of the stream.
type RecordReader func() (body Body, line int, err error)

// RecordError says what is wrong with one record of a stream.
type RecordError struct {
	doc.SyntaxError
	Raw []byte // the record as it came, or its beginning
}

// IsJSON tells that a content type means JSON in UTF-8: one that ends in json, and none at all.
func IsJSON(contentType string) bool {
	if contentType == "" || contentType == "application/json" {
		return true
	}
	kind, params, _ := strings.Cut(strings.ToLower(contentType), ";")
	_, sub, _ := strings.Cut(strings.TrimSpace(kind), "/")
	return (sub == "json" || strings.HasSuffix(sub, "+json")) && (!strings.Contains(params, "charset") || strings.Contains(params, "utf-8"))
}

// PrefersHTML tells a browser from a program: of HTML and JSON its Accept headers (RFC 9110, 12.5.1) weigh HTML more, or as much and
// name it first.
func PrefersHTML(accept ...string) bool {
	var html, data float64
	first := ""
	for part := range strings.SplitSeq(strings.Join(accept, ","), ",") {
		media, params, err := mime.ParseMediaType(part)
		if err != nil || media != "text/html" && !IsJSON(media) {
			continue
		}
		q, err := strconv.ParseFloat(params["q"], 64)
		if err != nil {
			q = 1
		}
		first = cmp.Or(first, media)
		if media == "text/html" {
			html = max(html, q)
		} else {
			data = max(data, q)
		}
	}
	return html > data || html > 0 && html == data && first == "text/html"
}

// FormatKind declares a format, as Component declares an adapter: one folder
// in transforms/, and one line in the list of cmd/hub.
type FormatKind struct {
	Name  string   // what `format:` names
	Types []string // content types that mean it, in lower case and without parameters: "text/xml", or a suffix of RFC 6839: "+xml"

	Config func() any                 // fresh options with their defaults, for an entry of `formats:`
	Check  func(cfg any) []FieldFault // faults that tags can't find; nil: there are none
	// Open makes a format of options without a fault. others finds the formats of
	// content types, for what has parts of its own; nil: none is known.
	Open func(cfg any, others func(contentType string) *Format) (*Format, error)
}

// FormatOf is a FormatKind whose options are a C.
func FormatOf[C any](k FormatKind, config func() *C, check func(*C) []FieldFault, open func(c *C, others func(string) *Format) (*Format, error)) FormatKind {
	k.Config = func() any { return config() }
	if check != nil {
		k.Check = func(cfg any) []FieldFault { return check(cfg.(*C)) }
	}
	k.Open = func(cfg any, others func(string) *Format) (*Format, error) { return open(cfg.(*C), others) }
	return k
}
