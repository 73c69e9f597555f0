package daemon

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"time"

	"orderhub/cmd/hub/internal/api"
	"orderhub/cmd/hub/internal/words"
	"orderhub/hub/engine"
	"orderhub/pipelines"
)

// Bounds of a tap.
const (
	tapBuffer = 256       // copies that wait for a slow reader
	tapBody   = 256 << 10 // bytes of a body that is shown
)

// tap is somebody who looks on.
type tap struct {
	*engine.Tap
	*question
	limit int64         // copies; 0: no end
	most  time.Duration // likewise
}

// tap streams copies of the messages of a pipeline, a channel or a queue: ?where=&limit=&for=.
func (a *admin) tap(w http.ResponseWriter, r *http.Request) {
	t, err := recorded(a, r, api.GetTap, a.openTap)
	if err != nil {
		a.fail(w, r, err)
		return
	}
	defer t.Close()
	w.Header().Set("Content-Type", "application/x-ndjson")
	flush, personal := http.NewResponseController(w).Flush, r.URL.Query().Get("personal") == "true"
	flush() // the reader is told that the tap is open
	t.run(r.Context(), a, func(line *api.TapLine) error {
		raw, err := json.Marshal(line)
		if err == nil {
			_, err = w.Write(append(a.Registry.Mask.Shown(raw, personal, documents...), '\n'))
		}
		if err == nil {
			err = flush()
		}
		return err
	})
}

// openTap opens the tap that a request asks for.
func (a *admin) openTap(r *http.Request) (t *tap, err error) {
	query, name := r.URL.Query(), r.PathValue("name")
	t = &tap{}
	if t.question, err = a.ask("where", query.Get("where")); err != nil {
		return nil, err
	}
	if t.limit, err = number(query, "limit", 0); err != nil {
		return nil, err
	}
	if text := query.Get("for"); text != "" {
		if t.most, err = durationOf("for", text); err != nil {
			return nil, err
		}
	}
	places, err := a.places(r.Context(), name)
	if err != nil {
		return nil, err
	}
	t.Tap = a.taps.Open(tapBuffer, places...)
	return t, nil
}

// places are the stages and queues that a name means: of a pipeline, of a channel, or its own.
func (a *admin) places(ctx context.Context, name string) ([]string, error) {
	g := a.current.Load()
	places := []string{name}
	for _, c := range g.Plan.Channels {
		if c.Name == name {
			return append(places, c.Subscriptions()...), nil
		}
	}
	for _, s := range g.rt.Status() {
		if s.Name == name || s.Queue == name {
			return places, nil
		}
	}
	qs, err := a.storage.Queues(ctx)
	for _, q := range qs {
		if q.Queue == name {
			return places, err
		}
	}
	known := slices.Concat(pipelines.Names(g.Plan.Pipelines, func(p *pipelines.Pipeline) string { return p.Name }),
		pipelines.Names(g.Plan.Channels, func(c *pipelines.Channel) string { return c.Name }))
	if err == nil {
		err = api.NotFoundf("no pipeline, channel or queue is called %q%s", name, words.Meant(name, known, "hub channel list and hub status show them"))
	}
	return nil, err
}

// run gives copies to tell until somebody has enough of them: ctx ends, the limits are reached, or tell fails.
func (t *tap) run(ctx context.Context, a *admin, tell func(*api.TapLine) error) {
	over := ctx
	if t.most > 0 {
		var cancel context.CancelFunc
		over, cancel = context.WithTimeout(ctx, t.most)
		defer cancel()
	}
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	told := int64(0)
	for sent := int64(0); t.limit == 0 || sent < t.limit; {
		var line *api.TapLine
		select {
		case <-over.Done():
			tell(t.line(true))
			return
		case <-tick.C:
			if told == t.Missed() {
				continue
			}
			line = t.line(false)
		case c := <-t.Copies:
			if !t.meets("message "+c.Message.ID, c.Message, nil) {
				continue
			}
			sent++
			line = t.line(false)
			line.Copy = a.tapped(c)
		}
		told = line.Missed
		if tell(line) != nil {
			return
		}
	}
	tell(t.line(true))
}

// line is how things stand.
func (t *tap) line(end bool) *api.TapLine {
	return &api.TapLine{Missed: t.Missed(), End: end, Asked: t.Asked}
}

func (a *admin) tapped(c engine.Copy) *api.Tapped {
	m := c.Message
	out := &api.Tapped{Time: a.clock.Now(), Place: c.Place, ID: m.ID, Key: m.Key, Correlation: m.Correlation, Headers: m.Headers, Size: m.Body.Len()}
	if out.Size <= tapBody {
		out.Body = a.body(m.Body)
	}
	return out
}
