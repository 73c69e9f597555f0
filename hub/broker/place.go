package broker

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"orderhub/hub"
)

// Mistake is what is wrong in the words of a configuration, and what to write instead.
type Mistake struct{ Message, Help string }

func (m *Mistake) Error() string { return m.Message + ": " + m.Help }

// Wrong makes a Mistake.
func Wrong(help, format string, args ...any) error {
	return &Mistake{Message: fmt.Sprintf(format, args...), Help: help}
}

// A Parser reads the text behind an adapter's name: a place, which messages come from or go to. Its errors are Mistakes.
type Parser[P any] func(text string) (P, error)

// Check finds what is wrong in a text.
func (parse Parser[P]) Check(text string) []hub.FieldFault {
	_, err := parse(text)
	return mistaken("", "", err)
}

// CheckOps finds what is wrong in the operations of a configuration, each of which names the place that takes its requests.
func (parse Parser[P]) CheckOps(ops map[string]string) (faults []hub.FieldFault) {
	for _, name := range slices.Sorted(maps.Keys(ops)) {
		_, err := parse(ops[name])
		faults = append(faults, mistaken("ops."+name, fmt.Sprintf("op %q: ", name), err)...)
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

func mistaken(path, prefix string, err error) []hub.FieldFault {
	if m, ok := errors.AsType[*Mistake](err); ok {
		return []hub.FieldFault{{Path: path, Message: prefix + m.Message, Help: m.Help}}
	}
	return nil
}
