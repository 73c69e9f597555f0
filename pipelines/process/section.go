package process

import (
	_ "embed"

	"orderhub/hub"
	"orderhub/pipelines"
	"orderhub/pipelines/yamlfile"
	"orderhub/transforms/shape"
)

//go:embed README.md
var readme string

// sectionKey is the section's key in a configuration.
const sectionKey = "processes"

// Section is the top-level key `processes`.
func Section() pipelines.Section {
	return pipelines.Section{Key: sectionKey, Doc: readme, Declare: declare, Compile: compile}
}

// Processes are the processes of a plan.
type Processes struct {
	list []*declared
	s    *pipelines.SectionBuild
}

// Of are the processes of a plan; nil when it has none.
func Of(p *pipelines.Plan) *Processes {
	ps, _ := p.Section(sectionKey).(*Processes)
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
		d := &declared{pipeline: p, node: n, machine: newMachine(p.Name)}
		d.data(s, n.Get("data"))
		d.listen(s, n)
		if id := n.Get("id"); id != nil {
			t := shape.AnyType
			if d.schema != nil {
				t = d.schema.Shape()
			}
			d.id = s.Build(p, n, s.Scope().WithBody(t).WithVar(d.dataName, t)).Expr(id, s.Scope().WithBody(t).WithVar(d.dataName, t))
		}
		all.list = append(all.list, d)
	}
}

// data reads `data: order`, or `data: {order: web-order}`.
func (d *declared) data(s *pipelines.SectionBuild, n *yamlfile.Node) {
	d.dataName = "data"
	if n == nil {
		return
	}
	at, name := n, n.Raw()
	if n.Kind() == yamlfile.Map && len(n.Keys()) == 1 {
		name = n.Keys()[0]
		at = n.Get(name)
	}
	d.schema = s.Schema(at)
	if !isName(name) {
		n.Errorf("E306", "write data: {order: "+name+"}", "%q can't be a name in formulas", name)
		return
	}
	d.dataName = name
}

// compile makes the definitions and gives each process its stage.
func compile(s *pipelines.SectionBuild) {
	all := s.Plan().Section(s.Key).(*Processes)
	for _, d := range all.list {
		faults := s.Faults()
		def := define(s, d.pipeline, d.node, d)
		d.machine.current = def
		d.machine.defs[def.Hash] = def
		if def.initial != nil && s.Faults() == faults {
			check(s, def)
		}
		stage := d.pipeline.Stages[0]
		stage.Run, stage.React, stage.Lanes = hub.Link([]hub.Step{d.machine}, hub.End), never, lanes
	}
	for _, d := range all.list {
		if s.Faults() == 0 {
			doubt(s, d.machine.current)
		}
	}
}

func (ps *Processes) find(name string) *declared {
	if ps == nil {
		return nil
	}
	for _, d := range ps.list {
		if d.pipeline.Name == name {
			return d
		}
	}
	return nil
}

// Names are the names of the processes, in the order of the file.
func (ps *Processes) Names() []string {
	var out []string
	if ps != nil {
		for _, d := range ps.list {
			out = append(out, d.pipeline.Name)
		}
	}
	return out
}

// Definition is the newest definition of a process; nil: there is no such process.
func (ps *Processes) Definition(name string) *Definition {
	if d := ps.find(name); d != nil {
		return d.machine.current
	}
	return nil
}
