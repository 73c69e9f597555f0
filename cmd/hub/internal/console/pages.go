package console

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"orderhub/cmd/hub/internal/api"
	"orderhub/cmd/hub/internal/audit"
	"orderhub/hub"
	"orderhub/hub/store"
	"orderhub/pipelines/process"
)

// routes are the pages and the acts. What people name stands in the query, so that any name may have any character.
func (c *Console) routes() {
	c.page("/", c.overview)
	c.page("/pipelines", c.pipelines)
	c.page("/pipeline", c.pipeline)
	c.page("/messages", c.messages)
	c.mux.HandleFunc("GET /find", c.find)
	c.page("/message", c.message)
	c.once("/bodies", c.bodies)
	c.page("/errors", c.errors)
	c.page("/error", c.deadGroup)
	c.once("/dead", c.dead)
	c.page("/refusals", c.refusals)
	c.once("/refusal", c.refusal)
	c.page("/processes", c.processes)
	c.page("/process", c.process)
	c.page("/instance", c.instance)
	c.once("/data", c.data)
	c.page("/tasks", c.tasks)
	c.page("/task", c.task)
	c.page("/channels", c.channels)
	c.page("/channel", c.channel)
	c.page("/tables", c.tables)
	c.page("/table", c.table)
	c.page("/adapters", c.adapters)
	c.page("/alerts", c.alerts)
	c.once("/try", c.try)
	c.needs["/try"] = api.PostTry.Declared
	c.mux.HandleFunc("POST /try", func(w http.ResponseWriter, r *http.Request) { c.alone(w, r, c.try) })
	c.page("/config", c.config)
	c.page("/system", c.system, api.GetAudit.Declared)
	c.acts()
	c.once("/", func(r *http.Request, _ *api.Status) (*view, error) {
		return nil, api.NotFoundf("%s is no page of the console", r.URL.Path)
	})
}

const pageOf = "50" // rows of a list

// query is a query of the names and values, without those that have none.
func query(pairs ...string) url.Values {
	q := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			q.Set(pairs[i], pairs[i+1])
		}
	}
	return q
}

