// Package scenario runs the tests of a configuration: what comes in, how time
// goes by, and what must have happened. The hub is the real one, over a store
// in memory, on virtual time, one message at a time; all that is outside of it
// is played. Under chaos a test is run again with a crash at each place where
// one can happen, with every message twice, and in other orders: the end must be the same.
package scenario

import _ "embed"

// Readme is the documentation of the language of tests.
//
//go:embed README.md
var Readme string
