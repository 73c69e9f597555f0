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
	Hub         string          `json:"hub,omitempty"` // that has it, where several were asked
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
	Traces       []string        `json:"traces,omitempty"` // of W3C Trace Context, that its events belong to
	Events       []TraceEvent    `json:"events"`
	Stored       []Stored        `json:"stored,omitempty"`    // what is still, or dead, in the store, but for timers of the instances
	Refused      []hub.Refusal   `json:"refused,omitempty"`   // of the ID, or of one of the correlations
	Instances    []*process.View `json:"instances,omitempty"` // of processes, with one of the correlations
	Unasked      []Unasked       `json:"unasked,omitempty"`   // other hubs that did not answer: what they know is missing
}

// Last is the ID that stands for the newest message from outside.
const Last = "last"

// Unasked is a hub that a trace was not asked of, and why.
type Unasked struct {
	Hub string `json:"hub,omitempty"` // "": all
	Why string `json:"why"`
}

// TraceEvent is a hub.Event as a trace shows it, with the span that it happened in.
type TraceEvent struct {
	Time    time.Time     `json:"time"`
	Hub     string        `json:"hub,omitempty"` // where it happened, where several were asked
	Took    time.Duration `json:"took_ns,omitempty"`
	Message string        `json:"message"`
	Where   string        `json:"where"`
	Line    string        `json:"line,omitempty"`
	What    string        `json:"what"`
	Detail  string        `json:"detail,omitempty"`
	Trace   string        `json:"trace,omitempty"`
	Span    string        `json:"span,omitempty"`
	Parent  string        `json:"parent,omitempty"`  // "": the trace begins here
	Answers []Answer      `json:"answers,omitempty"` // what its calls were answered, likewise
	Body    *StepBody     `json:"step,omitempty"`    // what the step did to the body, where that is asked for, and was kept
}

// StepBody is the body before and after a step.
type StepBody struct {
	Before  json.RawMessage `json:"before,omitempty"`
	After   json.RawMessage `json:"after,omitempty"` // left out: the step failed
	Changes *Changes        `json:"changes,omitempty"`
}

// Answer is what a call was answered.
type Answer struct {
	Status  string          `json:"status,omitempty"`
	Headers hub.Headers     `json:"headers,omitempty"`
	Body    json.RawMessage `json:"body,omitempty"`
	Asked   Asking          `json:"request"`
}

// Asking is what it was asked.
type Asking struct {
	Body json.RawMessage `json:"body,omitempty"`
}

// Changes are the parts of a body that a step changed: fields of objects, elements of lists by their positions.
type Changes struct {
	Before json.RawMessage `json:"before,omitempty"`
	After  json.RawMessage `json:"after,omitempty"`
}

// EventOf is how an event in a span is shown.
func EventOf(e *hub.Event, s *hub.Span) TraceEvent {
	out := TraceEvent{Time: e.Time, Took: e.Took, Message: e.Message, Where: e.Where, Line: e.Line, What: e.What, Detail: e.Detail}
	if s.TraceContext.Span != (hub.SpanID{}) {
		out.Trace, out.Span = s.Trace.String(), s.TraceContext.Span.String()
	}
	if s.Parent != (hub.SpanID{}) {
		out.Parent = s.Parent.String()
	}
	return out
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
	Line  string    `json:"line,omitempty"` // file:line of that place
	Class hub.Class `json:"class,omitempty"`
	Cause string    `json:"cause"` // of the newest
}

// DeadSelection says which dead letters a call is about: some, all, or those of which all holds that is said.
type DeadSelection struct {
	Seqs     []int64   `json:"seqs,omitempty"`
	All      bool      `json:"all,omitempty"`
	Group    string    `json:"group,omitempty"`
	Cause    string    `json:"cause,omitempty"`    // a part of the error's text, its class, or its reason
	Pipeline string    `json:"pipeline,omitempty"` // or a process
	Partner  string    `json:"partner,omitempty"`  // the adapter that was asked, or sent to
	Since    time.Time `json:"since,omitzero"`     // died then, or later
	Until    time.Time `json:"until,omitzero"`     // died before
	Match    string    `json:"match,omitempty"`    // a condition
	After    int64     `json:"after,omitempty"`    // behind this sequence number
	Limit    int       `json:"limit,omitempty"`    // how many; one call does 500 at most
	DryRun   bool      `json:"dry_run,omitempty"`
}

// IsOne tells that exactly one of seqs, all and a choice by what they are is given.
func (s *DeadSelection) IsOne() bool {
	chosen := s.Group+s.Cause+s.Pipeline+s.Partner+s.Match != "" || !s.Since.IsZero()
	given := 0
	for _, set := range []bool{len(s.Seqs) > 0, s.All, chosen} {
		if set {
			given++
		}
	}
	return given == 1
}

// Replay is what somebody asks of dead letters: to run them again, mended if it is said how.
type Replay struct {
	DeadSelection
	Set  map[string]string `json:"set,omitempty"`  // paths in the body, and their values
	Body *string           `json:"body,omitempty"` // another body; of one message
	From string            `json:"from,omitempty"` // the step to begin at
	Try  bool              `json:"try,omitempty"`  // with dry_run: run them on a copy, to see what they would lead to
}

// Settled is what was done with dead letters, or with dry_run would be.
type Settled struct {
	Count  int            `json:"count"`
	DryRun bool           `json:"dry_run,omitempty"`
	Next   int64          `json:"next,omitempty"` // there may be more behind this one: go on with it as after
	Left   int            `json:"left"`           // dead letters of the hub after it; with dry_run 0
	Then   map[string]int `json:"then"`           // how many failed under which configuration
	Now    string         `json:"now"`            // the configuration that runs
	Queues map[string]int `json:"queues"`
	First  time.Time      `json:"first,omitzero"`
	Last   time.Time      `json:"last,omitzero"`
	Trial  *Trial         `json:"trial,omitempty"` // with try
	Asked
}

// Trial is what dead letters would lead to, as a run on a copy tells, which reaches nobody.
type Trial struct {
	Config  string         `json:"config"` // the configuration in the file, which they were tried with
	Tried   int            `json:"tried"`
	Succeed int            `json:"succeed"` // all their steps ran
	Ask     int            `json:"ask"`     // they got as far as a call, whose answer nobody can know
	Fail    []TrialFailure `json:"fail"`
	Effects map[string]int `json:"effects"` // messages onto channels and to adapters, and calls
}

// Failing is how many of them would fail again.
func (t *Trial) Failing() int { return t.Tried - t.Succeed - t.Ask }

// TrialFailure is why some of them would fail again.
type TrialFailure struct {
	Why   string `json:"why"`
	Count int    `json:"count"`
	Seq   int64  `json:"seq"` // the first
}

// AuditPage is a part of the audit log: its lines, newest first, or in their order behind ?after=.
type AuditPage struct {
	Lines []string `json:"lines"` // each a record in JSON, exactly as its hash was made
	Head  int64    `json:"head"`  // the number of the last record of the log
}
