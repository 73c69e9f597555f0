// Package csv reads CSV rows as documents and writes documents as CSV rows, both as streams: memory does not grow with the file.
//
// A row is an object with one string field for each column; the header row gives the names. A record that cannot be read is a *RowError, and
// the reader goes on with the next one. Nothing is guessed: no value is trimmed, turned into a number or filled in.
//
// The reader is its own, not encoding/csv: that one keeps NUL, has no limit for a field, and reads the whole rest of a file into memory when a
// quote is not closed.
package csv
