// Package schema checks documents against JSON Schemas (2020-12 by default), and makes the types that formulas are checked against.
//
// One authority decides: github.com/santhosh-tekuri/jsonschema. Before it stands a check that is compiled from the same schema, runs over the
// document as it is and is many times faster; it can only say "certainly valid". Whatever it is not sure of goes to the library, which also makes
// all error texts. A test with generated schemas and documents proves that the two agree.
//
// Schemas come from one folder: nothing is fetched from a network or from outside of it.
package schema
