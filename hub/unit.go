package hub

import (
	"errors"
	"fmt"
	"sync/atomic"
	"time"
)

// Unit is one unit of work: all that handling one message changes in the
// store. It is committed once, all or nothing (store.Store).
type Unit struct {
	Input       *Delivery // the stored message that is consumed; nil for a message from outside
	Finish      Finish    // what becomes of Input
	Inbox       string    // create-only key of a message from outside; there already: ErrDuplicate
	Settles     []Settle  // dead letters that are replayed or dropped; one that is none any more: ErrConflict
	Puts        []Put     // messages to queues of the hub
	Writes      []Write   // records, with optimistic versions
	Adds        []Add     // counters: commutative, never a conflict
	Sends       []Send    // messages to targets outside: published after the checks, or through the outbox
	History     []Event
	Keep        time.Duration // how long History is kept; 0: as long as the store keeps what says nothing (store.Retention)
	Terms       []int64       // what History is found by besides: keyed hashes of values, each once
	Past        []*Unit       // units without effects, which are done: their history alone is kept, in rows of their own
	Refused     []Refusal     // what the hub did not take; see store.MaxRefusals for how many are kept
	Erases      []int64       // rows of history and refusals, by their numbers, that are deleted with all that they are found by; what is gone already is no error
	Reply       *Message      // what a request-reply source answers once the unit is durable; set by `reply`
	Correlation string        // what History is found by; set from the message by the stage
	Root        string        // the root message ID, likewise
	Span        Span          // the run of a stage that the unit belongs to, likewise

	held  []int        // stripes that are locked until the unit is settled: see Exchange.Serialize
	work  *work        // shared with forks
	acted *atomic.Bool // likewise: see Exchange.Acted; nil: nothing was done yet

	up      *Unit // of a fork: the writes of the unit it was forked from, read-only
	view    *Unit // what forks see of this unit
	index   map[recordName]int
	indexed int // how many of Writes are in index
}

// Effects tells whether the unit changes the store. History alone is no effect.
func (u *Unit) Effects() bool {
	return u.Input != nil || len(u.Settles)+len(u.Puts)+len(u.Writes)+len(u.Adds)+len(u.Erases) > 0
}

func (u *Unit) add(o *Unit) {
	u.Puts = append(u.Puts, o.Puts...)
	for _, w := range o.Writes {
		u.write(w)
	}
	u.Adds = append(u.Adds, o.Adds...)
	u.Sends = append(u.Sends, o.Sends...)
	u.History = append(u.History, o.History...)
	u.Refused = append(u.Refused, o.Refused...)
	u.Span.Links = append(u.Span.Links, o.Span.Links...)
}

// Finish says what becomes of a unit's input.
type Finish struct {
	State State     // Done (the zero value) deletes the row
	Due   time.Time // Waiting: when it is to run again
	Tried bool      // Waiting, Dead: the attempt counts
	Error *Failure  // Waiting, Dead: why
	Await string    // Waiting: the part of the hub (an adapter) that failed; the message may run as soon as it is well: see store.Admin
}

// Failure is the stored form of an error: why a message waits or is dead.
type Failure struct {
	Class   Class     `json:"class"`
	Reason  string    `json:"reason"`
	Where   string    `json:"where"`
	Line    string    `json:"line,omitempty"` // file:line of that place
	Message string    `json:"message"`
	Time    time.Time `json:"time"`
	Since   time.Time `json:"since,omitzero"`   // when it first failed so, without anything else in between
	Times   int       `json:"times,omitempty"`  // how often, this one included
	Cause   string    `json:"cause"`            // what dead letters are grouped by: class, place and message without its values
	Config  string    `json:"config,omitempty"` // version of the configuration it failed under
	First   *Failure  `json:"first,omitempty"`  // what was being handled when this came up, without Time, Cause and Config
}

// MaxText bounds the text of a stored error, in bytes.
const MaxText = 2000

// Text is the message with all that led to it, for people.
func (f *Failure) Text() string { return f.Err().Chain(MaxText) }

