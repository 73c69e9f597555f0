package daemon

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"orderhub/cmd/hub/internal/api"
	"orderhub/cmd/hub/internal/words"
	"orderhub/hub"
	"orderhub/hub/engine"
	"orderhub/hub/store"
	"orderhub/pipelines/alert"
	"orderhub/pipelines/table"
)

// sampled is how many messages of a queue are looked at to tell how large they are.
const sampled = 100

// channels are the channels of the configuration that the store carries, and all other queues with messages, by name.
func (a *admin) channels(r *http.Request) ([]api.Channel, error) {
	ctx, g := r.Context(), a.current.Load()
	w, err := a.waiting(ctx, g)
	if err != nil {
		return nil, err
	}
	w.Queues = slices.DeleteFunc(w.Queues, func(q api.Queue) bool { return q.Queue == alert.Queue && q.Dead == 0 }) // the hub's own clock
	types := map[string]string{}
	for _, c := range g.Plan.Channels {
		if c.Via != nil {
			continue
		}
		queues := c.Subscriptions()
		for _, q := range queues {
			types[q] = c.Type
		}
		if len(queues) == 0 {
			types[c.Name] = c.Type
		}
	}
	for name := range types {
		if !slices.ContainsFunc(w.Queues, func(q api.Queue) bool { return q.Queue == name }) {
			w.Queues = append(w.Queues, api.Queue{QueueStats: store.QueueStats{Queue: name}})
		}
	}
	slices.SortFunc(w.Queues, func(x, y api.Queue) int { return cmp.Compare(x.Queue, y.Queue) })
	out := make([]api.Channel, len(w.Queues))
	for i, q := range w.Queues {
		out[i] = api.Channel{Queue: q, Type: types[q.Queue], Reader: w.reader(q.Queue)}
		_, out[i].Paused = w.paused(q.Queue)
		if out[i].Bytes, err = a.bytes(ctx, &q); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// bytes is about how long the bodies of a queue are together.
func (a *admin) bytes(ctx context.Context, q *api.Queue) (sum int64, err error) {
	all := int64(q.Live() + q.Dead)
	if all == 0 {
		return 0, nil
	}
	page, err := a.storage.Browse(ctx, store.BrowseQuery{Queue: q.Queue, Limit: sampled})
	for _, d := range page {
		sum += int64(d.Msg.Body.Len())
	}
	if n := int64(len(page)); n > 0 && n < all {
		sum = sum * all / n
	}
	return sum, err
}

// messages pages through the messages of a queue: ?id=&match=&older=&after=&limit=&full=true.
func (a *admin) messages(r *http.Request) (*api.ChannelPage, error) {
	query := r.URL.Query()
	s := api.Selection{Match: query.Get("match"), Older: query.Get("older"), IDs: query["id"]}
	var err error
	if s.After, err = number(query, "after", 0); err != nil {
		return nil, err
	}
	most, err := limit(query, 100, 1000)
	if err != nil {
		return nil, err
	}
	w, err := a.waiting(r.Context(), a.current.Load())
	if err != nil {
		return nil, err
	}
	p, err := a.portion(r.Context(), r.PathValue("name"), &s, most)
	if err != nil {
		return nil, err
	}
	out := &api.ChannelPage{Messages: []api.Stored{}, Next: p.next, Asked: p.Asked}
	for _, d := range p.chosen {
		m := api.StoredOf(d)
		if m.Why, err = w.why(r.Context(), d); err != nil {
			return nil, err
		}
		if query.Get("full") == "true" {
			m.Headers, m.Body = d.Msg.Headers, a.body(d.Msg.Body)
		}
		out.Messages = append(out.Messages, m)
	}
	return out, nil
}

// waitingView tells what stored messages wait for.
type waitingView struct {
	*statusView
	a      *admin
	g      *generation
	stages map[string]engine.StageStatus // by queue
	heads  map[string]string             // why the first message of a queue and key waits, for those that are held behind it
}

// waiting is a waitingView of now. Its status has nothing but the queues and the pauses.
func (a *admin) waiting(ctx context.Context, g *generation) (*waitingView, error) {
	w := &waitingView{statusView: &statusView{outages: a.health.Outages(), Status: &api.Status{}}, a: a, g: g,
		stages: map[string]engine.StageStatus{}, heads: map[string]string{}}
	for _, s := range g.rt.Status() {
		w.stages[s.Queue] = s
	}
	err := w.findQueues(ctx, a.Daemon)
	return w, err
}

// reader is who reads the queue: a pipeline, or the adapter of an outbox; "" for nobody.
func (w *waitingView) reader(queue string) string {
	s, read := w.stages[queue]
	if !read {
		return ""
	}
	return strings.TrimPrefix(engine.PipelineOf(s.Name), "@")
}

// paused is the pipeline that reads the queue, and why it is paused; "" if it is not.
func (w *waitingView) paused(queue string) (pipeline, why string) {
	s, read := w.stages[queue]
	if !read || !s.Paused {
		return "", ""
	}
	pipeline = engine.PipelineOf(s.Name)
	i := slices.IndexFunc(w.Paused, func(p api.Pause) bool { return p.Pipeline == pipeline })
	if i < 0 || w.Paused[i].Reason == "" {
		return pipeline, "paused"
	}
	return pipeline, "paused: " + w.Paused[i].Reason
}

// why says what a stored message waits for.
func (w *waitingView) why(ctx context.Context, d *hub.Delivery) (string, error) {
	s, read := w.stages[d.Queue]
	pipeline, paused := w.paused(d.Queue)
	switch {
	case d.State == hub.Dead:
		return "dead letter: " + d.Error.Text(), nil
	case !read:
		return "nobody reads " + d.Queue, nil
	case paused != "":
		return pipeline + " is " + paused, nil
	case d.State == hub.Held:
		return w.behind(ctx, d)
	case d.State == hub.Waiting:
		return w.until(d), nil
	}
	if o := w.outageOf(outboxOf(d.Queue)); o != nil {
		return o.Name + " fails: " + o.Error, nil
	}
	return fmt.Sprintf("its turn comes: %s handles %s now", s.Name, words.Plural(s.Running, "message")), nil
}

// behind says which message of its key a held one waits for, and why that waits.
func (w *waitingView) behind(ctx context.Context, d *hub.Delivery) (string, error) {
	at := d.Queue + "\x00" + d.Msg.Key
	if why, known := w.heads[at]; known {
		return why, nil
	}
	first, err := w.a.storage.Browse(ctx, store.BrowseQuery{Queue: d.Queue, Key: d.Msg.Key, State: hub.Waiting, Limit: 1})
	if err != nil {
		return "", err
	}
	why := "behind an earlier message of key " + d.Msg.Key
	if len(first) > 0 {
		why = fmt.Sprintf("behind message %d of key %s, %s", first[0].Seq, d.Msg.Key, w.until(first[0]))
	}
	w.heads[at] = why
	return why, nil
}

// until says what a waiting message waits for: a time, a part of the hub that fails, a breaker, a bound.
func (w *waitingView) until(d *hub.Delivery) string {
	at := "due at " + d.Due.UTC().Format(time.DateTime) + "Z"
	f := d.Error
	if f == nil {
		return at
	}
	next := "; next try " + at
	o := w.outageOf(d.Await)
	switch {
	case f.Reason == hub.BreakerOpen:
		return "the circuit breaker of " + cmp.Or(d.Await, f.Where) + " is open: " + f.Text() + next
	case f.Class == hub.Throttled:
		return "throttled: " + f.Text() + next
	case o != nil:
		return o.Name + " fails since " + o.Since.UTC().Format(time.DateTime) + "Z: " + o.Error + next
	}
	return "it failed: " + f.Text() + "; try " + strconv.Itoa(d.Attempts+1) + " " + at
}

// outageOf is the outage of an adapter; nil: it works, as far as is known.
func (w *waitingView) outageOf(adapter string) *engine.Outage {
	i := slices.IndexFunc(w.outages, func(o engine.Outage) bool { return o.Kind == engine.PartAdapter && o.Name == adapter })
	if i < 0 || adapter == "" {
		return nil
	}
	return &w.outages[i]
}

// outboxOf is the adapter whose outbox the queue is; "": it is none.
func outboxOf(queue string) string {
	rest, ok := strings.CutPrefix(queue, "@")
	if !ok {
		return ""
	}
	name, _, _ := strings.Cut(rest, " ")
	return name
}

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
	asked, err := a.ask("match", query.Get("match"), "row")
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
