package daemon

import (
	"cmp"
	"context"
	"crypto/rand"
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
	"orderhub/hub/doc"
	"orderhub/hub/engine"
	"orderhub/hub/store"
	"orderhub/pipelines"
	"orderhub/pipelines/process"
	"orderhub/pipelines/table"
)

// How much of each is looked at where no index tells.
const (
	scanMessages = 5000
	scanHistory  = 5000 // rows
	scanRecords  = 2000 // instances of a process, rows of a table
)

// search is what somebody looks for. What it found is in out.
type search struct {
	*admin
	ctx                 context.Context
	value, error        string // lower case; error: only in what failed
	partner             string // an adapter: only what failed there
	pipeline            string // with recent: only what happened in it
	since, until        time.Time
	before              int64
	limit               int
	recent              bool // nothing is looked for: what happened last, each order once
	out                 *api.Found
	seen                map[string]bool
	messages, histories int // looked at
}

// search finds orders and messages: ?order=&value=&field=&error=&partner=&recent=true&pipeline=&scan=true&since=&until=&before=&limit=.
func (a *admin) search(r *http.Request) (*api.Found, error) {
	query := r.URL.Query()
	s := &search{admin: a, ctx: r.Context(), value: strings.ToLower(query.Get("value")), error: strings.ToLower(query.Get("error")),
		partner: query.Get("partner"), pipeline: query.Get("pipeline"), recent: query.Get("recent") == "true", out: &api.Found{Hits: []api.Hit{}}, seen: map[string]bool{}}
	var err error
	if s.limit, err = limit(query, 50, 1000); err != nil {
		return nil, err
	}
	if s.before, err = number(query, "before", 0); err != nil {
		return nil, err
	}
	if s.since, err = a.before("since", query.Get("since")); err != nil {
		return nil, err
	}
	if s.until, err = a.before("until", query.Get("until")); err != nil {
		return nil, err
	}
	order, scan := query.Get("order"), query.Get("scan") == "true"
	switch {
	case order != "":
		err = s.named(order)
	case s.partner != "" && s.current.Load().Plan.Adapter(s.partner) == nil:
		return nil, api.NotFoundf("no adapter is called %q%s", s.partner, words.Meant(s.partner, pipelines.Names(s.current.Load().Plan.Adapters, func(a *pipelines.Adapter) string { return a.Name }), ""))
	case s.failures():
		err = s.scan()
	case s.pipeline != "" && !s.recent:
		return nil, api.BadQueryf("pipeline goes with recent=true: what happened in it last")
	case s.pipeline != "":
		if _, err = s.current.Load().pipeline(s.pipeline); err == nil {
			err = s.scanHistory()
		}
	case s.value == "" && s.recent:
		err = s.rows(nil)
	case s.value == "":
		return nil, api.BadQueryf("say what to look for: order, value, error, partner, or recent=true")
	default:
		if s.before == 0 && query.Get("field") == "" {
			err = s.named(query.Get("value"))
		}
		if err == nil {
			err = s.indexed(query.Get("field"))
		}
		if err == nil && (scan || len(s.out.Hits) == 0 && s.before == 0) {
			err = s.scan()
		}
	}
	slices.SortStableFunc(s.out.Hits, func(x, y api.Hit) int { return y.Time.Compare(x.Time) })
	return s.out, err
}

// add adds a hit, each order once for each kind of place.
func (s *search) add(h api.Hit) {
	at := cmp.Or(h.Order, h.ID)
	if !s.recent {
		at = h.Kind + "\x00" + h.Where + "\x00" + at
	}
	if s.seen[at] || h.Time.Before(s.since) || !s.until.IsZero() && h.Time.After(s.until) {
		return
	}
	if len(s.out.Hits) >= s.limit {
		s.out.Cut = true
		return
	}
	s.seen[at] = true
	if h.Do == "" {
		h.Do = "hub trace " + cmp.Or(h.Order, h.ID)
	}
	s.out.Hits = append(s.out.Hits, h)
}

