// Package doc holds the decoded document and exact decimals.
//
// A document is a tape: one validating scan of the JSON text fills one slice of nodes, each with its kind, its span in the text and the place
// after its subtree. Nothing is copied: strings without escapes are views of the text, numbers keep their digits, and a copied field is copied
// as bytes.
//
// A Value is any value in the hub: a node of a tape, or a computed scalar, list or object. Values are immutable and safe for concurrent
// readers. A Value keeps the text of its document alive.
//
// All numbers are Decimals, exact: 0.1 + 0.2 is 0.3, 3 * 5.20 is 15.60, and no number ever becomes a float on its way through.
//
// The package imports the standard library only.
package doc
