package process

import (
	"strings"
	"time"

	"orderhub/hub"
	"orderhub/pipelines"
	"orderhub/pipelines/yamlfile"
	"orderhub/transforms/formula"
)

// Definition is a compiled process.
type Definition struct {
	*declared
	Version    int
	Hash       string // of its text: instances name the definition they run on by it
	Milestones []string
	Keep       time.Duration // how long a closed instance is kept
	Early      time.Duration // how long an event waits for a state that takes it

	initial  *state
	states   []*state // all of them, those of branches too, in the order of the file
	receive  []*reaction
	errors   map[string]*reaction
	told     *pipelines.Made // nil: state changes are not published
	public   *pipelines.Value
	desk     desk
	inFlight map[int]migration
	text     []byte // YAML: what the store keeps
	line     string
	scope    *formula.Scope
}

// state is one state of a definition.
type state struct {
	name    string
	line    string
	node    *yamlfile.Node
	outer   *state   // the state in whose branch it stands; nil: it is one of the process's own
	level   []*state // its neighbours and itself: where a goto leads without leaving a branch
	steps   []*step
	next    []*reaction
	receive []*reaction
	timers  []*timer
	task    *task
	final   bool
	undo    *undo
	forks   []*fork
	each    *items
	errors  map[string]*reaction
}

// step is one step of a state.
type step struct {
	pipelines.Made
	as         string        // variable that takes its result
	compensate *compensation // nil: there is nothing to undo
}

// compensation undoes a step.
type compensation struct {
	pipelines.Made
	when *pipelines.Condition // that the step had an effect, from its result; nil: always
}

// fork is one branch of a parallel state.
type fork struct {
	name    string
	initial *state
}

// items is a state that runs one branch for every element of a list.
type items struct {
	list    *pipelines.Expr
	item    string // what formulas call the element inside the branch
	as      string // variable that takes the list of results behind it
	initial *state
}

// undo is what a state with `compensate:` undoes.
type undo struct {
	states []string // nil: all
}

// reaction is what an event, a timer, a rule or an error does: a condition,
// steps that ask nobody, and the state that it leads to.
type reaction struct {
	event string
	when  *pipelines.Condition
	steps []pipelines.Made
	retry *hub.Retry // of an error
	to    string     // name of a state; "": it stays
	until string     // of the whole process: valid until this state is entered
	line  string
	node  *yamlfile.Node
}

// timer is a reaction to the time.
type timer struct {
	reaction
	after time.Duration
	at    *pipelines.Expr // an ISO time
	cron  schedule        // nil: once
}

// task is a question to a person.
type task struct {
	group string
	ask   []Field
	show  *pipelines.Value
	due   time.Duration
	late  *reaction
}

// Field is one field of a task's form.
type Field struct {
	Name     string   `json:"name"`
	Type     string   `json:"type"` // bool, text, number, date, choice
	Optional bool     `json:"optional,omitempty"`
	Choices  []string `json:"choices,omitempty"`
}

// desk is who gets the compensations that can't succeed.
type desk struct {
	group string
	due   time.Duration
	late  *reaction
	retry *hub.Retry
}

// migration is what becomes of the open instances of an older version.
type migration struct {
	finish bool
	move   map[string]string // states that are named otherwise now
}

func (d *Definition) state(name string) *state {
	for _, s := range d.states {
		if s.name == name {
			return s
		}
	}
	return nil
}

// stepAt finds a step by its label, in any state.
func (d *Definition) stepAt(where string) (*state, *step) {
	for _, s := range d.states {
		for _, k := range s.steps {
			if k.Where == where {
				return s, k
			}
		}
	}
	return nil, nil
}

// waits tells that something may happen in the state beside its steps and rules.
func (s *state) waits() bool {
	return len(s.receive)+len(s.timers) > 0 || s.task != nil
}

// in tells whether s stands in a branch of o, at any depth.
func (s *state) in(o *state) bool {
	for s = s.outer; s != nil; s = s.outer {
		if s == o {
			return true
		}
	}
	return false
}

// groups are the groups that its tasks go to.
func (d *Definition) groups() (out []string) {
	for _, s := range d.states {
		if s.task != nil {
			out = append(out, s.task.group)
		}
	}
	return append(out, d.desk.group)
}

func (d *Definition) stateNames() []string {
	out := make([]string, len(d.states))
	for i, s := range d.states {
		out[i] = s.name
	}
	return out
}

// takes tells that an open instance which runs on the definition with that version and hash moves to d, instead of finishing there.
func (d *Definition) takes(version int, hash string) bool {
	if hash == d.Hash {
		return false
	}
	if version == d.Version { // the same version was edited: what runs takes the edit
		return true
	}
	m, said := d.inFlight[version]
	return said && m.move != nil
}

// target is the state of d that stands for state name of version v; "": there is none.
func (d *Definition) target(v int, name string) string {
	if to, renamed := d.inFlight[v].move[name]; renamed {
		return to
	}
	if d.state(name) == nil {
		return ""
	}
	return name
}

// does names what a reaction does.
func (r *reaction) does() string {
	var parts []string
	for _, m := range r.steps {
		parts = append(parts, m.Where[strings.LastIndexByte(m.Where, '/')+1:])
	}
	if r.to != "" {
		parts = append(parts, "goto "+r.to)
	}
	return strings.Join(parts, ", ")
}
