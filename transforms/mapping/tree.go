// Package mapping is target-shaped translation: a tree in the shape of the
// target, with formulas and literals at its leaves, compiled once and written
// straight to bytes and tape.
package mapping

import "orderhub/hub/doc"

// Kind says what a tree node makes.
type Kind uint8

// The kinds.
const (
	Object Kind = iota
	Array
	Formula
	Literal
	Each // one entry per element of a list
)

// Tree is a node of the target's shape. Pos is the caller's own place, handed back in errors.
type Tree struct {
	Pos     any
	Kind    Kind
	Fields  []Field   // Object, Each: the entry's fields
	Items   []*Tree   // Array
	Formula string    // Formula
	Literal doc.Value // Literal
	Each    string    // Each: formula of the list
	EachPos any
	When    string // Object, Each: condition; the value is left out when it does not hold
	WhenPos any
	Value   *Tree // Each: the entry instead of Fields
}

// Field is a field of an object.
type Field struct {
	Name    string
	NamePos any
	Tree    *Tree
}

// Error is a fault found while compiling: of a formula (Offset and Length are
// bytes of its text), or of the output against the target's shape.
type Error struct {
	Pos            any
	Offset, Length int
	Message, Help  string
}

// RunError is a formula's error while mapping; Pos is the leaf.
type RunError struct {
	Pos any
	Err error
}

func (e *RunError) Error() string { return e.Err.Error() }
func (e *RunError) Unwrap() error { return e.Err }
