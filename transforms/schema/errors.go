package schema

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// Error is a fault of a schema. Line and Col count from 1; 0: not known.
type Error struct {
	File      string
	Line, Col int
	Pointer   string // JSON Pointer into the file
	Message   string
	Help      string
}

// Error writes: file:line:col: /pointer: message; help.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.File)
	if e.Line > 0 {
		fmt.Fprintf(&b, ":%d:%d", e.Line, e.Col)
	}
	if e.Pointer != "" {
		b.WriteString(": " + e.Pointer)
	}
	b.WriteString(": " + e.Message)
	if e.Help != "" {
		b.WriteString("; " + e.Help)
	}
	return b.String()
}

// Errors is all that is wrong with a schema, in the order of the file.
type Errors []*Error

func (all Errors) Error() string {
	lines := make([]string, len(all))
	for i, e := range all {
		lines[i] = e.Error()
	}
	return strings.Join(lines, "\n")
}

func (all Errors) sorted() Errors {
	slices.SortStableFunc(all, func(a, b *Error) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Col, b.Col))
	})
	return all
}

// explain turns an error of the library's compiler into ours.
func (f *folder) explain(root string, err error) error {
	if e, ok := errors.AsType[Errors](err); ok {
		return e
	}
	if e, ok := errors.AsType[*jsonschema.SchemaValidationError](err); ok {
		return f.invalid(e)
	}
	if e, ok := errors.AsType[*jsonschema.InvalidRegexError](err); ok {
		return Errors{f.regex(e)}
	}
	link, message := "", err.Error()
	if e, ok := errors.AsType[*jsonschema.LoadURLError](err); ok {
		link, message = e.URL, e.Err.Error()
	}
	if e, ok := errors.AsType[*jsonschema.JSONPointerNotFoundError](err); ok {
		link, message = e.URL, "there is nothing at "+f.called(e.URL)
	}
	if e, ok := errors.AsType[*jsonschema.AnchorNotFoundError](err); ok {
		link, message = e.Reference, "there is no $anchor "+f.called(e.Reference)
	}
	for _, r := range f.refs() {
		if r.url == link || strings.TrimSuffix(r.url, "#") == link {
			e := f.errorAt(r.file, r.tokens, message)
			return Errors{e}
		}
	}
	return Errors{f.errorAt(f.files[root], nil, strings.ReplaceAll(message, folderURL, ""))}
}

// invalid lists what the schema's own schema finds.
func (f *folder) invalid(e *jsonschema.SchemaValidationError) error {
	known, tokens, _ := f.at(e.URL)
	cause, ok := errors.AsType[*jsonschema.ValidationError](e.Err)
	if known == nil || !ok {
		return e
	}
	var all Errors
	for _, fault := range explain(cause) {
		at := slices.Concat(tokens, fault.tokens)
		all = append(all, f.errorAt(known, at, fault.detail))
	}
	return all.sorted()
}

func (f *folder) regex(e *jsonschema.InvalidRegexError) *Error {
	known, tokens, _ := f.at(e.URL)
	if known == nil {
		known = &file{}
	}
	return f.errorAt(known, tokens, fmt.Sprintf("%q is no regular expression of RE2: %s", e.Regex, strings.TrimPrefix(e.Err.Error(), "error parsing regexp: ")))
}

// called is a URL as people know it.
func (f *folder) called(link string) string {
	name, fragment, _ := strings.Cut(link, "#")
	if known := f.files[name]; known != nil {
		return "#" + fragment + " of " + known.path
	}
	return link
}

func (f *folder) errorAt(known *file, tokens []string, message string) *Error {
	e := &Error{File: known.path, Pointer: pointer(tokens), Message: message}
	if offset := offsetOf(known.src, tokens); offset >= 0 {
		before := known.src[:offset]
		e.Line = 1 + bytes.Count(before, []byte("\n"))
		e.Col = 1 + len([]rune(string(before[bytes.LastIndexByte(before, '\n')+1:])))
	}
	return e
}

// offsetOf finds the value that the tokens of a JSON Pointer lead to, or the last one on the way that is there.
func offsetOf(src []byte, tokens []string) int {
	d := json.NewDecoder(bytes.NewReader(src))
	at := start(d, src)
	for len(tokens) > 0 {
		opened, err := d.Token()
		if err != nil || (opened != json.Delim('{') && opened != json.Delim('[')) {
			return at
		}
		next := find(d, src, opened == json.Delim('['), tokens[0])
		if next < 0 {
			return at
		}
		at, tokens = next, tokens[1:]
	}
	return at
}

// find moves the decoder before the value of a key or an index of the container that was opened.
func find(d *json.Decoder, src []byte, array bool, want string) int {
	for i := 0; d.More(); i++ {
		key := fmt.Sprint(i)
		if !array {
			t, err := d.Token()
			if err != nil {
				return -1
			}
			key, _ = t.(string)
		}
		if key == want {
			return start(d, src)
		}
		var skipped json.RawMessage
		if d.Decode(&skipped) != nil {
			return -1
		}
	}
	return -1
}

// start is where the next value of the decoder starts.
func start(d *json.Decoder, src []byte) int {
	i := int(d.InputOffset())
	for i < len(src) && strings.IndexByte(" \t\r\n:,", src[i]) >= 0 {
		i++
	}
	return i
}
