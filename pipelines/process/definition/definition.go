// Package definition reads what a process is from a configuration: its data, its states and all that may happen in them. It
// compiles the steps, and checks the whole: every state can be reached and left, no way goes round without waiting for
// something, and nothing that costs money is done twice. It runs nothing; package process does.
package definition

import (
	"slices"
	"strings"
	"time"

	"orderhub/hub"
	"orderhub/pipelines"
	"orderhub/pipelines/schedule"
	"orderhub/pipelines/yamlfile"
	"orderhub/transforms/formula"
)

// Process is the compiled definition of a process.
type Process struct {
	*Declaration
	Version    int
	Hash       string // of Text: an instance names the definition that it runs on by it
	Text       []byte // the YAML that the store keeps
	Line       string
	Milestones []string
	Keep       time.Duration // how long a closed instance is kept
	Early      time.Duration // how long an event waits for a state that takes it

	Initial *State
	States  []*State // all of them, those of branches too, in the order of the file
	Receive []*Reaction
	Errors  map[string]*Reaction // by class
	Publish *pipelines.Made      // sends each change of a state; nil: they are not published
	Public  *pipelines.Value
	Desk    Desk

	inFlight map[int]map[string]string // of older versions whose instances move here: the states that have another name now
	scope    *formula.Scope
}

// State is one state of a process.
type State struct {
	Name        string
	Line        string
	Outer       *State   // the state in whose branch it stands; nil: it is one of the process's own
	Level       []*State // its neighbours and itself: where a goto leads without leaving a branch
	Steps       []*Step
	Branches    []*Branch
	Each        *Each
	Task        *Task
	Compensates *Scope // what it undoes; nil: nothing
	Next        []*Reaction
	Receive     []*Reaction
	Timers      []*Timer
	Errors      map[string]*Reaction // by class
	Final       bool

	node *yamlfile.Node
}

// Step is one step of a state.
type Step struct {
	pipelines.Made
	As           string        // variable that takes its result
	Compensation *Compensation // nil: there is nothing to undo
}

// Compensation undoes a step.
type Compensation struct {
	pipelines.Made
	When *pipelines.Condition // that the step had an effect, from its result; nil: always
}

// Scope is the states whose finished steps a state compensates.
type Scope struct{ States []string } // nil: all

// Includes tells whether the steps of the state are compensated.
func (s *Scope) Includes(state string) bool {
	return s != nil && (s.States == nil || slices.Contains(s.States, state))
}

// Branch is one branch of a parallel state.
type Branch struct {
	Name    string
	Initial *State
}

// Each is what a state does that runs one branch for every element of a list.
type Each struct {
	List    *pipelines.Expr
	Item    string // what formulas call the element inside the branch
	As      string // variable that takes the list of results behind it
	Initial *State
}

// Reaction is what an event, a timer, a rule or an error does: a condition,
// steps that ask nobody, and the state that it leads to.
type Reaction struct {
	Event string
	When  *pipelines.Condition
	Steps []pipelines.Made
	Retry *hub.Retry // of an error
	To    string     // name of a state; "": it stays
	Until string     // of the whole process: valid until this state is entered
	Line  string

	node *yamlfile.Node
}

// Timer is a reaction to the time.
type Timer struct {
	Reaction
	After time.Duration
	At    *pipelines.Expr    // an ISO time
	Cron  *schedule.Schedule // nil: once
}

// Task is a question to a person.
type Task struct {
	Group string
	Ask   []Field
	Show  *pipelines.Value
	Due   time.Duration
	Late  *Reaction
}

// Desk is who gets the compensations that can't succeed.
type Desk struct {
	Group string
	Due   time.Duration
	Late  *Reaction
	Retry *hub.Retry
}

// State finds a state by its name; nil: there is none.
func (d *Process) State(name string) *State { return named(name, d.States) }

func named(name string, all []*State) *State {
	return pipelines.Find(all, func(s *State) bool { return s.Name == name })
}

// Step finds a step by its label, in any state; nil: there is none.
func (d *Process) Step(where string) *Step {
	for _, s := range d.States {
		for _, k := range s.Steps {
			if k.Where == where {
				return k
			}
		}
	}
	return nil
}

// Waits tells that something may happen in the state beside its steps and rules.
func (s *State) Waits() bool {
	return len(s.Receive)+len(s.Timers) > 0 || s.Task != nil
}

// in tells whether s stands in a branch of o, at any depth.
func (s *State) in(o *State) bool {
	for s = s.Outer; s != nil; s = s.Outer {
		if s == o {
			return true
		}
	}
	return false
}

// Ends tells that an instance has ended when it has come to the state; one that is not known (nil) ends nothing.
func (s *State) Ends() bool { return s != nil && s.Final && s.Outer == nil }

// Groups are the groups that its tasks go to.
func (d *Process) Groups() (out []string) {
	for _, s := range d.States {
		if s.Task != nil {
			out = append(out, s.Task.Group)
		}
	}
	return append(out, d.Desk.Group)
}

// StateNames are the names of its states, in the order of the file.
func (d *Process) StateNames() []string { return pipelines.Names(d.States, (*State).name) }

func (s *State) name() string { return s.Name }

// Takes tells that an open instance which runs on the definition with that version and hash moves to d, instead of finishing there.
func (d *Process) Takes(version int, hash string) bool {
	if hash == d.Hash {
		return false
	}
	return version == d.Version || d.inFlight[version] != nil // the same version was edited: what runs takes the edit
}

// Target is the state of d that stands for state name of version v; "": there is none.
func (d *Process) Target(v int, name string) string {
	if to, renamed := d.inFlight[v][name]; renamed {
		return to
	}
	if d.State(name) == nil {
		return ""
	}
	return name
}

// Does names what a reaction does.
func (r *Reaction) Does() string {
	parts := pipelines.Names(r.Steps, func(m pipelines.Made) string { return m.Where[strings.LastIndexByte(m.Where, '/')+1:] })
	if r.To != "" {
		parts = append(parts, "goto "+r.To)
	}
	return strings.Join(parts, ", ")
}
