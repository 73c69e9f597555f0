package aggregate

import (
	"orderhub/hub"
	"orderhub/hub/doc"
	"orderhub/pipelines"
	"orderhub/pipelines/yamlfile"
	"orderhub/transforms/formula"
	"orderhub/transforms/shape"
)

// giver makes the aggregate.
type giver struct {
	value                  *pipelines.Value // nil: the list of bodies
	bodies, size, complete int              // slots
	label                  string
}

// meta are the names of every message; all others belong to single members and end with them.
var meta = map[string]bool{"headers": true, "id": true, "key": true, "correlation": true, "time": true}

// compileGive compiles `give`, and leaves in the flow what is true behind the group.
func compileGive(b *pipelines.Build, n *yamlfile.Node) *giver {
	g := &giver{label: b.Suffix()}
	list := shape.ArrayOf(b.Flow.Body())
	var gone []string
	for _, name := range b.Flow.Scope.Names() {
		if !meta[name] {
			gone = append(gone, name)
		}
	}
	bare := b.Flow.Scope.Without(gone...)
	body := list
	if n != nil {
		scope, slot := bare.WithLocal("bodies", list)
		g.bodies = slot
		scope, g.size = scope.WithLocal("size", shape.NumberType)
		scope, g.complete = scope.WithLocal("complete", shape.BoolType)
		if g.value = b.Value(n, scope, nil); g.value == nil {
			b.Flow.Scope = bare.WithBody(shape.AnyType).WithVar("complete", shape.BoolType)
			return nil
		}
		body = g.value.Type()
	}
	b.Flow.Scope = bare.WithBody(body).WithVar("complete", shape.BoolType)
	return g
}

// into makes x.Msg the aggregate. Its ID is derived: the same however often the unit is tried.
func (g *giver) into(x *hub.Exchange, gr *group, key string, bodies doc.Value, complete bool) error {
	root := (&hub.Message{ID: gr.ID}).Root()
	m := &hub.Message{
		ID:          hub.DeriveID(root, g.label+"."+hub.HashID(gr.name + " " + gr.ID)[:12]),
		Key:         key,
		Correlation: gr.Correlation,
		Time:        x.Now(),
		Expires:     gr.Expires,
		Headers:     gr.Headers,
		Body:        hub.DocumentBody(bodies),
	}
	if m.Correlation == "" && !gr.Mixed {
		m.Correlation = key
	}
	x.Msg, x.Vars = m, hub.Vars{{Name: "complete", Value: doc.BoolValue(complete)}}
	if g.value == nil {
		return nil
	}
	fr := formula.NewFrame(x)
	fr.Local(g.bodies, bodies)
	fr.Local(g.size, doc.IntValue(int64(bodies.Len())))
	fr.Local(g.complete, doc.BoolValue(complete))
	body, err := g.value.Apply(fr)
	if err != nil {
		return err
	}
	x.Msg = m.WithBody(hub.DocumentBody(body))
	return nil
}
