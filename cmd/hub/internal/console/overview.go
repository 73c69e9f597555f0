package console

import (
	"html/template"
	"net/http"
	"slices"
	"strings"
	"time"

	"orderhub/cmd/hub/internal/api"
	"orderhub/cmd/hub/internal/words"
	"orderhub/hub/engine"
	"orderhub/pipelines/graph"
)

// pipelineRow is a pipeline or a process with all its stages, or the deliveries (outboxes) of an adapter.
type pipelineRow struct {
	Name         string
	Outbox       bool
	Stages       []stageRow
	Rate         float64 // messages that came in, in a second
	P50, P95     float64 // seconds, of its slowest stage
	Done, Failed int64
	Running      int
	Waiting      int // in its queues, but for dead letters
	Dead         int
	Oldest       time.Time // of those that wait
	Paused       bool
	Note         string // why nothing goes on
}

// stageRow is a stage with its queue.
type stageRow struct {
	api.Stage
	Q api.Queue
}

// rows are the pipelines of a status, in its order.
func rows(st *api.Status) []*pipelineRow {
	queues := map[string]api.Queue{}
	for _, q := range st.Queues {
		queues[q.Queue] = q
	}
	var out []*pipelineRow
	of := map[string]*pipelineRow{}
	for _, s := range st.Stages {
		name, outbox := engine.PipelineOf(s.Name), strings.HasPrefix(s.Name, "@")
		if outbox {
			name, _, _ = strings.Cut(s.Name[1:], " ")
		}
		key := s.Name[:1] + name
		p := of[key]
		if p == nil {
			p = &pipelineRow{Name: name, Outbox: outbox, Rate: s.Rate, Done: s.Done}
			of[key], out = p, append(out, p)
		}
		p.add(stageRow{s, queues[s.Queue]})
	}
	for _, p := range out {
		for _, why := range st.Paused {
			if why.Pipeline == p.Name && !p.Outbox {
				p.Note = strings.TrimSuffix("paused: "+why.Reason, ": ")
			}
		}
	}
	return out
}

func (p *pipelineRow) add(s stageRow) {
	p.Stages = append(p.Stages, s)
	p.P50, p.P95 = max(p.P50, s.P50), max(p.P95, s.P95)
	p.Failed, p.Running, p.Dead, p.Paused = p.Failed+s.Failed, p.Running+s.Running, p.Dead+s.Q.Dead, p.Paused || s.Paused
	if !s.Clock {
		p.Waiting += s.Q.Live()
		if p.Oldest.IsZero() || !s.Q.Oldest.IsZero() && s.Q.Oldest.Before(p.Oldest) {
			p.Oldest = s.Q.Oldest
		}
	}
	if s.Source == "degraded" {
		p.Note = s.Error
	}
	for _, w := range s.Q.Awaiting {
		p.Note = w.Error
	}
}

// State is the colour of the row.
func (p *pipelineRow) State() string {
	switch {
	case p.Dead > 0, p.Note != "" && !p.Paused:
		return "bad"
	case p.Paused:
		return "warn"
	}
	return "ok"
}

func (c *Console) overview(r *http.Request, st *api.Status) (*view, error) {
	g, err := ask(c, r, api.GetGraph, nil)
	if err != nil {
		return nil, err
	}
	groups, err := ask(c, r, api.GetDeadGroups, nil)
	if err != nil {
		return nil, err
	}
	v := struct {
		Graph       template.HTML
		Groups      []api.DeadGroup // the largest
		More        int             // groups
		In          float64         // messages from outside in a second
		Slowest     *pipelineRow
		Waiting     int
		Open, Tasks int64
		Late        int
		Deliveries  int
	}{Groups: groups}
	slices.SortStableFunc(v.Groups, func(x, y api.DeadGroup) int { return y.Count - x.Count })
	if len(v.Groups) > 5 {
		v.Groups, v.More = v.Groups[:5], len(v.Groups)-5
	}
	for _, p := range rows(st) {
		if slices.ContainsFunc(g.Nodes, func(n graph.Node) bool { return n.ID == "source "+p.Name && n.Detail != "clock" }) {
			v.In += p.Rate
		}
		if !p.Stages[0].Clock && (v.Slowest == nil || p.P95 > v.Slowest.P95) {
			v.Slowest = p
		}
		if p.Outbox {
			v.Deliveries += p.Waiting
		} else if !slices.ContainsFunc(st.Processes, func(s api.ProcessStatus) bool { return s.Process == p.Name }) {
			v.Waiting += p.Waiting
		}
	}
	for _, p := range st.Processes {
		v.Open, v.Tasks, v.Late = v.Open+p.Open, v.Tasks+int64(p.Tasks), v.Late+p.Late
	}
	v.Graph, err = drawn(g.Graph, st)
	return &view{"overview", "Overview", v}, err
}

