package definition

import (
	"slices"

	"orderhub/hub"
	"orderhub/hub/doc"
	"orderhub/pipelines"
	"orderhub/pipelines/yamlfile"
	"orderhub/transforms/schema"
	"orderhub/transforms/shape"
)

// Section is the section's key in a configuration.
const Section = "processes"

// Declaration is what is known of a process before any step is compiled, so that the steps which start and signal it can be checked.
type Declaration struct {
	Name     string
	ID       *pipelines.Expr
	DataName string
	Schema   *schema.Schema            // of its data; nil: it has none
	events   map[string]*schema.Schema // of the data of events, by name
	Pipeline *pipelines.Pipeline       // what the hub knows the process as
	node     *yamlfile.Node
}

// Declare reads the data of the process that n declares, and those of its events.
func Declare(s *pipelines.SectionBuild, p *pipelines.Pipeline, n *yamlfile.Node) *Declaration {
	d := &Declaration{Name: p.Name, Pipeline: p, node: n, events: map[string]*schema.Schema{}}
	d.data(s, n.Get("data"))
	d.listen(s, n)
	return d
}

// Shape is the type of the data.
func (d *Declaration) Shape() *shape.Type { return d.Schema.Shape() }

// Identify compiles the formula of an instance's ID.
func (d *Declaration) Identify(s *pipelines.SectionBuild) {
	if id := d.node.Get("id"); id != nil {
		scope := s.Scope().WithBody(d.Shape()).WithVar(d.DataName, d.Shape())
		d.ID = s.Build(d.Pipeline, d.node, scope).Expr(id, scope)
	}
}

// data reads `data: order`, or `data: {order: web-order}`.
func (d *Declaration) data(s *pipelines.SectionBuild, n *yamlfile.Node) {
	d.DataName = "data"
	if n == nil {
		return
	}
	at, name := n, n.Raw()
	if n.Kind() == yamlfile.Map && len(n.Keys()) == 1 {
		name = n.Keys()[0]
		at = n.Get(name)
	}
	d.Schema = s.Schema(at)
	if !pipelines.IsName(name) {
		n.Errorf("E306", "write data: {order: "+name+"}", "%q can't be a name in formulas", name)
		return
	}
	d.DataName = name
}

// listen learns the schemas of the events' data: receive: {card_updated: {schema: card, …}}. Who signals an event can't know
// the state that takes it, so an event has one schema in the whole process; one reaction of several is enough to name it.
func (d *Declaration) listen(s *pipelines.SectionBuild, n *yamlfile.Node) {
	for m := range n.All() {
		for event, reactions := range m.Get("receive").Entries() {
			for _, r := range reactions.Several() {
				d.named(s, event.Raw(), r.Get("schema"))
			}
		}
	}
}

// named takes the schema that n names for an event.
func (d *Declaration) named(s *pipelines.SectionBuild, event string, n *yamlfile.Node) {
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

// EventNames are the events that some `receive` takes.
func (d *Declaration) EventNames() (names []string) {
	for m := range d.node.All() {
		for event := range m.Get("receive").Entries() {
			if name := event.Raw(); !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return names
}

// Expects is the type of the data of the event that n names; any: it has no schema, or a formula names it.
func (d *Declaration) Expects(n *yamlfile.Node) *shape.Type {
	if n.IsFormula() {
		return shape.AnyType
	}
	return d.eventShape(n.Raw())
}

// eventShape is the type of the variable `event`.
func (d *Declaration) eventShape(event string) *shape.Type { return d.events[event].Shape() }

// FitsEvent is the error of an event's data that do not fit its schema; nil: they do, or it has none.
func (d *Declaration) FitsEvent(event string, data doc.Value) error {
	s := d.events[event]
	if s == nil {
		return nil
	}
	if bad := s.Validate(data); bad != nil {
		return Misfit(bad, hub.Invalid, schema.Reason, "the data of the event "+event).Tell()
	}
	return nil
}

// Fits is the error of variables of which the instance's data do not fit their schema any more. What did not fit before,
// since the schema was changed meanwhile, is let be: whoever sets a field can't repair the others.
func (d *Process) Fits(before hub.Vars, set []hub.Var) *hub.Error {
	for _, v := range set {
		if v.Name != d.DataName || d.Schema == nil {
			continue
		}
		if bad := d.Schema.Validate(v.Value); bad != nil && d.Schema.Validate(before.Get(v.Name)) == nil {
			return bad
		}
	}
	return nil
}

// Misfit is the error of a document that does not fit.
func Misfit(bad *hub.Error, class hub.Class, reason, what string) *hub.Error {
	e := hub.Fail(class, reason, "%s: %w", what, bad)
	e.Fields = bad.Fields
	return e
}
