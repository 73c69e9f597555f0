package table

import (
	"context"
	"errors"
	"fmt"

	"orderhub/hub"
	"orderhub/hub/doc"
	"orderhub/transforms/formula"
	"orderhub/transforms/shape"
)

// maxRows bounds what table(name) gives.
const maxRows = 10_000

// Funcs are the functions of formulas that read tables: table(name) is an
// object of all rows by their keys, table(name, key) is one row, null when there is none.
func Funcs() map[string]formula.Func {
	return map[string]formula.Func{"table": {
		Params:   []*shape.Type{shape.StringType, shape.AnyType},
		Optional: 1,
		Result:   shape.AnyType,
		Call: func(fr *formula.Frame, args []doc.Value) (doc.Value, error) {
			if fr.X == nil || fr.X.Env == nil || fr.X.Env.Store == nil {
				return doc.Value{}, errors.New("there is no store here: table() works in a running hub")
			}
			if len(args) > 1 && args[1].Kind() != doc.Missing {
				return one(fr.X, args[0].Str(), args[1].Text())
			}
			return all(fr.X, args[0].Str())
		},
	}}
}

func one(x *hub.Exchange, name, key string) (doc.Value, error) {
	rec, err := x.Record(context.Background(), kindOf(name), key)
	if errors.Is(err, hub.ErrNotFound) {
		return doc.NullValue(), nil
	}
	if err != nil {
		return doc.Value{}, err
	}
	_, v, err := readRow(rec.Value)
	if err != nil {
		return v, fmt.Errorf("table %s %q: %w", name, key, err)
	}
	if v.Kind() == doc.Missing {
		return doc.NullValue(), nil
	}
	return v, nil
}

func all(x *hub.Exchange, name string) (doc.Value, error) {
	list, err := x.Records(context.Background(), kindOf(name), maxRows+1)
	if err != nil {
		return doc.Value{}, err
	}
	if len(list) > maxRows {
		return doc.Value{}, fmt.Errorf("table %s has more than %d rows: read one with table(%q, key)", name, maxRows, name)
	}
	fields := make([]doc.Field, 0, len(list))
	for _, rec := range list {
		_, v, err := readRow(rec.Value)
		if err != nil {
			return v, fmt.Errorf("table %s %q: %w", name, rec.Key, err)
		}
		if v.Kind() != doc.Missing {
			fields = append(fields, doc.Field{Name: rec.Key, Value: v})
		}
	}
	return doc.ObjectOf(fields), nil
}
