package api

import (
	"cmp"

	"orderhub/hub"
)

// Channel is a queue of the store: of a channel, of a part of a pipeline, of an outbox.
type Channel struct {
	Queue
	Type   string `json:"type,omitempty"`   // of a channel of the configuration: direct, topic, fanout, headers
	Reader string `json:"reader,omitempty"` // the pipeline that reads it, or of an outbox the adapter; "": nobody
	Paused string `json:"paused,omitempty"` // the reader is, and why
	Bytes  int64  `json:"bytes"`            // of the bodies; of more than 100 messages at the mean of the first 100
}

// ChannelPage is a page of the messages of a queue, the oldest first.
type ChannelPage struct {
	Messages []Stored `json:"messages"`
	Next     int64    `json:"next,omitempty"` // sequence number to page on from; 0: there are no more
	Asked
}

// Lines are the messages.
func (p *ChannelPage) Lines() any { return p.Messages }

// Asked counts what a formula could not be asked about: it is not selected.
type Asked struct {
	Unclear int    `json:"unclear,omitempty"`
	Why     string `json:"why_unclear,omitempty"` // of the first
}

// Selection says which messages of a queue a call is about: some, or those that match and are old enough. A call takes a
// portion of them, and says where to go on.
type Selection struct {
	IDs   []string `json:"ids,omitempty"`   // sequence numbers, or IDs of messages
	All   bool     `json:"all,omitempty"`   // all; or, narrower:
	Match string   `json:"match,omitempty"` // formula over body, headers, id, key, ...
	Older string   `json:"older,omitempty"` // a time, such as 2d: since when they are there
	After int64    `json:"after,omitempty"` // sequence numbers: behind this one,
	Until int64    `json:"until,omitempty"` // up to this one
}

// IsOne tells that either messages are named, or it is said which ones.
func (s *Selection) IsOne() bool {
	return (len(s.IDs) > 0) != (s.All || s.Match != "" || s.Older != "")
}

// ChannelChange asks for messages of a queue to be moved, and mended on the way, or to be deleted.
type ChannelChange struct {
	Selection
	DryRun bool              `json:"dry_run,omitempty"`
	To     string            `json:"to,omitempty"`   // a channel or a pipeline
	Set    map[string]string `json:"set,omitempty"`  // values by their path: JSON, or a text
	Body   *string           `json:"body,omitempty"` // instead of the message's own
}

// ChannelChanged is what was done with messages of a queue, or with dry_run would be.
type ChannelChanged struct {
	Count  int            `json:"count"`
	Busy   int            `json:"busy,omitempty"` // left, since they are being handled
	Queues map[string]int `json:"queues"`         // that they were moved to
	Last   int64          `json:"last,omitempty"` // sequence number of the last one
	Next   int64          `json:"next,omitempty"` // where the next portion begins; 0: there is none
	DryRun bool           `json:"dry_run,omitempty"`
	Asked
}

// Did notes what was done with a message by its unit.
func (s *ChannelChanged) Did(seq int64, u *hub.Unit) {
	s.Count++
	s.Last = seq
	for _, p := range u.Puts {
		s.Queues[p.Queue]++
	}
}

// Add adds what was done with the next portion.
func (s *ChannelChanged) Add(o *ChannelChanged) {
	if s.Queues == nil {
		s.Queues = map[string]int{}
	}
	s.Count, s.Busy, s.Last, s.Unclear = s.Count+o.Count, s.Busy+o.Busy, max(s.Last, o.Last), s.Unclear+o.Unclear
	for q, n := range o.Queues {
		s.Queues[q] += n
	}
	s.Asked.Why = cmp.Or(s.Asked.Why, o.Asked.Why)
}
