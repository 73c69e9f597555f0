// Package instance is one run of a process as its record holds it: where its tokens stand, its variables, what can be
// compensated, and the events that came too early. It is data and its stored form; package process changes it.
package instance

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"orderhub/hub"
	"orderhub/hub/doc"
)

// Phase is what a token does in its state.
type Phase string

const (
	Running Phase = "running" // steps are left; exactly one message of the queue drives it
	Waiting Phase = "waiting" // for an event, a timer or a person
	Forked  Phase = "forked"  // its branches run; it goes on when all are done
	Done    Phase = "done"    // a branch that reached its end
	Failed  Phase = "failed"  // a step failed for good: a dead letter drives it again when it is replayed
	Stopped Phase = "stopped" // it is left; others of the branches around it still run a step
)

// Instance is one run of a process.
type Instance struct {
	ID                string
	Def               string // hash of the definition it runs on; "": it has not started, and only keeps early events
	Version           int
	By                int64  // sequence number of the message that started it
	Trace, TraceState string // headers of the run that started it: what the instance makes belongs to that trace
	Started           time.Time
	Changed           time.Time
	Closed            time.Time
	Tokens            []*Token // open places; the first is the root
	Vars              hub.Vars // data and results
	Effects           []Effect // of finished steps that can be compensated, oldest first
	Early             []Event  // events that no state took yet
	Taken             []string // IDs of events that were taken, the newest last
	Seen              []Seen   // states in the order they were first entered
	Leave             *Leave
	Handled           []string // events of the whole process that led somewhere

	Record int64 // version of its record; 0: there is none
	tokens int   // IDs given out
}

// Token is a place of an instance: the root, or a branch of a parallel state.
type Token struct {
	ID      int
	Up      int    // ID of the token whose branch it is; -1: it is the root
	Branch  string // name of the branch, or the number of the item
	State   string
	Visit   int // how many states it has entered
	Since   time.Time
	Minute  time.Time // since when Entered counts
	Entered int       // states, in that minute
	Step    int       // the next step of the state; behind them: its branches, its task, its rules
	Phase   Phase
	Run     int   // of the message that drives it
	By      int64 // sequence number of that message, when it is not a `drive` of its own
	Tries   int
	Due     time.Time // it waits for another try
	Doubt   bool      // a try may have had its effect, though no answer came
	Error   *Problem
	Timers  []time.Time // when each timer of the state falls due; zero: it has fired
	Task    *Task
	Vars    hub.Vars // of an item's branch; nil: it is none

	// What follows belongs to the turn at hand, and is not stored.

	Runnable bool // it is to go on in this turn, or to get a driver
	Arrived  bool // it came to its step in this turn: nobody can have run that step
	Deferred bool // it failed in a turn that does not drive it: its driver will meet the same
}

// Effect is a finished step that can be compensated.
type Effect struct {
	Where string // the step
	State string
	Visit string   // message ID of the visit: its calls' Idempotency-Keys descend from it
	Doubt bool     // it is not known whether the step had its effect: it is asked again first
	Vars  hub.Vars // its result, and its items; with Doubt all variables as the step saw them
}

// Event is something that happened, told by a `signal`.
type Event struct {
	ID, Name string
	Data     doc.Value
	Time     time.Time
}

// Seen is the first time of a state.
type Seen struct {
	State string    `json:"state"`
	Time  time.Time `json:"time"`
}

// Leave is a transition that waits until the running steps below its token have their results.
type Leave struct {
	Token int
	To    string
}

// Task is an open human task.
type Task struct {
	ID      string    `json:"id"`
	Group   string    `json:"group"`
	Due     time.Time `json:"due,omitzero"`
	Undoing bool      `json:"undoing,omitempty"` // a compensation that can't succeed
}

// Root is the instance's own place; nil: it has not started.
func (in *Instance) Root() *Token {
	if len(in.Tokens) == 0 {
		return nil
	}
	return in.Tokens[0]
}

