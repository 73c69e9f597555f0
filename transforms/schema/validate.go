package schema

import (
	"errors"
	"fmt"

	"orderhub/hub"
	"orderhub/hub/doc"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

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
		at := pointer(f.tokens)
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
