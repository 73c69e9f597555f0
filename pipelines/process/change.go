package process

import (
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
	data, name := t.in.Vars.Get(t.d.DataName), t.d.DataName
	var paths []string
	for path, v := range value(t.x.Msg, "with").Fields() {
		at := strings.Split(path, ".")
		if data = doc.Set(data, at, v); doc.Lookup(data, at).Kind() == doc.Missing {
			return hub.Fail(hub.Rejected, "no_place", "%s has no place %s: of a list write the index, from 0", name, path).Tell()
		}
		paths = append(paths, path)
	}
	if t.d.Schema != nil {
		if bad := t.d.Schema.Validate(data); bad != nil {
			return definition.Misfit(bad, hub.Rejected, schema.Reason, name).Tell()
		}
	}
	t.in.Vars = t.in.Vars.With(name, data)
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
