package daemon

import (
	"context"
	"errors"
	"iter"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"orderhub/cmd/hub/internal/api"
	"orderhub/cmd/hub/internal/config"
	"orderhub/hub"
	"orderhub/hub/store"
	"orderhub/pipelines"
	"orderhub/pipelines/process"
	"orderhub/pipelines/scenario"
)

const (
	settlePart = 500    // dead letters that one call replays or drops at most
	triedMost  = 10_000 // that a dry run tries at most: 1000 took 0.08 s on two busy cores, with the pipelines of test/system/acts_test.go
)

// replay runs dead letters again, mended where the request says how.
func (a *admin) replay(r *http.Request) (*api.Settled, error) {
	var q api.Replay
	if err := readJSON(r, &q); err != nil {
		return nil, err
	}
	if q.Body != nil && len(q.Seqs) != 1 {
		return nil, api.BadRequestf("another body is for one dead letter: name it")
	}
	g := a.current.Load()
	return a.settle(r, &q.DeadSelection, q.Try, func(u *hub.Unit, d *hub.Delivery) error { return g.again(u, d, &q) })
}

// drop deletes dead letters.
func (a *admin) drop(r *http.Request) (*api.Settled, error) {
	var s api.DeadSelection
	if err := readJSON(r, &s); err != nil {
		return nil, err
	}
	return a.settle(r, &s, false, func(u *hub.Unit, d *hub.Delivery) error {
		u.Settles = append(u.Settles, hub.Settle{Seq: d.Seq})
		return nil
	})
}

// settle does with the chosen dead letters what do adds to a unit, all in one commit; a dry run looks at them.
func (a *admin) settle(r *http.Request, s *api.DeadSelection, try bool, do func(u *hub.Unit, d *hub.Delivery) error) (*api.Settled, error) {
	if !s.IsOne() {
		return nil, api.BadRequestf("give one of seqs, all, and what to choose by: group, cause, pipeline, partner, since, match")
	}
	g, c := a.current.Load(), actOf(r.Context())
	answer := &api.Settled{DryRun: s.DryRun, Then: map[string]int{}, Now: g.Plan.Version, Queues: map[string]int{}}
	w := &settling{Settled: answer, u: &hub.Unit{}, do: do, limit: s.Limit}
	if try {
		var err error
		if w.trier, err = a.newTrier(g, answer); err != nil {
			return nil, err
		}
	}
	for d, err := range a.chosen(r.Context(), s, answer) {
		if err == nil && !s.DryRun && answer.Count == settlePart {
			answer.Next = w.last
			break
		}
		if err == nil {
			err = w.add(r.Context(), d)
		}
		if err != nil {
			return nil, err
		}
	}
	if answer.Count == 0 && s.After == 0 {
		return nil, api.NotFoundf("no dead letter is selected: hub dlq lists them")
	}
	if c.Count, c.looked = answer.Count, s.DryRun || answer.Count == 0; c.looked {
		return answer, nil
	}
	err := a.commit(r.Context(), w.u)
	if errors.Is(err, hub.ErrConflict) {
		return nil, api.Conflictf("settled", "somebody else has replayed or dropped some of them meanwhile; nothing was done: ask again")
	}
	if err != nil {
		return nil, err
	}
	a.current.Load().rt.WakeAll()
	qs, _ := a.storage.Queues(r.Context()) // what was asked for is done, whatever this says
	for _, q := range qs {
		answer.Left += q.Dead
	}
	return answer, nil
}

// settling is a portion of dead letters on its way.
type settling struct {
	*api.Settled
	u     *hub.Unit // what is done with all of them
	do    func(u *hub.Unit, d *hub.Delivery) error
	trier *trier // nil: they are not tried
	limit int
	last  int64
}

// add does with d what is to be done, or looks at it.
func (w *settling) add(ctx context.Context, d *hub.Delivery) error {
	one := &hub.Unit{}
	if err := w.do(one, d); err != nil {
		return err
	}
	w.last = d.Seq
	if w.Count++; w.Count == w.limit {
		w.Next = w.last
	}
	addDead(w.Settled, d)
	if w.trier != nil && w.trier.Tried < triedMost {
		return w.trier.try(ctx, d, one)
	}
	if !w.DryRun {
		w.u.Settles, w.u.Puts = append(w.u.Settles, one.Settles...), append(w.u.Puts, one.Puts...)
	}
	return nil
}

