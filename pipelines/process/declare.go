package process

import (
	"orderhub/hub"
	"orderhub/hub/doc"
	"orderhub/pipelines"
	"orderhub/pipelines/yamlfile"
	"orderhub/transforms/schema"
	"orderhub/transforms/shape"
	"slices"
)

// declared is what is known of a process before any step is compiled, so that the steps which start and signal it can be checked.
type declared struct {
	name     string
	id       *pipelines.Expr
	dataName string
	schema   *schema.Schema            // of its data; nil: it has none
	events   map[string]*schema.Schema // of the data of events, by name
	pipeline *pipelines.Pipeline       // what the hub knows the process as
	node     *yamlfile.Node
}

// declareProcess reads the data of the process that n declares, and those of its events.
func declareProcess(s *pipelines.SectionBuild, p *pipelines.Pipeline, n *yamlfile.Node) *declared {
	d := &declared{name: p.Name, pipeline: p, node: n, events: map[string]*schema.Schema{}}
	d.data(s, n.Get("data"))
	d.listen(s, n)
	return d
}

// shape is the type of the data.
func (d *declared) shape() *shape.Type {
	if d.schema == nil {
		return shape.AnyType
	}
	return d.schema.Shape()
}

// identify compiles the formula of an instance's ID.
func (d *declared) identify(s *pipelines.SectionBuild) {
	if id := d.node.Get("id"); id != nil {
		scope := s.Scope().WithBody(d.shape()).WithVar(d.dataName, d.shape())
		d.id = s.Build(d.pipeline, d.node, scope).Expr(id, scope)
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

// listen learns the schemas of the events' data: receive: {card_updated: {schema: card, …}}. Who signals an event can't know
// the state that takes it, so an event has one schema in the whole process; one reaction of several is enough to name it.
func (d *declared) listen(s *pipelines.SectionBuild, n *yamlfile.Node) {
	for m := range mapsBelow(n) {
		for event, reactions := range m.Get("receive").Entries() {
			for _, r := range several(reactions) {
				d.named(s, event.Raw(), r.Get("schema"))
			}
		}
	}
}

// named takes the schema that n names for an event.
func (d *declared) named(s *pipelines.SectionBuild, event string, n *yamlfile.Node) {
	if n == nil {
		return
	}
	sch := s.Schema(n)
	if other := d.events[event]; other != nil && sch != nil && other != sch {
		n.Errorf("E311", "name the same schema, or give one of the events another name", "the event %s has the schema %s elsewhere: who signals it can't know which state takes it", event, other.Name())
		return
	}
	if sch != nil {
		d.events[event] = sch
	}
}

// eventNames are the events that some `receive` takes.
func (d *declared) eventNames() (names []string) {
	for m := range mapsBelow(d.node) {
		for event := range m.Get("receive").Entries() {
			if name := event.Raw(); !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return names
}

// expects is the type of the data of the event that n names; any: it has no schema, or a formula names it.
func (d *declared) expects(n *yamlfile.Node) *shape.Type {
	if n.IsFormula() {
		return shape.AnyType
	}
	return d.eventShape(n.Raw())
}

// several are the reactions to an event: one, or a list that is told apart by `when`.
func several(n *yamlfile.Node) []*yamlfile.Node {
	if n.Kind() == yamlfile.List {
		return n.Items()
	}
	return []*yamlfile.Node{n}
}

// eventShape is the type of the variable `event`.
func (d *declared) eventShape(event string) *shape.Type {
	if s := d.events[event]; s != nil {
		return s.Shape()
	}
	return shape.AnyType
}

// fitsEvent is the error of an event's data that do not fit its schema; nil: they do, or it has none.
func (d *declared) fitsEvent(event string, data doc.Value) error {
	s := d.events[event]
	if s == nil {
		return nil
	}
	if bad := s.Validate(data); bad != nil {
		return misfit(bad, hub.Invalid, schema.Reason, "the data of the event "+event).Tell()
	}
	return nil
}

// fits is the error of variables of which the instance's data do not fit their schema any more. What did not fit before,
// since the schema was changed meanwhile, is let be: whoever sets a field can't repair the others.
func (d *Definition) fits(before hub.Vars, set []hub.Var) *hub.Error {
	for _, v := range set {
		if v.Name != d.dataName || d.schema == nil {
			continue
		}
		if bad := d.schema.Validate(v.Value); bad != nil && d.schema.Validate(before.Get(v.Name)) == nil {
			return bad
		}
	}
	return nil
}

// misfit is the error of a document that does not fit.
func misfit(bad *hub.Error, class hub.Class, reason, what string) *hub.Error {
	e := hub.Fail(class, reason, "%s: %w", what, bad)
	e.Fields = bad.Fields
	return e
}
