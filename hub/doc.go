// Package hub holds the contracts of the order hub: messages, exchanges, units of
// work, steps, adapters and the store. It knows messages, not orders, and imports
// the standard library only. Package engine below it runs what they describe.
//
// The rules that everything follows from (DESIGN.md beside this file):
// the return value is the ack; one unit of work per message; everything that
// happens later is a stored message with a due time; a failed step always
// stops its message; messages are immutable.
package hub