// chosen are the dead letters of a selection, the oldest first. What a condition could not be told of is counted in the answer.
func (a *admin) chosen(ctx context.Context, s *api.DeadSelection, answer *api.Settled) iter.Seq2[*hub.Delivery, error] {
	return func(yield func(*hub.Delivery, error) bool) {
		asked, err := a.ask("match", s.Match)
		if err != nil {
			yield(nil, err)
			return
		}
		given := 0
		for d, err := range a.letters(ctx, s) {
			if err == nil && !(a.fits(s, d) && asked.meets("dead letter "+strconv.FormatInt(d.Seq, 10), d.Msg, d.Vars)) {
				continue
			}
			if given++; !yield(d, err) || given == s.Limit {
				break
			}
		}
		answer.Asked = asked.Asked
	}
}

// letters are the dead letters that are named, or all of the group.
func (a *admin) letters(ctx context.Context, s *api.DeadSelection) iter.Seq2[*hub.Delivery, error] {
	if len(s.Seqs) > 0 {
		return a.numbered(ctx, s)
	}
	return func(yield func(*hub.Delivery, error) bool) {
		q := store.BrowseQuery{State: hub.Dead, Cause: s.Group, After: s.After, Limit: browsePage}
		for more := true; more; {
			page, err := a.storage.Browse(ctx, q)
			if err != nil {
				yield(nil, err)
				return
			}
			for _, d := range page {
				if q.After = d.Seq; !yield(d, nil) {
					return
				}
			}
			more = len(page) == browsePage
		}
	}
}

// numbered are the dead letters with the numbers of the selection; one that is none is an error.
func (a *admin) numbered(ctx context.Context, s *api.DeadSelection) iter.Seq2[*hub.Delivery, error] {
	return func(yield func(*hub.Delivery, error) bool) {
		slices.Sort(s.Seqs)
		for _, seq := range s.Seqs {
			if seq <= s.After {
				continue
			}
			page, err := a.storage.Browse(ctx, store.BrowseQuery{State: hub.Dead, After: seq - 1, Limit: 1})
			if err == nil && (len(page) == 0 || page[0].Seq != seq) {
				err = api.NotFoundf("no dead letter %d", seq)
			}
			if err != nil {
				yield(nil, err)
				return
			}
			if !yield(page[0], nil) {
				return
			}
		}
	}
}

// fits tells that the dead letter is one that the selection means, but for its condition.
func (a *admin) fits(s *api.DeadSelection, d *hub.Delivery) bool {
	e := d.Error
	if e == nil {
		e = &hub.Failure{}
	}
	pipeline, step, _ := strings.Cut(e.Where, "/")
	return (s.Cause == "" || s.Cause == string(e.Class) || s.Cause == e.Reason || strings.Contains(e.Text(), s.Cause)) &&
		(s.Pipeline == "" || s.Pipeline == pipeline || s.Pipeline == a.readerOf(d.Queue)) &&
		(s.Partner == "" || outboxOf(d.Queue) == s.Partner || names(step, s.Partner)) &&
		!e.Time.Before(s.Since) && (s.Until.IsZero() || e.Time.Before(s.Until))
}

// names tells that a step names an adapter, or an operation of it: "call billing.charge", "send mail".
func names(step, adapter string) bool {
	return slices.ContainsFunc(strings.FieldsFunc(step, func(r rune) bool { return r == ' ' || r == '/' || r == '~' }), func(word string) bool {
		return word == adapter || strings.HasPrefix(word, adapter+".")
	})
}

// again adds to a unit that the dead letter runs again. As it is, it takes its old place. A mended one, or one that begins at another step,
// is put anew under its old ID, so that what it did already, and whom it asked, are not done and asked twice.
func (g *generation) again(u *hub.Unit, d *hub.Delivery, q *api.Replay) error {
	if len(q.Set) == 0 && q.Body == nil && q.From == "" {
		u.Settles = append(u.Settles, hub.Settle{Seq: d.Seq, Replay: true})
		return nil
	}
	if d.Msg == nil {
		return api.Conflictf("damaged", "dead letter %d is damaged: hub dlq drop %[1]d deletes it", d.Seq)
	}
	p := g.reader(d.Queue)
	if p != nil && p.From.Section != "" {
		return api.Conflictf("of_a_process", "dead letter %d drives the process %s: hub process set changes its data, hub process retry runs its steps again", d.Seq, p.Name)
	}
	m, _, err := mended(d, q.Set, q.Body)
	if err != nil {
		return err
	}
	put := hub.Put{Queue: d.Queue, Msg: m, Vars: d.Vars, Name: d.Name}
	switch first := p != nil && len(p.Stages) > 0 && p.Stages[0].Queue == d.Queue; {
	case q.From != "":
		if put, err = goesOn(p, d, m, q.From); err != nil {
			return err
		}
	case first:
		if err := p.Accept(m); err != nil {
			e := api.ProblemOf(err)
			e.Detail = "dead letter " + strconv.FormatInt(d.Seq, 10) + " is not mended so, and nothing was done: " + e.Detail
			return e
		}
	}
	u.Settles, u.Puts = append(u.Settles, hub.Settle{Seq: d.Seq}), append(u.Puts, put)
	return nil
}