// Token finds a token; nil: it is gone.
func (in *Instance) Token(id int) *Token {
	for _, t := range in.Tokens {
		if t.ID == id {
			return t
		}
	}
	return nil
}

// Open tells that the instance has started and has not ended.
func (in *Instance) Open() bool { return len(in.Tokens) > 0 && in.Closed.IsZero() }

// Spawn adds a token below up; nil: the root.
func (in *Instance) Spawn(up *Token, branch string) *Token {
	t := &Token{ID: in.tokens, Up: -1, Branch: branch}
	if up != nil {
		t.Up = up.ID
	}
	in.tokens++
	in.Tokens = append(in.Tokens, t)
	return t
}

// Remove takes tokens out.
func (in *Instance) Remove(gone []*Token) {
	in.Tokens = slices.DeleteFunc(in.Tokens, func(t *Token) bool { return slices.Contains(gone, t) })
}

// Below are t and the tokens of its branches, at any depth. A branch stands behind the token that it belongs to.
func (in *Instance) Below(t *Token) []*Token {
	out := []*Token{t}
	for _, c := range in.Tokens {
		if c.Up >= 0 && slices.ContainsFunc(out, func(o *Token) bool { return o.ID == c.Up }) {
			out = append(out, c)
		}
	}
	return out
}

// Children are the tokens of the branches of t.
func (in *Instance) Children(t *Token) []*Token {
	var out []*Token
	for _, c := range in.Tokens {
		if c.Up == t.ID {
			out = append(out, c)
		}
	}
	return out
}

// Variables are what formulas of t see: the instance's, and those of the item branches around t.
func (in *Instance) Variables(t *Token) hub.Vars { return in.WithItems(t, in.Vars) }

// WithItems is v with the variables of the item branches around t.
func (in *Instance) WithItems(t *Token, v hub.Vars) hub.Vars {
	if t.Up < 0 {
		return v
	}
	v = in.WithItems(in.Token(t.Up), v)
	for _, l := range t.Vars {
		v = v.With(l.Name, l.Value)
	}
	return v
}

// Set gives a variable its value: that of the item branch around t, if it may belong to one, else that of the instance.
func (in *Instance) Set(t *Token, item bool, name string, v doc.Value) {
	for ; item && t.Up >= 0; t = in.Token(t.Up) {
		if t.Vars != nil {
			t.Vars = t.Vars.With(name, v)
			return
		}
	}
	in.Vars = in.Vars.With(name, v)
}

// Entered tells whether the state was entered ever.
func (in *Instance) Entered(state string) bool {
	return slices.ContainsFunc(in.Seen, func(s Seen) bool { return s.State == state })
}

// VisitID is the message ID of what t does in its state: instance, the branches, and the visit's number.
func (in *Instance) VisitID(process string, t *Token) string {
	path := ""
	for c := t; c.Up >= 0; {
		up := in.Token(c.Up)
		path = fmt.Sprintf("/%d.%s%s", up.Visit, c.Branch, path)
		c = up
	}
	return fmt.Sprintf("%s:%s%s/%d", process, in.ID, path, t.Visit)
}

// Clone is a copy that can be changed; values are shared, since they never are. It begins a turn.
func (in *Instance) Clone() *Instance {
	c := *in
	c.Tokens = make([]*Token, len(in.Tokens))
	for i, t := range in.Tokens {
		k := *t
		k.Runnable, k.Arrived, k.Deferred = false, false, false
		k.Timers, k.Task = slices.Clone(t.Timers), clone(t.Task)
		c.Tokens[i] = &k
	}
	c.Effects, c.Early, c.Seen = slices.Clone(in.Effects), slices.Clone(in.Early), slices.Clone(in.Seen)
	c.Taken, c.Handled, c.Leave = slices.Clone(in.Taken), slices.Clone(in.Handled), clone(in.Leave)
	return &c
}

func clone[T any](p *T) *T {
	if p == nil {
		return nil
	}
	c := *p
	return &c
}

