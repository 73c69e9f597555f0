package mapping

import "orderhub/hub/doc"

// The keys that have a meaning in a mapping, as the configuration writes them.
const (
	KeyEach  = "$each"  // one entry for each element of a list; the keys beside it are the entry
	KeyWhen  = "$when"  // leaves the entry, the item or the field out when it is false
	KeyValue = "$value" // beside $each or $when: the value itself, instead of an object of the other keys
)

// The names that formulas under $each may use.
const (
	NameIt    = "it"    // the element
	NameIndex = "index" // its number, from 0
	NameOuter = "outer" // inside another $each: the element of the enclosing one
)

// Kind says what a Tree makes.
type Kind uint8

// The kinds of trees.
const (
	Object  Kind = iota // Fields, or Value alone
	Array               // Items
	Formula             // Formula
	Literal             // Literal
	Each                // a list: Value, or an object of Fields, for each element of the list that the formula Each gives
)

// Tree is a part of the document to make.
type Tree struct {
	Pos     any // where it stands; opaque, handed back in errors
	Kind    Kind
	Fields  []Field // Object, Each
	Items   []*Tree // Array
	Formula string  // without the =
	Literal doc.Value
	Each    string // formula
	EachPos any
	Value   *Tree  // Object, Each: the value or the entry itself, instead of Fields
	When    string // formula; "": always. Of an Each it is asked for each element
	WhenPos any
}

// Field is a field of the object to make.
type Field struct {
	Name    string
	NamePos any
	Tree    *Tree
}
