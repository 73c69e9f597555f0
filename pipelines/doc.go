// Package pipelines is the language: it loads a configuration into a Plan with
// positions, reports every problem at once, compiles pipelines of patterns
// into the hub's stages, and opens them. `hub validate`, `run`, `graph` and
// the docs use this one loader.
//
// Each pattern is a package below this one; cmd/hub lists them in a Registry.
package pipelines
