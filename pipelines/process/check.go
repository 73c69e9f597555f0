package process

import "orderhub/pipelines"

// checker is one check of the whole of a definition whose parts have no faults.
type checker struct {
	s   *pipelines.SectionBuild
	d   *Definition
	way *ways
}

// check tells what is wrong with d.
func check(s *pipelines.SectionBuild, d *Definition) {
	c := &checker{s: s, d: d, way: waysOf(d)}
	c.finals()
	c.lists()
	c.branches()
	c.retention()
	if len(c.way.reached) < len(d.states) {
		c.unreachable()
		return // what leads to nothing else would be told twice
	}
	if c.ends(); c.circles() {
		return
	}
	c.otherwise()
	c.effects()
}

// doubt tells what may be meant so, or not. It is asked when nothing in the file
// is wrong: a step that has a fault may be just what is missed here.
func doubt(s *pipelines.SectionBuild, d *Definition) {
	c := &checker{s: s, d: d}
	c.patience()
	c.unsignalled()
	c.undoes()
	c.elements()
	c.denied()
}
