// Package yamlfile reads YAML that people write: every value knows the file, line and column it came from, every
// fault is a Problem that says what to write instead, and all problems of a run are found at once.
//
// The flow: NewLoader, Loader.ReadFile, then walk the Node tree (Get, Entries, Items) or fill structs (Decode); each
// fault lands in Loader.Problems, which prints itself for people, machines and GitHub.
//
// ${NAME}, ${NAME:-default} and secret:name are resolved when a scalar is read, on the parsed node: no value can
// inject YAML or turn a literal into a formula. Values of secrets are never printed.
//
// Columns count runes from 1. Nothing here is safe for use by several goroutines at once.
package yamlfile
