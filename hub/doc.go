// Package hub holds the contracts of the order hub: messages, exchanges, units of
// work, steps and adapters. It knows messages, not orders, and imports the standard
// library only. Below it package engine runs what they describe, package store is
// the contract of the store, and package broker has what the adapters of message
// brokers share.
//
// The rules that everything follows from (DESIGN.md beside this file):
// the return value is the ack; one unit of work per message; everything that
// happens later is a stored message with a due time; a failed step always
// stops its message; messages are immutable.
package hub
