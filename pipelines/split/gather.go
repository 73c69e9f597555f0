package split

import (
	"orderhub/hub"
	"orderhub/hub/doc"
	"orderhub/pipelines"
	"orderhub/pipelines/yamlfile"
	"orderhub/transforms/formula"
	"orderhub/transforms/shape"
)

// gather is the aggregating end of a Composed Message Processor.
type gather struct {
	give         *pipelines.Value // nil: the list itself
	bodies, size int              // slots
}

// compileGather reads `aggregate: {give: …}` of a split. elem is the type of the children's bodies.
func compileGather(b *pipelines.Build, n *yamlfile.Node, elem *shape.Type) (*gather, *shape.Type) {
	g := &gather{}
	list := shape.ArrayOf(elem)
	switch n.Kind() {
	case yamlfile.Null:
		return g, list
	case yamlfile.Map:
	default:
		n.Errorf("E270", "write aggregate: {give: {parcels: =bodies}}", "`aggregate` of a split is a map with `give`")
		return nil, list
	}
	n.Allow("aggregate of a split", "give")
	give := n.Get("give")
	if give == nil {
		return g, list
	}
	scope, slot := b.Flow.Scope.WithLocal("bodies", list)
	g.bodies = slot
	scope, g.size = scope.WithLocal("size", shape.NumberType)
	if g.give = b.Value(give, scope, nil); g.give == nil {
		return nil, list
	}
	return g, g.give.Type()
}

// into makes the children's results the body of x.
func (g *gather) into(x *hub.Exchange, results [][]doc.Value) error {
	bodies := []doc.Value{}
	for _, r := range results {
		bodies = append(bodies, r...)
	}
	size := len(bodies)
	body := doc.ListOf(bodies)
	if g.give != nil {
		fr := formula.NewFrame(x)
		fr.Local(g.bodies, body)
		fr.Local(g.size, doc.IntValue(int64(size)))
		var err error
		if body, err = g.give.Apply(fr); err != nil {
			return err
		}
	}
	x.Msg = x.Msg.WithBody(hub.DocumentBody(body))
	return nil
}

func answered(results [][]doc.Value) (n int) {
	for _, r := range results {
		if len(r) > 0 {
			n++
		}
	}
	return n
}
