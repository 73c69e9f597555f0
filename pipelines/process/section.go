package process

import (
	_ "embed"

	"orderhub/hub"
	"orderhub/pipelines"
	"orderhub/pipelines/process/definition"
	"orderhub/pipelines/yamlfile"
)

//go:embed README.md
var readme string

// Section is the top-level key `processes`.
func Section() pipelines.Section {
	return pipelines.Section{Key: definition.Section, Doc: readme, Declare: declare, Compile: compile}
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
		stage.Run, stage.React, stage.Lanes = hub.Link([]hub.Step{m}, hub.End), never, lanes
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
	for _, m := range ps.list {
		if m.Name == name {
			return m
		}
	}
	return nil
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
