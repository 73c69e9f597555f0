package aggregate

import (
	"orderhub/hub"
	"orderhub/hub/doc"
	"orderhub/pipelines"
	"orderhub/pipelines/yamlfile"
	"orderhub/transforms/shape"
)

// giver makes the aggregate.
type giver struct {
	give  *pipelines.Give
	label string
}

// meta are the names of every message; all others belong to single members and end with them.
var meta = map[string]bool{"headers": true, "id": true, "key": true, "correlation": true, "time": true}

// compileGive compiles `give`, and leaves in the flow what is true behind the group.
func compileGive(b *pipelines.Build, n *yamlfile.Node) *giver {
	list := shape.ArrayOf(b.Flow.Body())
	var gone []string
	for _, name := range b.Flow.Scope.Names() {
		if !meta[name] {
			gone = append(gone, name)
		}
	}
	bare := b.Flow.Scope.Without(gone...)
	give, body := b.Give(n, bare, shape.Field{Name: "bodies", Type: list}, shape.Field{Name: "size", Type: shape.NumberType}, shape.Field{Name: "complete", Type: shape.BoolType})
	b.Flow.Scope = bare.WithBody(body).WithVar("complete", shape.BoolType)
	if give == nil {
		return nil
	}
	return &giver{give: give, label: b.Suffix()}
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
	body, err := g.give.Of(x, bodies, doc.IntValue(int64(bodies.Len())), doc.BoolValue(complete))
	if err != nil {
		return err
	}
	x.Msg = m.WithBody(hub.DocumentBody(body))
	return nil
}
