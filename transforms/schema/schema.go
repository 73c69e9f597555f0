// Package schema checks documents against JSON Schemas (2020-12 by default), and makes the types that formulas are checked against.
//
// One authority decides: github.com/santhosh-tekuri/jsonschema. Before it stands a check that is compiled from the same schema, runs over the
// document as it is and is many times faster; it can only say "certainly valid". Whatever it is not sure of goes to the library, which also makes
// all error texts. A test with generated schemas and documents proves that the two agree.
//
// Schemas come from one folder: nothing is fetched from a network or from outside of it.
package schema

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"orderhub/hub"
	"orderhub/hub/doc"
	"orderhub/hub/mask"
	"orderhub/transforms/shape"
)

// Schema is a compiled JSON Schema, safe for concurrent use.
type Schema struct {
	name   string
	lib    *jsonschema.Schema
	fast   *checker
	shape  *shape.Type
	marked []mask.Path
}

// Load compiles the schema in a file. $ref may name other files in its folder or below. The error is Errors.
func Load(path string) (*Schema, error) {
	src, f, err := open(path)
	if err != nil {
		return nil, Errors{{File: path, Message: err.Error()}}
	}
	defer f.root.Close()
	return compile(filepath.Base(path), src, f)
}

// Compile compiles the schema in src. name is its file name for messages; $ref may not name other files. The error is Errors.
func Compile(name string, src []byte) (*Schema, error) {
	return compile(filepath.Base(name), src, &folder{dir: filepath.Dir(name)})
}

// Name is the file's name without folder and ending: order for schemas/order.json.
func (s *Schema) Name() string { return s.name }

// Shape is the type of the documents: what formulas may expect of them. An object with properties is closed, though at run time it may have more
// fields, unless additionalProperties says so. Of no schema (nil) it is any value.
func (s *Schema) Shape() *shape.Type {
	if s == nil {
		return shape.AnyType
	}
	return s.shape
}

func compile(file string, src []byte, f *folder) (*Schema, error) {
	url := urlOf(file)
	if err := f.add(url, src); err != nil {
		return nil, err
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.UseLoader(f)
	lib, err := c.Compile(url)
	if err != nil {
		return nil, f.explain(url, err)
	}
	if found := f.doubtful(); len(found) > 0 {
		return nil, found
	}
	name, _, _ := strings.Cut(file, ".")
	shaper := shaper{folder: f, busy: map[*jsonschema.Schema]bool{}, made: map[*jsonschema.Schema]*shape.Type{}}
	marks := marker{folder: f, visits: map[*jsonschema.Schema]int{}}
	marks.visit(lib, nil)
	return &Schema{
		name:   name,
		lib:    lib,
		fast:   compileFast(lib),
		shape:  shape.Named(shaper.typeOf(lib), "schema "+name),
		marked: marks.found,
	}, nil
}

// valid reports that the document is certainly valid.
func (s *Schema) valid(v doc.Value) bool { return s.fast.ok(v) }

// Reason is the code of a document that does not fit its schema.
const Reason = "schema"

// maxFaults is how many faults are listed.
const maxFaults = 20

// Validate returns what is wrong with the document: class Invalid, up to 20 fields. nil: it is valid.
func (s *Schema) Validate(v doc.Value) *hub.Error {
	if s.valid(v) {
		return nil
	}
	return s.validateSlow(v)
}

// validateSlow asks the library.
func (s *Schema) validateSlow(v doc.Value) *hub.Error {
	err := s.lib.Validate(v.Any())
	if err == nil {
		return nil
	}
	e, ok := errors.AsType[*jsonschema.ValidationError](err)
	if !ok {
		return hub.Fail(hub.Bug, "bug", "schema %s: %w", s.name, err)
	}
	faults := explain(e)
	text := ""
	fields := make([]hub.FieldError, 0, min(len(faults), maxFaults))
	for i, f := range faults[:min(len(faults), maxFaults)] {
		at := doc.Pointer(f.tokens...)
		fields = append(fields, hub.FieldError{Pointer: at, Detail: f.detail})
		if i == 0 {
			text = fmt.Sprintf("%s: %s", at, f.detail)
		}
	}
	if len(fields) > 0 && fields[0].Pointer == "" {
		text = "the document " + fields[0].Detail
	}
	if more := len(faults) - 1; more > 0 {
		text += fmt.Sprintf(" (and %d more)", more)
	}
	failure := hub.Fail(hub.Invalid, Reason, "does not fit schema %s: %s", s.name, text)
	failure.Fields = fields
	return failure
}
