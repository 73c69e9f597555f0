package schema

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"orderhub/hub/doc"
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
	reason := strings.TrimPrefix(e.Err.Error(), "error parsing regexp: ")
	return f.errorAt(known, tokens, fmt.Sprintf("%q is no regular expression of RE2: %s", e.Regex, reason))
}

// called is a URL as people know it.
func (f *folder) called(link string) string {
	name, fragment, _ := strings.Cut(link, "#")
	if known := f.files[name]; known != nil {
		return "#" + fragment + " of " + known.path
	}
	return link
}

// errorAt is an error at the value that the tokens lead to, or at the last one on the way that is there.
func (f *folder) errorAt(known *file, tokens []string, message string) *Error {
	at := known.root
	for _, token := range tokens {
		next := doc.Lookup(at, []string{token})
		if next.Kind() == doc.Missing {
			break
		}
		at = next
	}
	e := &Error{File: known.path, Pointer: doc.Pointer(tokens...), Message: message}
	e.Line, e.Col = at.Position()
	return e
}
