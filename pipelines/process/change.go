package process

import (
	"cmp"
	"slices"
	"strings"

	"orderhub/hub"
	"orderhub/hub/doc"
	"orderhub/pipelines/process/definition"
	"orderhub/pipelines/process/instance"
	"orderhub/transforms/schema"
)

// change sets values of the instance's data by hand. They are held to its schema, all or none of them.
func (t *turn) change() error {
	if err := t.running(); err != nil {
		return err
	}
	with, name := value(t.x.Msg, "with"), t.d.DataName
	data, err := edited(t.d, t.in.Vars.Get(name), with)
	if err != nil {
		return err
	}
	t.in.Vars = t.in.Vars.With(name, data)
	var paths []string
	for path := range with.Fields() {
		paths = append(paths, path)
	}
	slices.Sort(paths)
	t.note(t.in.Root(), "", "changed", "%s of %s by hand", strings.Join(paths, ", "), name)
	for _, tok := range t.in.Tokens { // it may make a rule hold
		if tok.Phase == instance.Waiting && tok.Task == nil && t.state(tok).Next != nil {
			tok.Phase, tok.Runnable = instance.Running, true
		}
	}
	return nil
}

// DataName is what formulas call the data of the process's instances.
func (ps *Processes) DataName(process string) string {
	if m := ps.find(process); m != nil {
		return m.DataName
	}
	return ""
}

// edited are the data with the values at their paths, held to the schema: all of them, or an error.
func edited(d *definition.Process, data, with doc.Value) (doc.Value, error) {
	for path, v := range with.Fields() {
		at := strings.Split(path, ".")
		if data = doc.Set(data, at, v); doc.Lookup(data, at).Kind() == doc.Missing {
			return data, hub.Fail(hub.Rejected, "no_place", "%s has no place %s: of a list write the index, from 0", d.DataName, path).Tell()
		}
	}
	if d.Schema != nil {
		if bad := d.Schema.Validate(data); bad != nil {
			return data, definition.Misfit(bad, hub.Rejected, schema.Reason, d.DataName).Tell()
		}
	}
	return data, nil
}

// Edited are the data of the instance as Change with the values would make them.
func (ps *Processes) Edited(v *View, data, with doc.Value) (doc.Value, error) {
	m := ps.find(v.Process)
	return edited(cmp.Or(m.defs[v.Def], m.current), data, with)
}
