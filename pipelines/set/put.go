package set

import (
	"strconv"

	"orderhub/hub"
	"orderhub/hub/doc"
	"orderhub/transforms/formula"
)

// Put is v, which formulas call root, with nv at the path; objects are made on
// the way. A list on the way takes no field: the message is invalid.
func Put(root string, v doc.Value, path []string, nv doc.Value) (doc.Value, error) {
	at, parent := root, v
	for _, name := range path {
		next := doc.Lookup(parent, []string{name})
		if parent.Kind() == doc.Array && next.Kind() == doc.Missing && name != strconv.Itoa(parent.Len()) {
			return v, hub.Fail(hub.Invalid, formula.ReasonTransform, "%s is an array and takes no field %s; %s = %s", at, name, at, parent.String())
		}
		at, parent = at+"."+name, next
	}
	return doc.Set(v, path, nv), nil
}

// at says where the assignment stands that failed.
func (a *assignment) at(err error) error {
	e := *hub.AsError(err)
	e.Line = a.line
	return &e
}
