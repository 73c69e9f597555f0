package process

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"orderhub/hub/doc"
	"orderhub/pipelines/process/definition"
	"orderhub/pipelines/yamlfile"
	"orderhub/transforms/formula"
	"orderhub/transforms/shape"
)

// groupsIn are the groups that tasks of the processes in n are for: those that they name, and that of a compensation which names none.
func groupsIn(n *yamlfile.Node) []string {
	groups := []string{definition.DefaultDesk()}
	for part := range n.All() {
		for _, key := range []string{"task", "compensation"} {
			if g := part.Get(key).Get("group"); g != nil {
				groups = append(groups, g.Str())
			}
		}
	}
	slices.Sort(groups)
	return slices.Compact(groups)
}

// maxListed bounds what tasks(group) gives.
const maxListed = 1000

// tasksFunc is the function of formulas that lists tasks: tasks(group) are those of a group that are open, those due first at the front and
// the oldest of those that have no due time, each as {id, process, instance, state, group, since, due, late, claimed, show}: what has no value is left out.
func tasksFunc(groups []string) formula.Func {
	return formula.Func{
		Params: []*shape.Type{shape.StringType},
		Result: shape.AnyType,
		Named: func(_ int, name string) (fault, help string) {
			if slices.Contains(groups, name) {
				return "", ""
			}
			return fmt.Sprintf("no task is of the group %q", name), shape.Known(name, groups)
		},
		Call: func(fr *formula.Frame, args []doc.Value) (doc.Value, error) {
			if fr.X == nil || fr.X.Env == nil || fr.X.Env.Store == nil {
				return doc.Value{}, errors.New("there is no store here: tasks() works in a running hub")
			}
			open, err := Tasks(context.Background(), fr.X.Env.Store, maxListed, func(k *OpenTask) bool { return k.Group == args[0].Str() })
			if err != nil {
				return doc.Value{}, err
			}
			for i := range open {
				open[i].Ask, open[i].Late = nil, open[i].IsLate(fr.X.Now())
			}
			raw, _ := json.Marshal(open) // texts, times and JSON always can
			return doc.Parse(raw)
		},
	}
}