// ForgetTries forgets what belonged to the tries of a step.
func (t *Token) ForgetTries() { t.Tries, t.Due, t.Error, t.Doubt = 0, time.Time{}, nil, false }

// A definition may go round in ways that no check foresees: a timer whose time is always over, a partner that sends the
// same event again and again, errors of a state that an error leads to. Each round may cost money, so it is bounded.

// maxEntered bounds the states that a token enters within a minute. Behind it the token stops, as one whose step failed:
// it is stuck, seen, and goes on for as many more when somebody retries.
const maxEntered = 100

// CountEntered counts a state that t enters. The minute begins with the first one behind the last minute.
func (t *Token) CountEntered(now time.Time) {
	if now.Sub(t.Minute) >= time.Minute || now.Before(t.Minute) {
		t.Minute, t.Entered = now, 0
	}
	t.Entered++
}

// GoesRound tells that the token has entered more states than it may.
func (t *Token) GoesRound() bool { return t.Entered > maxEntered }

// Cache keeps the instances that were changed last, as they were committed, so that the next step of an order does not read
// what the one before wrote. Nothing depends on it: the store's version check decides whether one is still true.
type Cache struct {
	mu         sync.Mutex
	young, old map[string]*Instance
}

// cached bounds each of the two generations.
const cached = 2048

// NewCache is an empty cache.
func NewCache() *Cache { return &Cache{young: map[string]*Instance{}} }

// Get gives a copy of the instance to be changed; nil: it is not known.
func (c *Cache) Get(id string) *Instance {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, generation := range []map[string]*Instance{c.young, c.old} {
		if in := generation[id]; in != nil {
			return in.Clone()
		}
	}
	return nil
}

// Put keeps what was committed; in is not changed any more.
func (c *Cache) Put(in *Instance) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.old, in.ID)
	if c.young[in.ID] = in; len(c.young) >= cached {
		c.young, c.old = map[string]*Instance{}, c.young
	}
}

// Drop forgets the instance: the store knows better.
func (c *Cache) Drop(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.young, id)
	delete(c.old, id)
}

// Problem is why a token failed, or waits for another try.
type Problem struct {
	Class   string    `json:"class"`
	Reason  string    `json:"reason,omitempty"`
	Where   string    `json:"where,omitempty"`
	Line    string    `json:"line,omitempty"`
	Message string    `json:"message"`
	Time    time.Time `json:"time"`
	Since   time.Time `json:"since,omitzero"`  // when it first failed so
	Times   int       `json:"times,omitempty"` // how often, without anything else in between
}

// maxMessage bounds the text that a problem keeps of its error.
const maxMessage = 500

// NewProblem is what is kept of an error.
func NewProblem(e *hub.Error, now time.Time) *Problem {
	return &Problem{Class: string(e.Class), Reason: e.Reason, Where: e.Where, Line: e.Line, Message: e.Chain(maxMessage), Time: now, Since: now, Times: 1}
}

// Fails makes e the problem of t. It tells whether that is the same once more; what was not even tried says nothing new.
func (t *Token) Fails(e *hub.Error, now time.Time) (again bool) {
	before, p := t.Error, NewProblem(e, now)
	t.Error = p
	if before == nil || !e.Untried() && (p.Class != before.Class || p.Reason != before.Reason || p.Where != before.Where) {
		return false
	}
	p.Since, p.Times = before.Since, before.Times+1
	if e.Untried() {
		p.Class, p.Reason, p.Message = before.Class, before.Reason, before.Message
	}
	return true
}

// Failure is p as the message that waits for the next try has it.
func (p *Problem) Failure() *hub.Failure {
	group := hub.HashID(p.Class + "|" + p.Reason + "|" + p.Where)
	return &hub.Failure{Class: hub.Class(p.Class), Reason: p.Reason, Where: p.Where, Message: p.Message,
		Time: p.Time, Since: p.Since, Times: p.Times, Cause: "g" + group[:6]}
}
