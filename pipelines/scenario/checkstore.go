package scenario

import (
	"context"
	"fmt"
	"strings"

	"orderhub/hub"
	"orderhub/hub/doc"
	"orderhub/hub/store"
)

// deadLetters are the dead letters, the oldest first.
func (r *run) deadLetters(ctx context.Context) []*hub.Delivery {
	list, err := r.store.Browse(ctx, store.BrowseQuery{State: hub.Dead, Limit: 1 << 20})
	if err != nil {
		r.fault("a store that can be read", err.Error())
	}
	return list
}

// noneDead holds that no message became a dead letter.
func (r *run) noneDead(ctx context.Context) *miss {
	dead := r.deadLetters(ctx)
	if len(dead) == 0 {
		return nil
	}
	return &miss{"no dead letters at the end, or expect: {dead: " + fmt.Sprint(len(dead)) + "}",
		plural(len(dead), "dead letter") + ": " + shown(deadView(dead[0])), r.why(dead[0].Msg)}
}

func (r *run) deadAre(ctx context.Context, w *wanted) *miss {
	dead := r.deadLetters(ctx)
	var all []seen
	for _, d := range dead {
		all = append(all, seen{deadView(d), r.frame(d.Msg)})
	}
	bad := w.fits(len(all), all)
	if bad == "" {
		return nil
	}
	why := ""
	if len(dead) > 0 {
		why = r.why(dead[0].Msg)
	}
	return &miss{"dead letters  " + w.String(), "dead letters  " + bad, why}
}

// deadView is a dead letter as patterns see it.
func deadView(d *hub.Delivery) doc.Value {
	fields := []doc.Field{{Name: "queue", Value: doc.StringValue(d.Queue)}}
	if f := d.Error; f != nil {
		for _, e := range [][2]string{{"class", string(f.Class)}, {"reason", f.Reason}, {"where", f.Where}, {"message", f.Message}} {
			fields = append(fields, doc.Field{Name: e[0], Value: doc.StringValue(e[1])})
		}
	}
	return doc.ObjectOf(append(fields, doc.Field{Name: "body", Value: document(d.Msg)}))
}

// Kinds of records that other packages write.
const (
	tableKind   = "table "
	counterKind = "count "
)

// fill puts the rows that the test begins with.
func (r *run) fill(ctx context.Context) error {
	u := &hub.Unit{}
	for _, row := range r.test.tables {
		v, err := row.value.eval(r.frame(&hub.Message{}))
		if err != nil {
			return err
		}
		record := doc.ObjectOf([]doc.Field{{Name: "row", Value: v}})
		u.Writes = append(u.Writes, hub.Write{Kind: tableKind + row.table, Key: row.key, Value: record.JSON(), IfVersion: hub.AnyVersion})
		r.kinds[tableKind+row.table] = true
	}
	return r.store.Commit(ctx, u)
}

// table is the rows of a table as one object.
func (r *run) table(ctx context.Context, name string) (doc.Value, error) {
	records, err := r.store.List(ctx, tableKind+name, "", "", 0)
	var fields []doc.Field
	for _, rec := range records {
		v, err := doc.Parse(rec.Value)
		if err != nil {
			return v, err
		}
		if row := v.Get("row"); row.Kind() != doc.Missing {
			fields = append(fields, doc.Field{Name: rec.Key, Value: row})
		}
	}
	return doc.ObjectOf(fields), err
}

func (r *run) tableIs(ctx context.Context, name string, want *value) *miss {
	rows, err := r.table(ctx, name)
	if err != nil {
		return &miss{"table " + name + "  " + want.pattern(), err.Error(), r.why(nil)}
	}
	return r.held("table "+name, name, want, rows, nil)
}

// held holds what the store has against a pattern, whose formulas see it as the body. m, if there is one, is the message to tell of.
func (r *run) held(title, path string, want *value, got doc.Value, m *hub.Message) *miss {
	bad := want.differs(path, got, r.frame(&hub.Message{Body: hub.DocumentBody(got)}))
	if bad == "" {
		return nil
	}
	return &miss{title + "  " + want.pattern(), bad, r.why(m)}
}

// countersAre holds counters: {order_events: {web|paid: 1}} by name and key.
func (r *run) countersAre(ctx context.Context, want *value) *miss {
	var fields []doc.Field
	for _, kind := range sortedKeys(r.kinds) {
		name, ok := strings.CutPrefix(kind, counterKind)
		if !ok {
			continue
		}
		fields = append(fields, doc.Field{Name: name, Value: r.counter(ctx, kind)})
	}
	return r.held("counter", "counter", want, doc.ObjectOf(fields), nil)
}

// counter is a counter's numbers by key; one without keys is its number.
func (r *run) counter(ctx context.Context, kind string) doc.Value {
	numbers, err := r.store.Counters(ctx, kind, "")
	if err != nil {
		r.fault("a store that can be read", err.Error())
	}
	if n, alone := numbers[""]; alone && len(numbers) == 1 {
		return doc.IntValue(n)
	}
	var fields []doc.Field
	for _, key := range sortedKeys(numbers) {
		fields = append(fields, doc.Field{Name: key, Value: doc.IntValue(numbers[key])})
	}
	return doc.ObjectOf(fields)
}
