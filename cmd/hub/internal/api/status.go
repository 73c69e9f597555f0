package api

import (
	"slices"
	"time"

	"orderhub/hub/engine"
	"orderhub/hub/store"
	"orderhub/pipelines/graph"
)

// Version is what the binary is.
type Version struct {
	Version  string `json:"version"`
	Commit   string `json:"commit,omitempty"`
	Go       string `json:"go"`
	Language int    `json:"language"` // of the configuration
}

// Status is the state of the whole hub.
type Status struct {
	Name     string                      `json:"name"`
	Config   string                      `json:"config"`
	Revision string                      `json:"revision"` // of the configuration
	Store    string                      `json:"store"`
	Size     store.Size                  `json:"size"`
	Since    time.Time                   `json:"since"`  // start of the hub
	Loaded   time.Time                   `json:"loaded"` // start of this configuration
	URLs     map[string]string           `json:"urls"`
	Stubs    []string                    `json:"stubs"`
	Stages   []Stage                     `json:"stages"`
	Queues   []Queue                     `json:"queues"`
	Counters map[string]map[string]int64 `json:"counters"` // of the steps `count`, by name
	Paused   []Pause                     `json:"paused"`

	Hubs      []Hub                `json:"hubs,omitempty"` // that share the store, this one included
	Processes []ProcessStatus      `json:"processes"`
	Refused   []store.RefusalCount `json:"refused"`        // by source and reason: the ten kinds that came last
	Unkept    int64                `json:"history_unkept"` // messages that passed through, and whose history came faster than the store writes, since this configuration was loaded
	Attention []Attention          `json:"attention"`      // what somebody should look at
	Retention []Retention          `json:"retention"`      // how long the store keeps what
}

// Hub is one of those that share a store: what runs on it, and the queues that it handles. Of one that has not told yet what it runs the version is empty.
type Hub struct {
	Hub      string   `json:"hub"`
	This     bool     `json:"this"` // the one that was asked
	Version  string   `json:"version"`
	Commit   string   `json:"commit,omitempty"`
	Revision string   `json:"revision"` // of the configuration
	Queues   []string `json:"queues"`
}

// Retention is how long something is kept.
type Retention struct {
	Of   string `json:"of"`   // hub, pipeline NAME, process NAME, channel NAME
	What string `json:"what"` // history, dead letters, …
	For  string `json:"for"`  // 30d; or until when
}

// Unread are the queues with messages that no stage reads.
func (s *Status) Unread() []Queue {
	return slices.DeleteFunc(slices.Clone(s.Queues), func(q Queue) bool {
		return slices.ContainsFunc(s.Stages, func(g Stage) bool { return g.Queue == q.Queue })
	})
}

// Stage is a stage that runs.
type Stage struct {
	engine.StageStatus
	Done   int64   `json:"done"`   // runs that went well, since the store was made
	Failed int64   `json:"failed"` // runs that failed, likewise
	Rate   float64 `json:"rate"`   // done per second, in the last minute
	P50    float64 `json:"p50"`    // seconds that a run took, in the last minute: the half took no longer; 0: none ran
	P95    float64 `json:"p95"`
	P99    float64 `json:"p99"`
}

// Queue is what lies in a queue of the store.
type Queue struct {
	store.QueueStats
	Awaiting []Awaiting `json:"awaiting,omitempty"` // what the messages wait for that failed
}

// Awaiting is what some messages of a queue wait for since they failed.
type Awaiting struct {
	For   string    `json:"for"` // the adapter that failed, else the group of the failure
	Count int       `json:"count"`
	Since time.Time `json:"since,omitzero"`
	Next  time.Time `json:"next_try,omitzero"`
	Error string    `json:"error"`
}

// Attention is something that somebody should look at: one cause in one line.
type Attention struct {
	What     string         `json:"what"` // alert, outage, hubs, waiting, unread, stuck, late
	Of       string         `json:"of"`   // adapter billing, queue orders, order W-1
	Since    time.Time      `json:"since,omitzero"`
	Text     string         `json:"text"`
	Waiting  int            `json:"waiting,omitempty"`  // messages that wait for it
	Next     time.Time      `json:"next_try,omitzero"`  // when one of them is tried again
	Do       string         `json:"do,omitempty"`       // the command that helps
	Process  string         `json:"process,omitempty"`  // of stuck and late
	Instance string         `json:"instance,omitempty"` // likewise
	Outage   *engine.Outage `json:"outage,omitempty"`   // of outage
}

// Adapter is an adapter of the configuration, with what is known of its far end.
type Adapter struct {
	Adapter     string         `json:"adapter"`
	Type        string         `json:"type"`
	Line        string         `json:"line"` // file:line
	Operations  []string       `json:"operations,omitempty"`
	URL         string         `json:"url,omitempty"`     // where it serves
	Stub        bool           `json:"stub,omitempty"`    // a stub answers for its far end
	Outage      *engine.Outage `json:"outage,omitempty"`  // nil: it works, as far as is known
	Waiting     int            `json:"waiting,omitempty"` // messages that wait for the end of the outage
	Breaker     string         `json:"breaker,omitempty"` // closed, half-open, open; "": it has none
	Done        int64          `json:"done"`              // calls and sends that went well, since the store was made
	Failed      int64          `json:"failed"`            // likewise
	Rate        float64        `json:"rate"`              // done per second, in the last minute
	P95         float64        `json:"p95"`               // seconds that the far end took, in the last minute
	Lag         int64          `json:"lag"`               // inputs at the far end that are not taken yet
	Certificate time.Time      `json:"certificate_ends,omitzero"`
}

// Silence is how long an alert shall not be told of, as 2h; 0 ends a silence.
type Silence struct {
	For string `json:"for"`
}

// Pause is why a pipeline is paused.
type Pause struct {
	Pipeline string    `json:"pipeline"`
	Reason   string    `json:"reason,omitempty"`
	Since    time.Time `json:"since"`
}

// PauseState is whether a pipeline is paused after a call.
type PauseState struct {
	Pause
	Paused bool `json:"paused"`
}

// Graph is the plan as nodes and edges, with live notes.
type Graph struct {
	*graph.Graph
	Drawn string `json:"drawn,omitempty"` // in the format asked for
}

// Forget says of whom what there is, is erased.
type Forget struct {
	Values []string `json:"values"` // that the person is known by, such as an e-mail address and a customer number
	DryRun bool     `json:"dry_run,omitempty"`
}

// Backup says where a backup is written to, on the hub's machine.
type Backup struct {
	File string `json:"file"` // an absolute path, where nothing is yet
}

// Ready is what `hub run -o json` prints when the hub answers.
type Ready struct {
	Event    string            `json:"event"` // ready
	Version  string            `json:"version"`
	Config   string            `json:"config"`
	Revision string            `json:"revision"` // of the configuration
	Store    string            `json:"store"`
	Control  string            `json:"control"`
	URLs     map[string]string `json:"urls"`          // of the servers, by adapter
	Ops      string            `json:"ops,omitempty"` // where the hub is watched
	Console  string            `json:"console,omitempty"`
	Moved    string            `json:"console_wanted,omitempty"` // the address that the configuration has for the console, and another program uses
	Stubs    []string          `json:"stubs"`                    // adapters that a stub answers
	Stored   []string          `json:"stored"`                   // brokers that the store stands in for
	Took     int64             `json:"ready_ms"`
	Fresh    bool              `json:"-"` // the store's file was made now
}
