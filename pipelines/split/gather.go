package split

import (
	"slices"

	"orderhub/hub"
	"orderhub/hub/doc"
	"orderhub/pipelines"
	"orderhub/pipelines/yamlfile"
	"orderhub/transforms/shape"
)

// compileGather reads `aggregate: {give: …}` of a split, the aggregating end of a Composed Message Processor. elem is
// the type of the children's bodies, t that of the body behind it; nil: there were problems.
func compileGather(b *pipelines.Build, n *yamlfile.Node, elem *shape.Type) (g *pipelines.Give, t *shape.Type) {
	if k := n.Kind(); k != yamlfile.Null && k != yamlfile.Map {
		n.Errorf("E270", "write aggregate: {give: {parcels: =bodies}}", "`aggregate` of a split is a map with `give`")
		return nil, shape.AnyType
	}
	n.Allow("aggregate of a split", "give")
	return b.Give(n.Get("give"), b.Flow.Scope, shape.Field{Name: "bodies", Type: shape.ArrayOf(elem)}, shape.Field{Name: "size", Type: shape.NumberType})
}

// into makes the children's results the body of x.
func (s *splitter) into(x *hub.Exchange, results [][]doc.Value) error {
	bodies := slices.Concat(results...)
	body, err := s.gather.Of(x, doc.ListOf(bodies), doc.IntValue(int64(len(bodies))))
	if err != nil {
		return err
	}
	x.Msg = x.Msg.WithBody(hub.DocumentBody(body))
	return nil
}

// answered counts the children that came to an end.
func answered(results [][]doc.Value) (n int) {
	for _, r := range results {
		if len(r) > 0 {
			n++
		}
	}
	return n
}
