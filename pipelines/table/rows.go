package table

import (
	"context"
	"fmt"
	"strings"

	"orderhub/hub"
	"orderhub/hub/doc"
)

// Row is a row of a table.
type Row struct {
	Key   string
	Value doc.Value
}

// Kinds tells which kinds of records begin with a prefix.
type Kinds interface {
	Kinds(ctx context.Context, prefix string) ([]string, error)
}

// Names are the tables that have rows, or had some lately.
func Names(ctx context.Context, st Kinds) ([]string, error) {
	kinds, err := st.Kinds(ctx, kindOf(""))
	for i, k := range kinds {
		kinds[i] = strings.TrimPrefix(k, kindOf(""))
	}
	return kinds, err
}

// Rows reads up to limit rows of a table in the order of their keys, behind the key after. next is the key to go on
// behind; "": there are no more.
func Rows(ctx context.Context, st hub.Records, name, after string, limit int) (rows []Row, next string, err error) {
	list, err := st.List(ctx, kindOf(name), "", after, limit)
	for _, rec := range list {
		_, v, err := readRow(rec.Value)
		if err != nil {
			return nil, "", fmt.Errorf("table %s %q: %w", name, rec.Key, err)
		}
		if v.Kind() != doc.Missing { // else it was deleted, and its version is known still
			rows = append(rows, Row{rec.Key, v})
		}
	}
	if len(list) == limit {
		next = list[limit-1].Key
	}
	return rows, next, err
}

// One reads a row; hub.ErrNotFound when there is none.
func One(ctx context.Context, st hub.Records, name, key string) (doc.Value, error) {
	rec, err := st.Get(ctx, kindOf(name), key)
	if err != nil {
		return doc.Value{}, err
	}
	_, v, err := readRow(rec.Value)
	if err == nil && v.Kind() == doc.Missing {
		err = hub.ErrNotFound
	}
	return v, err
}
