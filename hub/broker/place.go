package broker

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"orderhub/hub"
)

// Wrong is the error of words in a configuration that mean nothing: a FieldFault of the field that they stand in.
func Wrong(help, format string, args ...any) error {
	return hub.FieldFault{Message: fmt.Sprintf(format, args...), Help: help}
}

// A Parser reads the text behind an adapter's name: a place, which messages come from or go to. Its errors are made by Wrong.
type Parser[P any] func(text string) (P, error)

// Check finds what is wrong in a text.
func (parse Parser[P]) Check(text string) []hub.FieldFault {
	_, err := parse(text)
	if f, wrong := errors.AsType[hub.FieldFault](err); wrong {
		return []hub.FieldFault{f}
	}
	return nil
}

// CheckOps finds what is wrong in the operations of a configuration, each of which names the place that takes its requests.
func (parse Parser[P]) CheckOps(ops map[string]string) (faults hub.FieldFaults) {
	for _, name := range slices.Sorted(maps.Keys(ops)) {
		for _, f := range parse.Check(ops[name]) {
			faults.Add("ops."+name, f.Help, "op %q: %s", name, f.Message)
		}
	}
	return faults
}

// Op finds the place of an operation: that of ops, else what the operation is called.
func (parse Parser[P]) Op(ops map[string]string, op string) (P, error) {
	text, named := ops[op]
	if !named {
		text = op
	}
	p, err := parse(text)
	if err != nil {
		return p, fmt.Errorf("op %q: %w", op, err)
	}
	return p, nil
}
