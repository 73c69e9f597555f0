package daemon

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"

	"orderhub/cmd/hub/internal/api"
	"orderhub/cmd/hub/internal/words"
	"orderhub/hub"
	"orderhub/pipelines/table"
)

const countedRows = 1000 // of a table, for the list of tables

// tables are those that have rows.
func (a *admin) tables(r *http.Request) ([]api.TableStatus, error) {
	names, err := table.Names(r.Context(), a.storage)
	if err != nil {
		return nil, err
	}
	out := []api.TableStatus{}
	for _, name := range names {
		rows, next, err := table.Rows(r.Context(), a.storage, name, "", countedRows)
		if err != nil {
			return nil, err
		}
		out = append(out, api.TableStatus{Table: name, Rows: len(rows), More: next != ""})
	}
	return out, nil
}

// rows pages through the rows of a table: ?key=&match=&after=&limit=.
func (a *admin) rows(r *http.Request) (*api.TableRows, error) {
	query, name := r.URL.Query(), r.PathValue("name")
	most, err := limit(query, 100, 1000)
	if err != nil {
		return nil, err
	}
	asked, err := a.ask(query.Get("match"), "row")
	if err != nil {
		return nil, err
	}
	if err := a.knownTable(r.Context(), name); err != nil {
		return nil, err
	}
	out := &api.TableRows{Rows: []api.TableRow{}}
	var rows []table.Row
	if key := query.Get("key"); key != "" {
		v, err := table.One(r.Context(), a.storage, name, key)
		if errors.Is(err, hub.ErrNotFound) {
			return nil, api.NotFoundf("table %s has no row %s: hub table show %[1]s lists them", name, key)
		} else if err != nil {
			return nil, err
		}
		rows = []table.Row{{Key: key, Value: v}}
	} else if rows, out.Next, err = table.Rows(r.Context(), a.storage, name, query.Get("after"), most); err != nil {
		return nil, err
	}
	for _, row := range rows {
		m := &hub.Message{ID: row.Key, Key: row.Key, Body: hub.DocumentBody(row.Value)}
		if asked.meets("row "+row.Key, m, hub.Vars(nil).With("row", row.Value)) {
			out.Rows = append(out.Rows, api.TableRow{Key: row.Key, Body: row.Value.JSON()})
		}
	}
	out.Asked = asked.Asked
	return out, nil
}

func (a *admin) knownTable(ctx context.Context, name string) error {
	known, err := table.Names(ctx, a.storage)
	if err != nil || slices.Contains(known, name) {
		return err
	}
	if len(known) == 0 {
		return api.NotFoundf("no table has rows")
	}
	return api.NotFoundf("no table %q%s", name, words.Meant(name, known, "known: "+strings.Join(known, ", ")))
}