// named finds what has the order number, or the ID: all that a trace knows of it, and rows of tables.
func (s *search) named(id string) error {
	v, err := s.Trace(s.ctx, id)
	if p, ok := errors.AsType[*api.Problem](err); ok && p.Status == http.StatusNotFound {
		v, err = &api.Trace{}, nil
	}
	if err == nil {
		err = s.traced(id, v)
	}
	if err != nil {
		return err
	}
	names, err := table.Names(s.ctx, s.storage)
	for _, name := range names {
		if _, one := table.One(s.ctx, s.storage, name, id); one == nil {
			s.row(name, id)
		}
	}
	return err
}

// traced adds what a trace knows.
func (s *search) traced(id string, v *api.Trace) error {
	if n := len(v.Events); n > 0 {
		e, order := v.Events[n-1], id
		if len(v.Correlations) > 0 && !slices.Contains(v.Correlations, id) {
			order = v.Correlations[0]
		}
		s.add(api.Hit{Time: e.Time, Order: order, ID: e.Message, Kind: "history", Where: e.Where, What: v.State + "; last: " + strings.TrimSpace(e.What+" "+e.Detail)})
	}
	for i := range v.Refused {
		s.refused(&v.Refused[i])
	}
	for _, in := range v.Instances {
		s.instance(in)
	}
	w, err := s.waiting(s.ctx, s.current.Load())
	if err != nil {
		return err
	}
	for _, m := range v.Stored {
		page, err := s.storage.Browse(s.ctx, store.BrowseQuery{Queue: m.Queue, After: m.Seq - 1, Limit: 1})
		if err == nil && len(page) == 1 && page[0].Seq == m.Seq {
			err = s.stored(w, page[0])
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// indexed finds the history that the index has of the value, at one path or at all.
func (s *search) indexed(field string) error {
	index := s.current.Load().rt.Index
	var terms []int64
	for _, path := range index.Paths {
		if field == "" || means(field, path) {
			terms = append(terms, index.Term(path, s.value))
		}
	}
	if len(terms) == 0 {
		if field == "" {
			return nil
		}
		return api.NotFoundf("%s is not indexed: %s; add it to hub: {index: […]}, or look for the value alone", field, cmp.Or(strings.Join(index.Paths, ", "), "nothing is"))
	}
	return s.rows(terms)
}

// rows adds the history that has the terms, the newest first.
func (s *search) rows(terms []int64) error {
	rows, err := s.storage.Find(s.ctx, store.FindQuery{Terms: terms, Since: s.since, Until: s.until, Before: s.before, Limit: s.limit})
	if err != nil {
		return err
	}
	for _, row := range rows {
		if err := s.event(&row, row.Events[len(row.Events)-1]); err != nil {
			return err
		}
	}
	if len(rows) == s.limit {
		s.out.Next = rows[len(rows)-1].Seq
	}
	return nil
}

// means tells that a name means an indexed path: it is the path, or its last part, or the thing whose id it is.
func means(name, path string) bool {
	thing := strings.TrimSuffix(path, ".id")
	return name == path || strings.HasSuffix(path, "."+name) || name == thing || strings.HasSuffix(thing, "."+name)
}

// event adds what a row of the history tells, under the order that it belongs to. Where the message had no order number yet, what came of it tells.
func (s *search) event(row *store.HistoryRow, e hub.Event) error {
	order := row.Correlation
	if order == "" {
		rows, err := s.storage.History(s.ctx, row.Root)
		if err != nil {
			return err
		}
		if i := slices.IndexFunc(rows, func(r store.HistoryRow) bool { return r.Correlation != "" }); i >= 0 {
			order = rows[i].Correlation
		}
	}
	s.add(api.Hit{Time: e.Time, Order: order, ID: row.Root, Kind: "history", Where: e.Where, What: strings.TrimSpace(e.What + " " + e.Detail)})
	return nil
}

// scan looks through what no index tells of: so much of each, and says how far.
func (s *search) scan() error {
	for _, look := range []func() error{s.scanMessages, s.scanRefused, s.scanHistory, s.scanRecords} {
		if err := look(); err != nil {
			return err
		}
	}
	return nil
}

// looked says how far it was looked.
func (s *search) looked(format string, args ...any) {
	s.out.Looked = strings.TrimPrefix(s.out.Looked+", "+fmt.Sprintf(format, args...), ", ")
}

// meets tells that a text has what is looked for.
func (s *search) meets(text string) bool {
	return strings.Contains(strings.ToLower(text), cmp.Or(s.error, s.value))
}

// failures tells that only what failed is looked for.
func (s *search) failures() bool { return s.error != "" || s.partner != "" }

// fails tells that a failure, at a step or in a queue, is what is looked for: text has its class, reason and words.
func (s *search) fails(text, where, queue string) bool {
	return s.meets(text) && (s.partner == "" || outboxOf(queue) == s.partner || names(where, s.partner))
}

// shows tells that a document has what is looked for, in what may be shown of it: what is secret can't be found by guessing.
func (s *search) shows(body []byte) bool {
	if s.failures() || !s.meets(string(body)) {
		return false
	}
	if _, err := doc.Parse(body); err != nil {
		return s.meets(s.Registry.Mask.Named(string(body)))
	}
	return s.meets(string(s.Registry.Mask.Shown(slices.Concat([]byte(`{"body":`), body, []byte("}")), true, documents...)))
}

func (s *search) scanMessages() error {
	w, err := s.waiting(s.ctx, s.current.Load())
	if err != nil {
		return err
	}
	total := 0
	for _, q := range w.Queues {
		total += q.Live() + q.Dead
	}
	for after := int64(0); s.messages < scanMessages; {
		page, err := s.storage.Browse(s.ctx, store.BrowseQuery{After: after, Limit: browsePage})
		if err != nil {
			return err
		}
		for _, d := range page {
			after, s.messages = d.Seq, s.messages+1
			m, failed := d.Msg, d.Error != nil && s.fails(d.Error.Err().Label()+": "+d.Error.Text(), d.Error.Where, d.Queue)
			if failed || !s.failures() && (s.meets(m.ID+" "+m.Key+" "+m.Correlation) || s.shows(m.Body.Bytes())) {
				if err := s.stored(w, d); err != nil {
					return err
				}
			}
		}
		if len(page) < browsePage {
			break
		}
	}
	s.looked("the oldest %d of %d messages in the store", s.messages, max(total, s.messages))
	return nil
}

func (s *search) scanRefused() error {
	list, err := s.upToDate().Refusals(s.ctx, store.RefusalQuery{Limit: store.MaxRefusals})
	for i := range list {
		if r := &list[i]; s.fails(string(r.Class)+" "+r.Reason+" "+r.Text, r.Source, "") || !s.failures() && s.meets(r.ID+" "+r.Correlation+" "+r.Begins) {
			s.refused(r)
		}
	}
	s.looked("%d refusals", len(list))
	return err
}

func (s *search) scanHistory() error {
	if len(s.out.Hits) >= s.limit { // nobody looks on
		s.out.Cut = true
		return nil
	}
	q := store.FindQuery{Since: s.since, Until: s.until, Before: s.before, Limit: browsePage}
	back := ""
	for s.histories < scanHistory && len(s.out.Hits) < s.limit {
		rows, err := s.storage.Find(s.ctx, q)
		for i := 0; i < len(rows) && err == nil; i++ {
			q.Before, s.histories = rows[i].Seq, s.histories+1
			back = rows[i].Events[0].Time.UTC().Format(time.DateTime) + "Z"
			for _, e := range slices.Backward(rows[i].Events) {
				if s.told(e) {
					err = s.event(&rows[i], e)
					break
				}
			}
		}
		if err != nil {
			return err
		}
		if len(rows) < browsePage {
			s.looked("the whole history of %d rows", s.histories)
			return nil
		}
	}
	s.out.Next = q.Before
	s.looked("the newest %d rows of the history, back to %s", s.histories, back)
	return nil
}

// told tells that an event says what is looked for.
func (s *search) told(e hub.Event) bool {
	if s.failures() {
		return (e.What == "failed" || e.What == "retried") && s.fails(e.Detail, e.Where, e.Where)
	}
	if s.pipeline != "" {
		return e.Where == s.pipeline || strings.HasPrefix(e.Where, s.pipeline+"/")
	}
	return s.meets(e.Message + " " + e.Where + " " + e.Detail)
}

// scanRecords looks through instances of processes and rows of tables.
func (s *search) scanRecords() error {
	if s.before > 0 {
		return nil
	}
	ps := s.processes()
	for _, name := range ps.Names() {
		found, _, err := process.List(s.ctx, s.storage, ps, name, "", s.limit, scanRecords, func(v *process.View) bool {
			failed := slices.ContainsFunc(v.Places, func(p process.Place) bool {
				return p.Error != nil && s.fails(p.Error.Class+" "+p.Error.Reason+" "+p.Error.Message, p.Error.Where, "")
			})
			return failed || !s.failures() && (s.meets(v.ID) || s.shows(v.Data))
		})
		if err != nil {
			return err
		}
		for _, v := range found {
			s.instance(v)
		}
	}
	names, err := table.Names(s.ctx, s.storage)
	for _, name := range names {
		rows, _, err := table.Rows(s.ctx, s.storage, name, "", scanRecords)
		if err != nil {
			return err
		}
		for _, row := range rows {
			if !s.failures() && (s.meets(row.Key) || s.shows(row.Value.JSON())) {
				s.row(name, row.Key)
			}
		}
	}
	s.looked("the first %d instances of each process and rows of each table", scanRecords)
	return err
}

func (s *search) stored(w *waitingView, d *hub.Delivery) error {
	why, err := w.why(s.ctx, d)
	h := api.Hit{Time: d.Msg.Time, Order: d.Msg.Correlation, ID: d.Msg.ID, Kind: "message", Where: d.Queue, What: d.State.String() + ": " + why,
		Do: "hub channel show " + words.Quoted(d.Queue) + " " + strconv.FormatInt(d.Seq, 10)}
	if d.State == hub.Dead {
		h.Kind, h.What, h.Do = "dead letter", d.Error.Text(), "hub dlq show "+strconv.FormatInt(d.Seq, 10)
	}
	s.add(h)
	return err
}

func (s *search) refused(r *hub.Refusal) {
	s.add(api.Hit{Time: r.Time, Order: r.Correlation, ID: r.ID, Kind: "refused", Where: r.Source, What: r.Reason + ": " + r.Text, Do: "hub refused show " + words.Quoted(r.ID)})
}

func (s *search) instance(v *process.View) {
	s.add(api.Hit{Time: v.Changed, Order: v.ID, Kind: "process", Where: v.Process, What: "state " + v.State, Do: "hub process show " + words.Quoted(v.Process+"/"+v.ID)})
}

func (s *search) row(name, key string) {
	s.add(api.Hit{Time: s.clock.Now(), ID: key, Kind: "table", Where: name, What: "row " + key, Do: "hub table show " + name + " " + words.Quoted(key)})
}

// indexKind is the kind of the record that holds the key of the index.
const indexKind = "hub.index"

// index is an index of the paths, with the key that the store has, or gets now. It is the same for all hubs of a store.
func (d *Daemon) index(ctx context.Context, paths []string) (*engine.Index, error) {
	rec, err := d.storage.Get(ctx, indexKind, "key")
	if errors.Is(err, hub.ErrNotFound) {
		key := make([]byte, 32)
		rand.Read(key) // never fails
		err = d.storage.Commit(ctx, &hub.Unit{Writes: []hub.Write{{Kind: indexKind, Key: "key", Value: key}}})
		if err == nil || errors.Is(err, hub.ErrConflict) { // another hub was quicker
			rec, err = d.storage.Get(ctx, indexKind, "key")
		}
	}
	return engine.NewIndex(rec.Value, paths), err
}
