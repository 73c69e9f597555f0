package scenario

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"orderhub/hub"
	"orderhub/hub/engine"
	"orderhub/hub/store"
	"orderhub/hub/store/core"
	"orderhub/hub/store/drivers"
	"orderhub/pipelines"
	"orderhub/pipelines/yamlfile"
	"orderhub/transforms/formula"
)

// Trial is what a message would lead to, if it ran now.
type Trial struct {
	Failed  *hub.Failure   // it would be a dead letter, or wait for another try; nil: neither
	Asks    string         // the call at which the trial ended, since nobody knows what would be answered; "": all steps ran
	Reply   *hub.Message   // what its source would be answered; nil: nothing
	Effects map[string]int // how many messages would come onto channels and to adapters, and which call would be made
}

// Trying is a message that is tried: put into a queue or, with a Stage, as that one's source brings it.
type Trying struct {
	hub.Put
	Stage   string
	Answers Answers                                         // of those who are asked
	Look    func(ctx context.Context, st store.Store) error // at what it left; nil: the trial ends at the first call instead of failing at one that has no answer
}

// Answers are who stands in for those outside.
type Answers map[string]*mock

// ReadAnswers reads a map of operations and answers, as mock: of a test. root is the configuration, and asked as for Read.
func ReadAnswers(n, root *yamlfile.Node, asked func(n *yamlfile.Node) []*yamlfile.Node) Answers {
	rd := &reader{names: names{root, asked}, scope: formula.NewScope(), test: &Test{root: root, start: start}}
	return rd.mocks(n)
}

// Try runs a message on a copy: what it writes, it writes in memory, and no far end is reached. The records that it reads are those of st.
// The error is also that of a message that its pipeline does not take.
func (lab *Lab) Try(ctx context.Context, plan *pipelines.Plan, st store.Reader, now time.Time, put *Trying) (trial *Trial, err error) {
	t := &Test{start: now, steps: 10_000, mocks: put.Answers}
	r := &run{world: newWorld(t, mode{}), test: t, plan: plan, lab: lab, marks: map[string]int{}, stages: map[*engine.Stage]hub.Next{}}
	defer r.standBack()
	trial = &Trial{Effects: map[string]int{}}
	if put.Look == nil {
		r.trial = trial
	}
	memory, err := drivers.Open(ctx, "memory:", store.Options{Clock: r.clock})
	if err != nil {
		return nil, err
	}
	r.store = &copied{Store: memory, from: st, seen: map[[2]string]bool{}}
	r.findQueues()
	if err := r.begin(ctx, false); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.life.close(ctx)) }()
	if put.Stage != "" {
		trial.Reply, err = r.life.rt.Inject(ctx, put.Stage, put.Msg)
	} else {
		err = memory.Commit(ctx, &hub.Unit{Puts: []hub.Put{put.Put}})
	}
	if err == nil {
		err = r.untilAsked(ctx)
	}
	if err != nil {
		return nil, err
	}
	if put.Look != nil {
		r.life.quiet = true
		r.life.rt.WriteNotes()
		if err := put.Look(ctx, r.store); err != nil {
			return nil, err
		}
	}
	return trial, r.ledTo(ctx, trial, put.Msg)
}

// ledTo adds what the message m led to.
func (r *run) ledTo(ctx context.Context, trial *Trial, m *hub.Message) error {
	descends := func(o *hub.Message) bool {
		return o.Root() == m.Root() || o.Correlation != "" && o.Correlation == m.Correlation
	}
	for _, a := range r.arrivals {
		if descends(a.msg) {
			trial.Effects[a.where]++
		}
	}
	rows, err := r.rows(ctx)
	for _, d := range rows {
		if d.Error != nil && d.Error.Reason == noMock {
			trial.Asks = strings.TrimPrefix(d.Error.Message, noMockText)
		}
		if d.Error != nil && trial.Asks == "" && descends(d.Msg) {
			trial.Failed = d.Error
		}
	}
	return err
}

// untilAsked runs what is ready, until nothing is or somebody would be asked.
func (r *run) untilAsked(ctx context.Context) error {
	for range r.test.steps {
		todo, err := r.todo(ctx, nil)
		if err != nil || len(todo) == 0 {
			return err
		}
		ran := false
		for _, queue := range todo {
			if ran, err = r.life.rt.Step(ctx, queue); r.life.over() {
				return nil
			} else if err != nil || ran {
				break
			}
		}
		if err != nil || !ran {
			return err
		}
	}
	return errors.New("it does not come to rest")
}

// askedIn ends the trial at a call.
func (l *life) askedIn(t *Trial, op string) error {
	l.world.mu.Lock()
	defer l.world.mu.Unlock()
	if !l.dead {
		t.Asks = op
		t.Effects[op]++
	}
	l.dead, l.killed = true, true
	return errKilled
}

// copied is a store in memory that has the records of another one, each as it was when it was first looked at.
type copied struct {
	store.Store
	from store.Reader
	mu   sync.Mutex
	seen map[[2]string]bool
}

// copy brings records over that were not looked at yet.
func (c *copied) copy(ctx context.Context, list ...hub.Record) error {
	u := &hub.Unit{}
	for _, rec := range list {
		if name := [2]string{rec.Kind, rec.Key}; !c.seen[name] {
			c.seen[name] = true
			if rec.Value != nil {
				u.Writes = append(u.Writes, hub.Write{Kind: rec.Kind, Key: rec.Key, Value: rec.Value, Expires: rec.Expires, IfVersion: hub.AnyVersion})
			}
		}
	}
	if len(u.Writes) == 0 {
		return nil
	}
	return c.Store.Commit(ctx, u)
}

func (c *copied) look(ctx context.Context, kind, key string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.seen[[2]string{kind, key}] {
		return nil
	}
	rec, err := c.from.Get(ctx, kind, key)
	if errors.Is(err, hub.ErrNotFound) {
		rec, err = hub.Record{Kind: kind, Key: key}, nil
	}
	if err != nil {
		return err
	}
	return c.copy(ctx, rec)
}

// Get reads a record of the copy.
func (c *copied) Get(ctx context.Context, kind, key string) (hub.Record, error) {
	if err := c.look(ctx, kind, key); err != nil {
		return hub.Record{}, err
	}
	return c.Store.Get(ctx, kind, key)
}

// List reads records of the copy.
func (c *copied) List(ctx context.Context, kind, prefix, after string, limit int) ([]hub.Record, error) {
	list, err := c.from.List(ctx, kind, prefix, after, limit)
	if err == nil {
		c.mu.Lock()
		err = c.copy(ctx, list...)
		c.mu.Unlock()
	}
	if err != nil {
		return nil, err
	}
	return c.Store.List(ctx, kind, prefix, after, limit)
}

// Commit changes the copy. What must not be there yet is looked for in the other store, too.
func (c *copied) Commit(ctx context.Context, u *hub.Unit) error {
	if u.Inbox != "" {
		if err := c.look(ctx, core.InboxKind, u.Inbox); err != nil {
			return err
		}
	}
	for i := range u.Writes {
		if w := &u.Writes[i]; w.IfVersion == 0 {
			if err := c.look(ctx, w.Kind, w.Key); err != nil {
				return err
			}
		}
	}
	return c.Store.Commit(ctx, u)
}
