package api

import "time"

// Found is what a search found, the newest first.
type Found struct {
	Hits   []Hit  `json:"hits"`
	Next   int64  `json:"next,omitempty"`   // number to page on from (before); 0: there is nothing more
	Cut    bool   `json:"cut,omitempty"`    // there is, or may be, more than was asked for
	Looked string `json:"looked,omitempty"` // how far, where no index tells; "": the index knows all
}

// Lines are the hits.
func (f *Found) Lines() any { return f.Hits }

// Hit is one order or message that a search found, and where.
type Hit struct {
	Time  time.Time `json:"time,omitzero"`
	Order string    `json:"order,omitempty"`
	ID    string    `json:"id,omitempty"` // of the message
	Kind  string    `json:"kind"`         // history, message, dead letter, refused, process, table
	Where string    `json:"where"`
	What  string    `json:"what"`
	Do    string    `json:"do"` // the command that shows more
}
