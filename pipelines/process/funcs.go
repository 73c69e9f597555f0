package process

import (
	"context"
	"errors"
	"fmt"

	"orderhub/hub"
	"orderhub/hub/doc"
	"orderhub/transforms/formula"
	"orderhub/transforms/shape"
)

// reads is the function of formulas that reads processes: process(name, id) is
// an instance as {id, state, states, since, closed, version, data, public}, null when there is none.
func (ps *Processes) reads() formula.Func {
	return formula.Func{
		Params: []*shape.Type{shape.StringType, shape.AnyType},
		Result: shape.AnyType,
		Call: func(fr *formula.Frame, args []doc.Value) (doc.Value, error) {
			if fr.X == nil || fr.X.Env == nil || fr.X.Env.Store == nil {
				return doc.Value{}, errors.New("there is no store here: process() works in a running hub")
			}
			if ps.find(args[0].Str()) == nil {
				return doc.Value{}, fmt.Errorf("there is no process %q", args[0].Str())
			}
			return ps.read(fr.X, args[0].Str(), args[1].Text())
		},
	}
}

func (ps *Processes) read(x *hub.Exchange, process, id string) (doc.Value, error) {
	rec, err := x.Env.Store.Get(context.Background(), kindOf(process), id)
	if errors.Is(err, hub.ErrNotFound) {
		return doc.NullValue(), nil
	}
	if err != nil {
		return doc.Value{}, err
	}
	in, err := decode(rec)
	if err != nil {
		return doc.Value{}, err
	}
	root := in.root()
	if root == nil {
		return doc.NullValue(), nil
	}
	public, err := ps.publicly(x, process, in)
	if err != nil {
		return doc.Value{}, err
	}
	var states []doc.Value
	for _, tok := range in.Tokens {
		states = append(states, doc.StringValue(tok.State))
	}
	closed := doc.NullValue()
	if !in.Closed.IsZero() {
		closed = doc.StringValue(in.Closed.Format("2006-01-02T15:04:05Z07:00"))
	}
	return doc.ObjectOf([]doc.Field{
		{Name: "id", Value: doc.StringValue(in.ID)}, {Name: "state", Value: doc.StringValue(root.State)}, {Name: "states", Value: doc.ListOf(states)},
		{Name: "since", Value: doc.StringValue(root.Since.Format("2006-01-02T15:04:05Z07:00"))}, {Name: "closed", Value: closed},
		{Name: "version", Value: doc.IntValue(int64(in.Version))}, {Name: "data", Value: in.Vars.Document()}, {Name: "public", Value: public},
	}), nil
}
