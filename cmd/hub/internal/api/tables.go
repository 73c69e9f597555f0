package api

import "encoding/json"

// TableStatus is a table with how many rows it has.
type TableStatus struct {
	Table string `json:"table"`
	Rows  int    `json:"rows"`
	More  bool   `json:"more,omitempty"` // there are more than were counted
}

// TableRow is a row of a table.
type TableRow struct {
	Key  string          `json:"key"`
	Body json.RawMessage `json:"body"`
}

// TableRows is a page of the rows of a table, by their keys.
type TableRows struct {
	Rows []TableRow `json:"rows"`
	Next string     `json:"next,omitempty"` // key to page on from; "": there are no more
	Asked
}

// Lines are the rows.
func (p *TableRows) Lines() any { return p.Rows }