// find leads to what is looked for: the page of the order or message that has the number, or else the search.
func (c *Console) find(w http.ResponseWriter, r *http.Request) {
	text := strings.TrimSpace(r.FormValue("q"))
	to := "/messages?" + query("q", text).Encode()
	if found, err := ask(c, r, api.GetFound, query("order", text)); text != "" && err == nil {
		i := slices.IndexFunc(found.Hits, func(h api.Hit) bool { return h.Kind != "table" })
		if order := slices.IndexFunc(found.Hits, func(h api.Hit) bool { return h.Kind == "process" }); order >= 0 {
			i = order
		}
		if i >= 0 {
			to = hitPage(&found.Hits[i])
		}
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
}

// messages is the search; with nothing to look for, what happened last, or what failed at a partner.
func (c *Console) messages(r *http.Request, _ *api.Status) (*view, error) {
	text, pipeline, partner := strings.TrimSpace(r.FormValue("q")), r.FormValue("pipeline"), r.FormValue("partner")
	q := query("value", text, "partner", partner, "pipeline", pipeline, "since", r.FormValue("since"), "before", r.FormValue("before"), "limit", pageOf)
	switch {
	case text != "":
		q.Del("pipeline")
	case partner == "":
		q.Set("recent", "true")
	}
	found, err := ask(c, r, api.GetFound, q)
	return &view{"messages", "Messages", struct {
		*api.Found
		Query, Pipeline, Partner, Since string
	}{found, text, q.Get("pipeline"), partner, r.FormValue("since")}}, err
}

// message is all that is known of a message or an order.
func (c *Console) message(r *http.Request, _ *api.Status) (*view, error) {
	return c.traced(r, query("id", r.FormValue("id")))
}

// bodies is message with what each step changed in the body. Looking at it is recorded.
func (c *Console) bodies(r *http.Request, _ *api.Status) (*view, error) {
	return c.traced(r, query("id", r.FormValue("id"), "full", "true", "by", byConsole))
}

func (c *Console) traced(r *http.Request, q url.Values) (*view, error) {
	t, err := ask(c, r, api.GetTrace, q)
	if err != nil {
		return nil, err
	}
	return &view{"message", cmp.Or(strings.Join(t.Correlations, ", "), t.ID), struct {
		*api.Trace
		Lines []line
		Full  bool
		Kept  bool // bodies of some step
	}{t, timeline(t.Events), q.Has("full"), slices.ContainsFunc(t.Events, func(e api.TraceEvent) bool { return e.Body != nil })}}, nil
}

// line is an event with its place in the waterfall.
type line struct {
	api.TraceEvent
	Gap   bool // nothing happened for a while before it
	X, W  int  // where its bar begins and how long it is, in thousandths of the whole
	State string
}

// A gap is a second or more, and a twentieth of the whole, in which nothing happened.
const (
	gapLeast = time.Second
	gapPart  = 20
)

// timeline places events in a waterfall.
func timeline(events []api.TraceEvent) []line {
	if len(events) == 0 {
		return nil
	}
	first, end := events[0].Time, events[0].Time
	for _, e := range events {
		if t := e.Time.Add(e.Took); t.After(end) {
			end = t
		}
	}
	whole := max(end.Sub(first), 1)
	out := make([]line, len(events))
	for i, e := range events {
		out[i] = line{TraceEvent: e, X: min(int(1000*e.Time.Sub(first)/whole), 992), W: max(int(1000*e.Took/whole), 8), State: stateOf(e.What)}
		out[i].Gap = i > 0 && e.Time.Sub(events[i-1].Time) > max(whole/gapPart, gapLeast)
	}
	return out
}

// stateOf is how an event is coloured.
func stateOf(what string) string {
	switch what {
	case "failed", "dead", "refused", "crashed", "rejected", "invalid":
		return "bad"
	case "retried", "waits", "throttled", "compensated", "dropped":
		return "warn"
	}
	return ""
}

func (c *Console) errors(r *http.Request, _ *api.Status) (*view, error) {
	groups, err := ask(c, r, api.GetDeadGroups, nil)
	return &view{"errors", "Errors", groups}, err
}

// deadGroup is a page of the dead letters of one cause.
func (c *Console) deadGroup(r *http.Request, _ *api.Status) (*view, error) {
	name := r.FormValue("group")
	groups, err := ask(c, r, api.GetDeadGroups, nil)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(groups, func(g api.DeadGroup) bool { return g.Group == name })
	if i < 0 {
		return nil, api.NotFoundf("no dead letter has this cause any more: all of them were replayed or dropped")
	}
	letters, err := ask(c, r, api.GetDead, query("group", name, "after", r.FormValue("after"), "limit", pageOf))
	return &view{"deadgroup", groups[i].Where, struct {
		api.DeadGroup
		Letters []api.Stored
	}{groups[i], letters}}, err
}

// dead is a dead letter with its headers and its body. Looking at it is recorded.
func (c *Console) dead(r *http.Request, _ *api.Status) (*view, error) {
	found, err := ask(c, r, api.GetDead, query("seq", r.FormValue("seq"), "full", "true", "by", byConsole))
	if err == nil && len(found) == 0 {
		err = api.NotFoundf("no dead letter has this number any more: it was replayed or dropped")
	}
	if err != nil {
		return nil, err
	}
	return &view{"dead", "Dead letter", found[0]}, nil
}

func (c *Console) refusals(r *http.Request, _ *api.Status) (*view, error) {
	counts, err := ask(c, r, api.GetRefusedCounts, nil)
	if err != nil {
		return nil, err
	}
	list, err := ask(c, r, api.GetRefused, query("source", r.FormValue("source"), "reason", r.FormValue("reason"), "before", r.FormValue("before"), "limit", pageOf))
	return &view{"refusals", "Refusals", struct {
		Counts         []store.RefusalCount
		List           []hub.Refusal
		Source, Reason string
	}{counts, list, r.FormValue("source"), r.FormValue("reason")}}, err
}

// refusal is what is kept of one refusal, with the beginning of what came. Looking at it is recorded.
func (c *Console) refusal(r *http.Request, _ *api.Status) (*view, error) {
	list, err := ask(c, r, api.GetRefused, query("id", r.FormValue("id"), "full", "true", "limit", "1", "by", byConsole))
	if err == nil && len(list) == 0 {
		err = api.NotFoundf("this refusal is not kept any more")
	}
	if err != nil {
		return nil, err
	}
	return &view{"refusal", "Refused", list[0]}, nil
}

// tasks are those that are due first, of all or of a group.
func (c *Console) tasks(r *http.Request, _ *api.Status) (*view, error) {
	list, err := ask(c, r, api.GetTasks, query("group", r.FormValue("group"), "limit", pageOf))
	return &view{"tasks", "Tasks", struct {
		Group string
		First []process.OpenTask
	}{r.FormValue("group"), list}}, err
}

// task is a task with what it shows. Its answer is an act.
func (c *Console) task(r *http.Request, _ *api.Status) (*view, error) {
	k, err := ask(c, r, api.GetTask, query("id", r.FormValue("id")))
	if err != nil {
		return nil, err
	}
	return &view{"task", "Task of " + k.Group, k}, nil
}

func (c *Console) channels(r *http.Request, _ *api.Status) (*view, error) {
	list, err := ask(c, r, api.GetChannels, nil)
	return &view{"channels", "Channels", list}, err
}

// channel is a page of the messages of a queue. They are looked at, and stay where they are.
func (c *Console) channel(r *http.Request, _ *api.Status) (*view, error) {
	name := r.FormValue("name")
	list, err := ask(c, r, api.GetMessages.Of(name), query("match", r.FormValue("match"), "after", r.FormValue("after"), "limit", pageOf))
	return &view{"channel", name, struct {
		*api.ChannelPage
		Name, Match string
	}{list, name, r.FormValue("match")}}, err
}

func (c *Console) tables(r *http.Request, _ *api.Status) (*view, error) {
	list, err := ask(c, r, api.GetTables, nil)
	return &view{"tables", "Tables", list}, err
}

func (c *Console) table(r *http.Request, _ *api.Status) (*view, error) {
	name := r.FormValue("name")
	rows, err := ask(c, r, api.GetRows.Of(name), query("match", r.FormValue("match"), "after", r.FormValue("after"), "limit", pageOf))
	return &view{"table", name, struct {
		*api.TableRows
		Name, Match string
	}{rows, name, r.FormValue("match")}}, err
}

func (c *Console) adapters(r *http.Request, _ *api.Status) (*view, error) {
	list, err := ask(c, r, api.GetAdapters, nil)
	return &view{"adapters", "Adapters", list}, err
}

func (c *Console) alerts(r *http.Request, _ *api.Status) (*view, error) {
	list, err := ask(c, r, api.GetAlerts, nil)
	return &view{"alerts", "Alerts", list}, err
}

// system is the hub itself, with a page of the audit log.
func (c *Console) system(r *http.Request, _ *api.Status) (*view, error) {
	v, err := ask(c, r, api.GetVersion, nil)
	if err != nil {
		return nil, err
	}
	page, err := ask(c, r, api.GetAudit, query("who", r.FormValue("who"), "act", r.FormValue("act"), "on", r.FormValue("on"), "before", r.FormValue("before"), "limit", pageOf))
	if err != nil {
		return nil, err
	}
	records := make([]audit.Record, 0, len(page.Lines))
	for _, text := range page.Lines {
		if rec, _, _, err := audit.Parse([]byte(text)); err == nil {
			records = append(records, rec)
		} else {
			records = append(records, audit.Record{Outcome: "this record can't be read: hub audit verify", Asked: text})
		}
	}
	return &view{"system", "System", struct {
		*api.Version
		Records []audit.Record
		On      string
	}{v, records, r.FormValue("on")}}, nil
}

func (c *Console) processes(r *http.Request, _ *api.Status) (*view, error) {
	return &view{"processes", "Processes", nil}, nil
}

// process is a process with a page of its instances.
func (c *Console) process(r *http.Request, _ *api.Status) (*view, error) {
	name := r.FormValue("name")
	reports, err := ask(c, r, api.GetReport, query("process", name))
	if err != nil {
		return nil, err
	}
	list, err := ask(c, r, api.GetInstances, query("process", name, "state", r.FormValue("state"), "stuck", r.FormValue("stuck"),
		"older", r.FormValue("older"), "after", r.FormValue("after"), "limit", pageOf))
	return &view{"process", name, struct {
		api.Report
		*api.Instances
		State, Stuck string
	}{reports[0], list, r.FormValue("state"), r.FormValue("stuck")}}, err
}

// instance is the way of one instance.
func (c *Console) instance(r *http.Request, _ *api.Status) (*view, error) {
	v, err := ask(c, r, api.GetInstance, query("id", r.FormValue("id")))
	if err != nil {
		return nil, err
	}
	t, err := ask(c, r, api.GetTrace, query("id", v.ID))
	if err != nil {
		return nil, err
	}
	return &view{"instance", v.ID, struct {
		*process.View
		Trace *api.Trace
		Lines []line
	}{v, t, timeline(t.Events)}}, nil
}

// data are the data and results of an instance. Looking at them is recorded.
func (c *Console) data(r *http.Request, _ *api.Status) (*view, error) {
	v, err := ask(c, r, api.GetInstance, query("id", r.FormValue("id"), "full", "true", "by", byConsole))
	return &view{"data", "Data of " + r.FormValue("id"), v}, err
}
