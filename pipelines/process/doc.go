// Package process is the Process Manager (EIP): long-running flows that are
// stored state machines, declared in the section `processes`.
//
// An instance is one record of the store. Everything that happens to it (a
// start, an event, a timer, the answer of a person, the next step) is a stored
// message of the process's one queue, handled by machine.Process; each change
// of the record is one unit of work together with what it sends. Calls are made
// outside of any unit: their results are stored before the next step begins, and
// their Idempotency-Keys are derived from instance, visit and step.
//
// DESIGN.md beside this file tells the decisions, README.md the language.
package process