// Err is the error again, as far as it is stored.
func (f *Failure) Err() *Error {
	e := &Error{Class: f.Class, Reason: f.Reason, Where: f.Where, Line: f.Line, Err: errors.New(f.Message)}
	if f.First != nil {
		e.Cause = f.First.Err()
	}
	return e
}

// RetriedText says what was met again and again, and is kept as a count.
func RetriedText(times int, since, last time.Time, text string) string {
	return fmt.Sprintf("failed %d times since %s, last %s: %s", times, since.UTC().Format(time.TimeOnly), last.UTC().Format(time.TimeOnly), text)
}

// State is where a stored message stands.
type State uint8

const (
	Done    State = iota // no row
	Ready                // to be claimed, in sequence order
	Waiting              // to be claimed from its due time on
	Held                 // behind a waiting message of the same key
	Dead                 // a dead letter: kept until replayed or dropped
)

func (s State) String() string {
	return [...]string{"done", "ready", "waiting", "held", "dead"}[s]
}

// Delivery is a stored message, claimed by this hub.
type Delivery struct {
	Seq      int64 // position in the store: the order of a queue
	Queue    string
	State    State
	Due      time.Time
	Await    string // of a waiting one that failed: the part of the hub that it waits for; "": none is known
	Attempts int    // failed runs that counted
	Crashes  int    // unclean stops during which it was running
	Name     string
	Msg      *Message
	Vars     Vars
	Error    *Failure
	Epoch    int64 // fencing: the claim that owns it
}

// Settle is the end of a dead letter: it is ready again in its old place, with no attempts, or it is dropped.
type Settle struct {
	Seq    int64
	Replay bool
}

// Put is a message for a queue of the hub. A queue is a direct channel, one
// subscription of a topic, the continuation of a pipeline, a timer's address, or an outbox.
type Put struct {
	Queue  string
	Msg    *Message
	Vars   Vars      // variables that go with a continuation
	Due    time.Time // zero: now
	Error  *Failure  // set: the message is put as a dead letter (or, with Due, as a retry)
	Tries  int       // attempts already used
	Await  string    // with Due: as in Finish
	Name   string    // optional unique name in the queue: a later Put of the same name replaces it, Cancel drops it
	Cancel bool      // drop the message Name instead; no error if there is none
	Wake   bool      // let the message Name, if it waits, be due now instead; no error if there is none
}

// Adds tells whether p brings a message.
func (p *Put) Adds() bool { return !p.Cancel && !p.Wake }

// Write sets, replaces or deletes a record.
type Write struct {
	Kind, Key string
	Value     []byte    // nil: delete
	IfVersion int64     // 0: must not exist; AnyVersion: no check; else must be this version
	Expires   time.Time // zero: never
	Version   int64     // set by Commit: the record's new version; 0 where the store does not tell, as one that other hubs use
}

// AnyVersion switches the version check of a Write off.
const AnyVersion = -1

// Add adds Delta to the counter Kind/Key, made on demand.
type Add struct {
	Kind, Key string
	Delta     int64
}

// Send is a message for a target outside. Queue is the outbox that carries it
// when the unit has store effects: "@adapter argument".
type Send struct {
	Queue  string
	Target Target
	Msg    *Message
}

// Event is one line of a message's history.
type Event struct {
	Time    time.Time     `json:"t"`
	Took    time.Duration `json:"took,omitempty"` // nanoseconds
	Message string        `json:"id"`
	Where   string        `json:"where"`            // pipeline/step
	Line    string        `json:"line,omitempty"`   // file:line
	What    string        `json:"what"`             // received, mapped, valid, called, chose, sent, replied, failed, ...
	Detail  string        `json:"detail,omitempty"` // for people; no bodies, no secrets
	Links   []string      `json:"links,omitempty"`  // other root IDs that came together here
	Asked   string        `json:"-"`                // of a call over HTTP: see HeaderAsked; an Observer is told of it, the history does not have it
	Status  string        `json:"-"`                // likewise, the status of the answer; "": there was none
}
