package process

import (
	"orderhub/hub"
	"orderhub/hub/doc"
	"orderhub/pipelines"
	"orderhub/pipelines/yamlfile"
	"orderhub/transforms/schema"
	"orderhub/transforms/shape"
)

// listen learns the schemas of the events' data: receive: {card_updated: {schema: card, …}}. Who signals an event can't know
// the state that takes it, so an event has one schema in the whole process; one reaction of several is enough to name it.
func (d *declared) listen(s *pipelines.SectionBuild, n *yamlfile.Node) {
	d.events = map[string]*schema.Schema{}
	d.listenBelow(s, n)
}

func (d *declared) listenBelow(s *pipelines.SectionBuild, n *yamlfile.Node) {
	for key, value := range n.Entries() {
		if key.Raw() == "receive" {
			for event, reactions := range value.Entries() {
				for _, r := range several(reactions) {
					d.named(s, event.Raw(), r.Get("schema"))
				}
			}
		}
		d.listenBelow(s, value)
	}
	for _, item := range n.Items() {
		d.listenBelow(s, item)
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

// expects is the type of the data of the event that n names; any: it has no schema, or a formula names it.
func (d *declared) expects(n *yamlfile.Node) *shape.Type {
	if s := d.events[n.Raw()]; s != nil && !n.IsFormula() {
		return s.Shape()
	}
	return shape.AnyType
}

// several are the reactions to an event: one, or a list that is told apart by `when`.
func several(n *yamlfile.Node) []*yamlfile.Node {
	if n.Kind() == yamlfile.List {
		return n.Items()
	}
	return []*yamlfile.Node{n}
}

// eventShape is the type of the variable `event`.
func (d *Definition) eventShape(event string) *shape.Type {
	if s := d.eventData[event]; s != nil {
		return s.Shape()
	}
	return shape.AnyType
}

// fitsEvent is the error of an event's data that do not fit its schema; nil: they do, or it has none.
func fitsEvent(schemas map[string]*schema.Schema, event string, data doc.Value) error {
	s := schemas[event]
	if s == nil {
		return nil
	}
	if bad := s.Validate(data); bad != nil {
		return misfit(bad, hub.Invalid, schema.Reason, "the data of the event "+event).Tell()
	}
	return nil
}

// FitsEvent is the error of an event's data that no state of the process would take; nil: they fit, or may be anything.
func (ps *Processes) FitsEvent(process, event string, data doc.Value) error {
	if d := ps.find(process); d != nil {
		return fitsEvent(d.events, event, data)
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
