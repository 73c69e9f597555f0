// Package store keeps all that must survive: messages, records, counters and
// history. Open gives the embedded SQLite store, one in PostgreSQL that several
// hubs share, or one in memory for tests. DESIGN.md beside this file has the
// decisions; hub.Store has the duties.
package store