// drawn is a graph whose nodes lead to their pages, and are red where something fails.
func drawn(g *graph.Graph, st *api.Status) (template.HTML, error) {
	g.Title = ""
	page := func(path, name string) string { return path + "?" + query("name", name).Encode() }
	for i := range g.Nodes {
		n := &g.Nodes[i]
		switch n.Kind {
		case graph.Pipeline:
			n.Href = page("/pipeline", n.Label)
		case graph.Process:
			n.Href = page("/process", n.Label)
		case graph.Channel, graph.Dead:
			n.Href = "/channels"
		case graph.Source:
			n.Href = page("/pipeline", strings.TrimPrefix(n.ID, "source "))
		case graph.Target:
			n.Href = "/adapters"
			if i := slices.IndexFunc(st.Attention, func(a api.Attention) bool { return a.Of == "adapter "+n.Label }); i >= 0 {
				n.State, n.Badge = "failing", "away "+words.Age(st.Attention[i].Since)
			}
		}
	}
	var b strings.Builder
	err := g.Part(&b)
	return template.HTML(b.String()), err // the drawing escapes what it shows
}

func (c *Console) pipelines(_ *http.Request, st *api.Status) (*view, error) {
	return &view{"pipelines", "Pipelines", rows(st)}, nil
}

// pipeline is one pipeline with what is around it.
func (c *Console) pipeline(r *http.Request, st *api.Status) (*view, error) {
	name := r.FormValue("name")
	all := rows(st)
	i := slices.IndexFunc(all, func(p *pipelineRow) bool { return p.Name == name && !p.Outbox })
	if i < 0 {
		return nil, api.NotFoundf("no pipeline %q%s", name, words.Meant(name, names(all), ""))
	}
	g, err := ask(c, r, api.GetGraph, nil)
	if err != nil {
		return nil, err
	}
	around, line := neighbours(g.Graph, name)
	v := struct {
		*pipelineRow
		Graph  template.HTML
		Line   string
		Recent *api.Found
		Text   []textLine
	}{pipelineRow: all[i], Line: line}
	if v.Graph, err = drawn(around, st); err != nil {
		return nil, err
	}
	if v.Recent, err = ask(c, r, api.GetFound, query("recent", "true", "pipeline", name, "limit", "10")); err != nil {
		return nil, err
	}
	written, err := ask(c, r, api.GetConfig, query("part", name))
	if err != nil {
		return nil, err
	}
	for _, f := range written.Files {
		v.Text, err = c.text(r, f)
	}
	return &view{"pipeline", name, v}, err
}

func names(rows []*pipelineRow) (out []string) {
	for _, p := range rows {
		out = append(out, p.Name)
	}
	return out
}

// neighbours is the part of the graph around a pipeline or a process, and where that stands in the configuration.
func neighbours(g *graph.Graph, name string) (part *graph.Graph, line string) {
	part = &graph.Graph{}
	near := map[string]bool{}
	for _, n := range g.Nodes {
		if n.Label == name && (n.Kind == graph.Pipeline || n.Kind == graph.Process) {
			near[n.ID], line = true, n.Link
			for _, e := range g.Edges {
				if e.From == n.ID || e.To == n.ID {
					near[e.From], near[e.To] = true, true
					part.Edges = append(part.Edges, e)
				}
			}
		}
	}
	for _, n := range g.Nodes {
		if near[n.ID] {
			part.Nodes = append(part.Nodes, n)
		}
	}
	return part, line
}
