package daemon

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"iter"
	"net/http"
	"net/url"
	"os/user"
	"slices"
	"strings"
	"time"

	"orderhub/cmd/hub/internal/api"
	"orderhub/cmd/hub/internal/audit"
	"orderhub/cmd/hub/internal/words"
	"orderhub/hub"
	"orderhub/hub/doc"
	"orderhub/hub/escape"
	"orderhub/hub/store"
)

// act is a call that leaves a record in the audit log. Its handler fills in On and Count as it learns them.
type act struct {
	audit.Record
	asked   any // the request, as it was read
	commits int // units that took their record along
	looked  bool
}

type actKey struct{}

// actOf is the act that a call is; without a name it is not recorded.
func actOf(ctx context.Context) *act { return ctx.Value(actKey{}).(*act) }

// recorded runs the handler of a call for whoever may make it, and sees to its record. A call that only looks
// is recorded when it shows bodies (?full=true, or the handler says so) or what is personal. What the handler commits by commit has its record in the same unit. An act that commits nothing, or that fails in
// the end, gets one of its own; without that record it is not answered.
func recorded[C, A any](a *admin, r *http.Request, call api.Call[C], h handler[A]) (answer A, err error) {
	query, who, name := r.URL.Query(), api.WhoOf(r.Context()), call.Act
	allowed := call.Allow(who, r.PathValue("name"), query)
	if who.Role == 0 { // whom nobody knows leaves no record
		return answer, allowed
	}
	if name == "" && (query.Get("full") == "true" || query.Get("personal") == "true") {
		name = api.View
	}
	c := &act{Record: audit.Record{Act: name, Who: cmp.Or(who.Name, query.Get("by"), owner()), Why: query.Get("why"), On: r.PathValue("name"), Count: 1, Outcome: "done"}}
	unknown := call.Unknown(query)
	for _, common := range []string{"by", "why"} {
		query.Del(common)
	}
	if query.Get("value") != "" { // of whom somebody looks for: the log is kept for longer than that may be
		query.Set("value", "…")
	}
	if len(query) > 0 {
		c.asked, _ = url.QueryUnescape(query.Encode()) // of our own encoding
	}
	if err = cmp.Or(allowed, unknown); err == nil {
		answer, err = h(r.WithContext(context.WithValue(r.Context(), actKey{}, c)))
	}
	switch {
	case c.Act == "":
		return answer, err
	case err != nil:
		c.Count, c.Outcome = 0, "refused: "+hub.AsError(err).Error()
	case c.commits > 0 || c.looked:
		return answer, nil
	}
	return answer, errors.Join(err, a.commit(context.WithValue(context.WithoutCancel(r.Context()), actKey{}, c), &hub.Unit{}))
}

// owner is the user whose hub it is: the control socket is theirs alone.
func owner() string {
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return "unknown"
}

// commit makes a unit of the call's act durable, with its record.
func (a *admin) commit(ctx context.Context, u *hub.Unit) error {
	c := actOf(ctx)
	rec := c.Record
	rec.Time, rec.Asked = a.clock.Now().UTC(), a.asked(c.asked)
	for _, text := range []*string{&rec.Who, &rec.Why, &rec.On, &rec.Outcome} {
		*text = bounded(a.Registry.Mask.Text(*text))
	}
	err := a.log.Append(ctx, rec, u, a.current.Load().rt.Commit)
	if err == nil {
		c.commits++
	}
	return err
}

const maxRecorded = 1000 // bytes of a text of a record

// bounded is a text as a record has it: its beginning, without characters that steer a terminal.
func bounded(text string) string {
	if text = escape.Visible(text); len(text) <= maxRecorded {
		return text
	}
	return strings.ToValidUTF8(text[:maxRecorded], "") + "…"
}

// asked is a request as its record has it. Of an object, which holds what messages or data get, it has the names alone, and of a body
// its size: values are of customers, and the log is kept for longer than they may be.
func (a *admin) asked(q any) string {
	switch q := q.(type) {
	case nil:
		return ""
	case string:
		return bounded(a.Registry.Mask.Text(q))
	}
	raw, err := json.Marshal(q)
	if err != nil {
		return err.Error()
	}
	v, err := doc.Parse(raw)
	if err != nil {
		return err.Error()
	}
	var fields []doc.Field
	for name, f := range v.Fields() {
		switch {
		case f.Kind() == doc.Object:
			var names []doc.Value
			for inner := range f.Fields() {
				names = append(names, doc.StringValue(inner))
			}
			f = doc.ListOf(names)
		case name == "body":
			f = doc.StringValue(words.Plural(len(f.Text()), "byte"))
		}
		fields = append(fields, doc.Field{Name: name, Value: f})
	}
	return bounded(a.Registry.Mask.Text(string(doc.ObjectOf(fields).JSON())))
}

