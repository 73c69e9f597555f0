// Package mapping is the Message Translator: a tree in the shape of the document to make, with formulas for leaves, compiled against the
// formulas' scope and the target's type, and applied by writing the new document in one pass.
//
// The tree knows no YAML: whoever reads the configuration makes it, and gets its positions back in the errors.
package mapping