// reader is the pipeline, or process, whose stage reads the queue; nil: none does.
func (g *generation) reader(queue string) *pipelines.Pipeline {
	for _, p := range g.Plan.Pipelines {
		for _, s := range p.Stages {
			if s.Queue == queue {
				return p
			}
		}
	}
	return nil
}

// goesOn is what makes the message go on at a step of its pipeline. Only where a stage begins there is a place in the store to put it.
func goesOn(p *pipelines.Pipeline, d *hub.Delivery, m *hub.Message, step string) (hub.Put, error) {
	refused := func(why string) (hub.Put, error) {
		return hub.Put{}, api.Conflictf("no_continuation", "dead letter %d can't go on at %q: %s", d.Seq, step, why)
	}
	switch {
	case p == nil:
		return refused("no pipeline reads " + d.Queue)
	case p.GoesOn == nil:
		return refused("all steps of " + p.Name + " run in one stage, from the first one on; only behind a reply there is a place to go on from")
	case p.GoesOn.Step != step && p.GoesOn.Step != p.Name+"/"+step:
		return refused("of " + p.Name + " only " + p.GoesOn.Step + ", behind the reply, is a place to go on from")
	}
	put, err := p.GoesOn.From(m, d.Vars)
	if err != nil {
		return refused(err.Error())
	}
	return put, nil
}

// trier tries dead letters on a copy, with the configuration in the file: what is mended there can be tried before it runs.
type trier struct {
	*api.Trial
	a    *admin
	lab  *scenario.Lab
	plan *pipelines.Plan
}

func (a *admin) newTrier(g *generation, answer *api.Settled) (*trier, error) {
	reg := a.Fresh()
	t := &trier{&api.Trial{Fail: []api.TrialFailure{}, Effects: map[string]int{}}, a, scenario.NewLab(reg), nil}
	plan, problems := pipelines.Load(g.Path, reg, config.Offline(g.Path, reg, g.Sets))
	if problems.Errors() > 0 {
		return nil, api.Conflictf("invalid_config", "%s has errors, so nothing can be tried with it: hub validate", g.Path)
	}
	t.plan, t.Config, answer.Trial = plan, plan.Version, t.Trial
	return t, nil
}

// try tries what a unit would put, or a dead letter as it is.
func (t *trier) try(ctx context.Context, d *hub.Delivery, u *hub.Unit) error {
	put := hub.Put{Queue: d.Queue, Msg: d.Msg, Vars: d.Vars}
	switch {
	case len(u.Puts) > 0:
		put = u.Puts[0]
	case d.Msg != nil && process.Drives(d.Msg): // its token knows it by its number: a retry does the same
		put = process.Retry(t.a.readerOf(d.Queue), d.Msg.Correlation, hub.NewID(t.a.clock.Now()), t.a.clock.Now())
	}
	if t.Tried++; d.Msg == nil {
		t.failed(d, d.Error.Text())
		return nil
	}
	res, err := t.lab.Try(ctx, t.plan, t.a.storage, t.a.clock.Now(), &scenario.Trying{Put: put})
	if err != nil {
		return err
	}
	for name, n := range res.Effects {
		t.Effects[name] += n
	}
	switch {
	case res.Failed != nil:
		t.failed(d, res.Failed.Where+": "+res.Failed.Text())
	case res.Asks != "":
		t.Ask++
	default:
		t.Succeed++
	}
	return nil
}

func (t *trier) failed(d *hub.Delivery, why string) {
	why = t.a.Registry.Mask.Text(why)
	i := slices.IndexFunc(t.Fail, func(f api.TrialFailure) bool { return f.Why == why })
	if i < 0 {
		i, t.Fail = len(t.Fail), append(t.Fail, api.TrialFailure{Why: why, Seq: d.Seq})
	}
	t.Fail[i].Count++
}

// readerOf is the name of the pipeline, or process, that reads the queue.
func (a *admin) readerOf(queue string) string {
	if p := a.current.Load().reader(queue); p != nil {
		return p.Name
	}
	return ""
}