// auditLog pages through the audit log: ?after=&limit= in its order, or the newest, ?before=, that
// ?who=&act=&on=&since=&until= choose.
func (a *admin) auditLog(r *http.Request) (*api.AuditPage, error) {
	return AuditLog(r.Context(), a.storage, r.URL.Query())
}

const auditPage = 500

// AuditLog is a page of a store's audit log.
func AuditLog(ctx context.Context, st store.Reader, query url.Values) (*api.AuditPage, error) {
	head, _, err := audit.Head(ctx, st)
	if err != nil {
		return nil, err
	}
	page := &api.AuditPage{Head: head.N}
	if query.Has("after") {
		after, err := number(query, "after", 0)
		if err == nil {
			page.Lines, err = audit.Lines(ctx, st, after, auditPage)
		}
		return page, err
	}
	most, err := limit(query, 50, 1000)
	if err != nil {
		return nil, err
	}
	chosen, err := auditFilter(query)
	if err != nil {
		return nil, err
	}
	end, err := number(query, "before", head.N+1)
	if err != nil {
		return nil, err
	}
	for line, err := range auditBackward(ctx, st, end) {
		if err != nil {
			return nil, err
		}
		if r, _, _, err := audit.Parse([]byte(line)); err != nil || chosen(&r) { // what can't be read is shown to be so
			page.Lines = append(page.Lines, line)
		}
		if len(page.Lines) == most {
			break
		}
	}
	return page, nil
}

// auditBackward are the lines with numbers below end, the newest first, down to what is expired.
func auditBackward(ctx context.Context, st store.Reader, end int64) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for end > 1 {
			from := max(end-auditPage, 1)
			lines, err := audit.Lines(ctx, st, from-1, int(end-from))
			if err != nil {
				yield("", err)
				return
			}
			for _, line := range slices.Backward(lines) {
				if r, _, _, err := audit.Parse([]byte(line)); err == nil && r.N >= end {
					continue // some of this page are gone
				}
				if !yield(line, nil) {
					return
				}
			}
			if end = from; len(lines) == 0 {
				return
			}
		}
	}
}

// auditFilter is what a query chooses.
func auditFilter(query url.Values) (func(r *audit.Record) bool, error) {
	var times [2]time.Time
	for i, name := range []string{"since", "until"} {
		var err error
		if times[i], err = moment(time.Now(), name, query.Get(name)); err != nil {
			return nil, err
		}
	}
	who, name, on := query.Get("who"), query.Get("act"), query.Get("on")
	return func(r *audit.Record) bool {
		return (who == "" || r.Who == who) && (name == "" || r.Act == name) && strings.Contains(r.On+" "+r.Asked, on) &&
			!r.Time.Before(times[0]) && (times[1].IsZero() || r.Time.Before(times[1]))
	}, nil
}

// expireAudit removes the records that are older than the configuration keeps them.
func (d *Daemon) expireAudit(ctx context.Context, keep time.Duration) {
	now := d.clock.Now().UTC()
	rec := audit.Record{Time: now, Who: "hub", Why: "hub.retention.audit is over", Outcome: "done"}
	if err := d.log.Expire(ctx, now.Add(-keep), rec); err != nil && ctx.Err() == nil {
		d.Log.Warn("old records of the audit log can't be removed", "error", err)
	}
}

// recordReload records a reload that a signal asked for.
func (d *Daemon) recordReload(ctx context.Context, a *api.Reloaded) {
	rec := audit.Record{Time: d.clock.Now().UTC(), Who: owner(), Act: "reload", On: a.New, Why: "SIGHUP", Count: 1, Outcome: d.Registry.Mask.Text(a.Outcome())}
	if err := d.log.Append(context.WithoutCancel(ctx), rec, &hub.Unit{}, d.storage.Commit); err != nil {
		d.Log.Error("a reload is not in the audit log", "error", err)
	}
}
