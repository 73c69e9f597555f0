package process

import "orderhub/pipelines"

// check finds what is wrong with the whole of a definition whose parts have no
// faults. What is only doubtful is told when nothing else in the file is wrong:
// a step that did not compile may be what is missed.
func check(s *pipelines.SectionBuild, d *Definition) {
	c := &checker{s: s, d: d, way: waysOf(d)}
	c.finals()
	c.lists()
	c.branches()
	if c.unreachable(); !c.all() {
		return // what leads nowhere else would be told twice
	}
	c.ends()
	c.otherwise()
	c.retention()
	c.effects()
	if s.Faults() == 0 {
		c.patience()
		c.unsignalled()
		c.undoes()
		c.elements()
	}
}

// checker is one check of a definition.
type checker struct {
	s   *pipelines.SectionBuild
	d   *Definition
	way *ways
}

// all tells that every state can be reached.
func (c *checker) all() bool { return len(c.way.reached) == len(c.d.states) }
