// Package engine runs the stages of pipelines over a store: it takes messages from
// sources and queues, runs the steps, commits their units of work, and decides what
// becomes of a message that fails.
//
// A Runtime has a dispatcher for each stage. It claims stored messages and hands them
// to lanes; a feed runs the source of a stage from outside. Both end in Runtime.run,
// which handles one message: steps, commit, and for errors the reaction. Health knows
// which far ends fail, and wakes what waits for them.
package engine
