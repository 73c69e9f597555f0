package process

import (
	"fmt"
	"slices"
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

// Instance is one run of a process, as its record holds it.
type Instance struct {
	ID      string
	Def     string // hash of the definition it runs on; "": it has not started, and only keeps early events
	Version int
	By      int64 // sequence number of the message that started it
	Started time.Time
	Changed time.Time
	Closed  time.Time
	Tokens  []*Token // open places; the first is the root
	Vars    hub.Vars // data and results
	Undo    []Undo   // compensations of finished steps, oldest first
	Early   []Event  // events that no state took yet
	Taken   []string // IDs of events that were taken, the newest last
	Seen    []Seen   // states in the order they were first entered
	Leave   *Leave
	Handled []string // events of the whole process that led somewhere

	record int64 // version of its record
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
	Vars    hub.Vars // of an item's branch

	ready bool // it is to go on in this turn, or to get a driver
	moved bool // it came to its step in this turn: nobody can have run that step
	later bool // it failed in a turn that does not drive it: its driver will see
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

// Undo is a finished step that can be compensated.
type Undo struct {
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

func (in *Instance) root() *Token {
	if len(in.Tokens) == 0 {
		return nil
	}
	return in.Tokens[0]
}

func (in *Instance) token(id int) *Token {
	for _, t := range in.Tokens {
		if t.ID == id {
			return t
		}
	}
	return nil
}

// below are t and the tokens of its branches, at any depth.
func (in *Instance) below(t *Token) []*Token {
	out := []*Token{t}
	for _, c := range in.Tokens {
		if c.Up >= 0 && slices.ContainsFunc(out, func(o *Token) bool { return o.ID == c.Up }) {
			out = append(out, c)
		}
	}
	return out
}

func (in *Instance) children(t *Token) []*Token {
	var out []*Token
	for _, c := range in.Tokens {
		if c.Up == t.ID {
			out = append(out, c)
		}
	}
	return out
}

// vars are what formulas of t see: the instance's, and those of the item branches around t.
func (in *Instance) vars(t *Token) hub.Vars { return in.items(t, in.Vars) }

// items is v with the variables of the item branches around t.
func (in *Instance) items(t *Token, v hub.Vars) hub.Vars {
	if t.Up < 0 {
		return v
	}
	v = in.items(in.token(t.Up), v)
	for _, l := range t.Vars {
		v = v.With(l.Name, l.Value)
	}
	return v
}

// set gives a variable its value: that of the item branch around t, else of the instance.
func (in *Instance) set(t *Token, item bool, name string, v doc.Value) {
	for ; item && t.Up >= 0; t = in.token(t.Up) {
		if t.Vars != nil {
			t.Vars = t.Vars.With(name, v)
			return
		}
	}
	in.Vars = in.Vars.With(name, v)
}

// saw tells when the state was first entered.
func (in *Instance) saw(state string) (time.Time, bool) {
	for _, s := range in.Seen {
		if s.State == state {
			return s.Time, true
		}
	}
	return time.Time{}, false
}

// visit is the message ID of what t does in its state: instance, the branches, and the visit's number.
func (in *Instance) visit(process string, t *Token) string {
	path := ""
	for c := t; c.Up >= 0; {
		up := in.token(c.Up)
		path = fmt.Sprintf("/%d.%s%s", up.Visit, c.Branch, path)
		c = up
	}
	return fmt.Sprintf("%s:%s%s/%d", process, in.ID, path, t.Visit)
}
