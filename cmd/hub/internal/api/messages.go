package api

import (
	"encoding/json"
	"time"

	"orderhub/hub"
	"orderhub/pipelines/process"
)

// Stored is a message in the store.
type Stored struct {
	Seq         int64           `json:"seq"`
	ID          string          `json:"id"`
	Queue       string          `json:"queue"`
	State       string          `json:"state"`
	Key         string          `json:"key,omitempty"`
	Correlation string          `json:"correlation,omitempty"`
	Time        time.Time       `json:"time"`
	Due         time.Time       `json:"due,omitzero"`
	Why         string          `json:"why,omitempty"` // it waits
	Attempts    int             `json:"attempts"`
	Crashes     int             `json:"crashes,omitempty"`
	Error       *hub.Failure    `json:"error,omitempty"`
	Headers     hub.Headers     `json:"headers,omitempty"`
	Body        json.RawMessage `json:"body,omitempty"` // JSON as it is, anything else as a text
}

// StoredOf is d without headers and body.
func StoredOf(d *hub.Delivery) Stored {
	s := Stored{Seq: d.Seq, Queue: d.Queue, State: d.State.String(), Due: d.Due, Attempts: d.Attempts, Crashes: d.Crashes, Error: d.Error}
	if m := d.Msg; m != nil {
		s.ID, s.Key, s.Correlation, s.Time = m.ID, m.Key, m.Correlation, m.Time
	}
	return s
}

// States of a traced message.
const (
	Done    = "done"
	Moving  = "on its way"
	Dead    = "dead letter"
	Kept    = "kept"    // of a stored message: nobody reads its queue
	Refused = "refused" // it never was a message
)

// Trace is all that is known of a message or an order, over all pipelines.
type Trace struct {
	ID           string          `json:"id"`
	State        string          `json:"state"` // of what is in the store; when nothing is on its way, of the instance
	Roots        []string        `json:"roots"` // the messages from outside that belong together
	Correlations []string        `json:"correlations,omitempty"`
	Events       []TraceEvent    `json:"events"`
	Stored       []Stored        `json:"stored,omitempty"`    // what is still, or dead, in the store, but for timers of the instances
	Refused      []hub.Refusal   `json:"refused,omitempty"`   // of the ID, or of one of the correlations
	Instances    []*process.View `json:"instances,omitempty"` // of processes, with one of the correlations
}

// TraceEvent is a hub.Event as a trace shows it.
type TraceEvent struct {
	Time    time.Time     `json:"time"`
	Took    time.Duration `json:"took_ns,omitempty"`
	Message string        `json:"message"`
	Where   string        `json:"where"`
	Line    string        `json:"line,omitempty"`
	What    string        `json:"what"`
	Detail  string        `json:"detail,omitempty"`
	Links   []string      `json:"-"`
}

// Sent is what became of a message that was sent by hand.
type Sent struct {
	ID    string     `json:"id"`
	Reply *SentReply `json:"reply,omitempty"`
	Trace *Trace     `json:"trace,omitempty"` // with wait
	Quiet *bool      `json:"quiet,omitempty"` // with wait: nothing of it is on its way any more
}

// SentReply is what a pipeline replied.
type SentReply struct {
	Headers hub.Headers     `json:"headers,omitempty"`
	Body    json.RawMessage `json:"body,omitempty"`
}

// DeadGroup are the dead letters of one cause.
type DeadGroup struct {
	Group string    `json:"group"`
	Count int       `json:"count"`
	First time.Time `json:"first"`
	Last  time.Time `json:"last"`
	Where string    `json:"where"`
	Class hub.Class `json:"class,omitempty"`
	Cause string    `json:"cause"` // of the newest
}

// DeadSelection says which dead letters a call is about: some, a group, or all.
type DeadSelection struct {
	Seqs   []int64 `json:"seqs,omitempty"`
	Group  string  `json:"group,omitempty"`
	All    bool    `json:"all,omitempty"`
	DryRun bool    `json:"dry_run,omitempty"`
}

// IsOne tells that exactly one of seqs, group and all is given.
func (s *DeadSelection) IsOne() bool {
	given := 0
	for _, set := range []bool{len(s.Seqs) > 0, s.Group != "", s.All} {
		if set {
			given++
		}
	}
	return given == 1
}

// Settled is what was done with dead letters, or with dry_run would be.
type Settled struct {
	Count  int            `json:"count"`
	DryRun bool           `json:"dry_run,omitempty"`
	Then   map[string]int `json:"then"` // how many failed under which configuration
	Now    string         `json:"now"`  // the configuration that runs
	Queues map[string]int `json:"queues"`
	First  time.Time      `json:"first,omitzero"`
	Last   time.Time      `json:"last,omitzero"`
}

// AuditPage is a part of the audit log: its lines, newest first, or in their order behind ?after=.
type AuditPage struct {
	Lines []string `json:"lines"` // each a record in JSON, exactly as its hash was made
	Head  int64    `json:"head"`  // the number of the last record of the log
}
