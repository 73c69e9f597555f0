// Package process is the Process Manager (EIP): long-running flows that are
// stored state machines, declared in the section `processes`.
//
// An instance is one record of the store. Everything that happens to it (a
// start, an event, a timer, the answer of a person, the next step) is a stored
// message of the process's one queue, a command that the machine obeys in a turn:
// one unit of work that changes the record together with what it sends. Calls are
// made between turns: their replies are stored before the next step begins, and
// their Idempotency-Keys are derived from instance, visit and step.
//
// DESIGN.md beside this file tells the decisions, README.md the language. Package
// definition is what a process is, package instance what the record of a run holds.
package process

import (
	"slices"
	"strings"

	"orderhub/hub"
	"orderhub/hub/doc"
	"orderhub/pipelines"
	"orderhub/pipelines/process/definition"
	"orderhub/pipelines/yamlfile"
)

// Section is the top-level key `processes`.
func Section() pipelines.Section {
	return pipelines.Section{Key: definition.Section, Declare: declare, Compile: compile}
}

// Processes are the processes of a plan.
type Processes struct {
	list []*machine
	s    *pipelines.SectionBuild
}

// Of are the processes of a plan; nil when it has none.
func Of(p *pipelines.Plan) *Processes {
	ps, _ := p.Section(definition.Section).(*Processes)
	return ps
}

// declare learns names and data of every process, so that `start` and `signal` can be checked.
func declare(s *pipelines.SectionBuild) {
	all := &Processes{s: s}
	s.Keep(all)
	s.Func("process", all.reads())
	s.Func("tasks", tasksFunc(groupsIn(s.Node)))
	for key, n := range s.Node.Entries() {
		if n.Kind() != yamlfile.Map {
			key.Errorf("E254", "write id:, data: and states:", "the process %s is empty", key.Raw())
			continue
		}
		p := s.Pipeline(key, queueOf(key.Raw()))
		if p == nil {
			continue
		}
		m := newMachine(definition.Declare(s, p, n))
		m.Identify(s)
		all.list = append(all.list, m)
	}
}

// compile makes the definitions and gives each process its stage.
func compile(s *pipelines.SectionBuild) {
	all := s.Plan().Section(s.Key).(*Processes)
	for _, m := range all.list {
		faults := s.Faults()
		d := definition.Compile(s, m.Declaration)
		m.current, m.defs[d.Hash] = d, d
		if d.Initial != nil && s.Faults() == faults {
			definition.Check(s, d)
		}
		stage := m.Pipeline.Stages[0]
		stage.Run, stage.React, stage.Lanes = hub.Run(m), never, lanes
	}
	for _, m := range all.list {
		if s.Faults() == 0 {
			definition.Doubt(s, m.current)
		}
	}
}

func (ps *Processes) find(name string) *machine {
	if ps == nil {
		return nil
	}
	return pipelines.Find(ps.list, func(m *machine) bool { return m.Name == name })
}

// Names are the names of the processes, in the order of the file.
func (ps *Processes) Names() []string {
	var out []string
	if ps != nil {
		for _, m := range ps.list {
			out = append(out, m.Name)
		}
	}
	return out
}

// Definition is the newest definition of a process; nil: there is no such process.
func (ps *Processes) Definition(name string) *definition.Process {
	if m := ps.find(name); m != nil {
		return m.current
	}
	return nil
}

// definitions are those of a process that instances run on, the newest first.
func (ps *Processes) definitions(name string) []*definition.Process {
	m := ps.find(name)
	if m == nil {
		return nil
	}
	out := []*definition.Process{m.current}
	for _, def := range m.defs {
		if def != m.current {
			out = append(out, def)
		}
	}
	slices.SortFunc(out[1:], func(a, b *definition.Process) int { return strings.Compare(a.Hash, b.Hash) })
	return out
}

// Events are the events that some state of the process takes, in any definition that runs.
func (ps *Processes) Events(name string) []string {
	return ps.union((*definition.Process).EventNames, name)
}

// FitsEvent is the error of an event's data that no state of the process would take; nil: they fit, or may be anything.
func (ps *Processes) FitsEvent(process, event string, data doc.Value) error {
	if m := ps.find(process); m != nil {
		return m.FitsEvent(event, data)
	}
	return nil
}

// States are the states of the process, in any definition that runs, those of the newest first.
func (ps *Processes) States(name string) []string {
	return ps.union((*definition.Process).StateNames, name)
}

// union is what the definitions of processes have, each once.
func (ps *Processes) union(of func(*definition.Process) []string, processes ...string) (out []string) {
	for _, name := range processes {
		for _, d := range ps.definitions(name) {
			out = merge(out, of(d)...)
		}
	}
	return out
}

// merge is a with those of b that it does not have.
func merge(a []string, b ...string) []string {
	for _, s := range b {
		if !slices.Contains(a, s) {
			a = append(a, s)
		}
	}
	return a
}

// Groups are the groups that the tasks of all processes go to.
func (ps *Processes) Groups() []string {
	return ps.union((*definition.Process).Groups, ps.Names()...)
}

// Kind tells of a population whether it stands inside a branch, where an
// instance may have several places, and whether it has ended there.
func (ps *Processes) Kind(p Population) (branch, ended bool) {
	for _, d := range ps.definitions(p.Process) {
		if d.Hash != p.Def {
			continue
		}
		if s := d.State(p.State); s != nil {
			return s.Outer != nil, s.Ends()
		}
	}
	return false, p.Final
}
