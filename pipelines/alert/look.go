package alert

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"orderhub/hub"
	"orderhub/hub/doc"
	"orderhub/hub/engine"
	"orderhub/transforms/formula"
)

const (
	Every    = 10 * time.Second // between two looks
	rateOver = time.Minute      // what rates are the mean of
	lately   = 24 * time.Hour   // how long an alert that is cleared is shown
)

// The states that a message tells of.
const (
	raised  = "raised"
	again   = "again"
	cleared = "cleared"
)

// kind and key of the one record that keeps what is known.
const (
	kind = "alerts"
	key  = "known"
)

// Known is what the store knows of the alerts.
type Known struct {
	Alerts map[string]*State `json:"alerts"`
	Heard  map[string]*heard `json:"heard,omitempty"` // by pipeline
	Marks  []mark            `json:"marks,omitempty"` // of the last minute, the oldest first
}

// mark is what was counted at a time, for the rates that rules ask for.
type mark struct {
	At     time.Time          `json:"at"`
	Totals map[string]float64 `json:"totals"` // by family and labels
}

// State is what is known of an alert.
type State struct {
	Since   time.Time `json:"since,omitzero"`   // when its rule came true; zero: it is not
	Well    time.Time `json:"well,omitzero"`    // since when it is true no more, while the alert is not cleared
	Raised  time.Time `json:"raised,omitzero"`  // zero: it is not
	Told    time.Time `json:"told,omitzero"`    // when a message told of it last; zero: none did since it was raised
	Cleared time.Time `json:"cleared,omitzero"` // the last time
	Text    string    `json:"text,omitempty"`
	Error   string    `json:"error,omitempty"` // why the rule, or its message, could not be made: nobody knows whether it is true
	Silence *Silence  `json:"silence,omitempty"`
}

// Silence is why an alert is not told of.
type Silence struct {
	Until time.Time `json:"until"`
	By    string    `json:"by"`
	Why   string    `json:"why,omitempty"`
}

// Read reads what is known of the alerts, with the version of its record.
func Read(ctx context.Context, get func(ctx context.Context, kind, key string) (hub.Record, error)) (*Known, int64, error) {
	k := &Known{Alerts: map[string]*State{}, Heard: map[string]*heard{}}
	version, err := hub.ReadJSON(ctx, get, kind, key, k)
	if err != nil {
		return nil, 0, fmt.Errorf("what is known of the alerts: %w", err)
	}
	return k, version, nil
}

// Write is what changes the record to k, if it has the version still.
func (k *Known) Write(version int64) (hub.Write, error) {
	value, err := json.Marshal(k)
	return hub.Write{Kind: kind, Key: key, Value: value, IfVersion: version}, err
}

// state finds the state of an alert, or makes it.
func (k *Known) state(name string) *State {
	if k.Alerts[name] == nil {
		k.Alerts[name] = &State{}
	}
	return k.Alerts[name]
}

// Silenced makes the alert untold until a time; a time that is over ends the silence.
func (k *Known) Silenced(name string, s Silence, now time.Time) {
	st := k.state(name)
	if st.Silence = nil; s.Until.After(now) {
		st.Silence = &s
	}
}

// memory is what the looks of a runtime have in memory.
type memory struct {
	sync.Mutex            // held by a look
	view       *view      // of the look that is under way
	unkept     hub.Record // what Meanwhile saw, on top of the record of this version
}

// of is the memory of the looks at the alerts in the runtime.
func (a *Alerts) of(env *hub.StageEnv) *memory {
	return env.Memory(a, func() any { return &memory{unkept: hub.Record{Version: -1}} }).(*memory)
}

// look is the step that looks at all rules: once for each message of its clock.
type look struct{ *Alerts }

var _ hub.Step = (*look)(nil)

// Process looks at the figures, tells what there is to tell, writes what is known, and puts the message of the next look: in one unit.
func (l *look) Process(ctx context.Context, x *hub.Exchange, _ hub.Next) error {
	k, version, due, err := l.look(ctx, x, true)
	if err != nil {
		return err
	}
	w, err := k.Write(version)
	if err != nil {
		return err
	}
	x.Write(w)
	x.Unit.Puts = append(x.Unit.Puts, hub.Put{Queue: Queue, Name: engine.Tick, Msg: &hub.Message{ID: Queue, Time: x.Now()}, Due: due})
	return nil
}

// Meanwhile looks while the store takes nothing, in place of the clock. What it sees is kept in memory: the next look that can be kept
// tells of what was raised meanwhile, also when that is over by then. x is of the runtime, and changes nothing.
func (a *Alerts) Meanwhile(ctx context.Context, x *hub.Exchange) (*Known, error) {
	k, version, _, err := a.look(ctx, x, false)
	if err != nil {
		return nil, err
	}
	w, err := k.Write(version)
	m := a.of(x.Env)
	m.Lock()
	defer m.Unlock()
	m.unkept = hub.Record{Value: w.Value, Version: version}
	return k, err
}

// look brings what is known up to date, and tells of it unless nobody can be told. due is when the next look is, version that of the record.
func (a *Alerts) look(ctx context.Context, x *hub.Exchange, tells bool) (k *Known, version int64, due time.Time, err error) {
	m := a.of(x.Env)
	m.Lock()
	defer m.Unlock()
	k, version, err = Read(ctx, func(ctx context.Context, kind, key string) (hub.Record, error) {
		r, err := x.Record(ctx, kind, key)
		if (err == nil || errors.Is(err, hub.ErrNotFound)) && r.Version == m.unkept.Version {
			return m.unkept, nil
		}
		return r, err
	})
	if err != nil {
		return nil, 0, due, err
	}
	v := &view{at: x.Now(), plan: a.plan, Known: k}
	v.mark = mark{v.at, map[string]float64{}}
	if v.now, err = x.Env.Figures(ctx); err != nil {
		return nil, 0, due, err
	}
	m.view = v
	due = v.at.Add(Every)
	for name := range k.Alerts {
		if a.Rule(name) == nil { // the configuration has it no more
			delete(k.Alerts, name)
		}
	}
	for _, r := range a.Rules {
		if next := r.look(ctx, x, k.state(r.Name), v.at, tells); !next.IsZero() && next.Before(due) {
			due = next
		}
	}
	k.Marks = slices.DeleteFunc(append(k.Marks, v.mark), func(m mark) bool { return v.at.Sub(m.At) > rateOver })
	return k, version, due, nil
}

// look finds out whether the rule is true, and tells of it when that is new. next is when it must be looked at again; zero: with all others.
func (r *Rule) look(ctx context.Context, x *hub.Exchange, s *State, now time.Time, tells bool) (next time.Time) {
	fr := formula.NewFrame(x)
	holds, err := r.holds.Holds(fr)
	if err == nil && holds {
		s.Text, err = r.words(fr)
	}
	untold := !s.Raised.IsZero() && s.Told.IsZero() && s.Silence == nil // it was raised when nobody could be told
	if s.Silence != nil && !s.Silence.Until.After(now) {
		s.Silence = nil
	}
	if s.Error = ""; err != nil {
		s.Error = hub.AsError(err).Error()
		return time.Time{}
	}
	before := *s
	if untold && tells {
		err = r.tell(ctx, x, &before, s, raised)
		before = *s
	}
	if err == nil && (holds || tells || s.Raised.IsZero()) { // an end must be told, and waits until it can be
		state := ""
		if next, state = s.turn(r, holds, now); state != "" && tells {
			err = r.tell(ctx, x, &before, s, state)
		}
	}
	if err != nil { // what can't be said did not happen: the next look tries again
		*s = before
		s.Error = hub.AsError(err).Error()
	}
	return next
}

// words are the text of the alert.
func (r *Rule) words(fr *formula.Frame) (string, error) {
	if r.text == nil {
		return r.holds.Source(), nil
	}
	v, err := r.text.Apply(fr)
	return v.Text(), err
}

// turn changes the state by what its rule says now. tell is the state that a message must tell of; "": none.
func (s *State) turn(r *Rule, holds bool, now time.Time) (next time.Time, tell string) {
	if !holds {
		return s.ends(r, now)
	}
	s.Well = time.Time{}
	if s.Since.IsZero() {
		s.Since = now
	}
	if s.Raised.IsZero() {
		if raise := s.Since.Add(r.For); raise.After(now) {
			return raise, ""
		}
		s.Raised, s.Told = now, time.Time{}
	}
	switch {
	case s.Silence != nil:
		return s.Silence.Until, ""
	case s.Told.IsZero():
		return next, raised
	case r.Again > 0 && !s.Told.Add(r.Again).After(now):
		return next, again
	}
	return next, ""
}

// ends is the turn of a rule that is not true.
func (s *State) ends(r *Rule, now time.Time) (next time.Time, tell string) {
	if s.Raised.IsZero() {
		s.Since = time.Time{}
		return next, ""
	}
	if s.Well.IsZero() {
		s.Well = now
	}
	if clear := s.Well.Add(r.Hold); clear.After(now) {
		return clear, ""
	}
	told := !s.Told.IsZero()
	s.Raised, s.Since, s.Well, s.Cleared = time.Time{}, time.Time{}, time.Time{}, now
	if !told { // it was silenced all the time: nobody waits for the end
		return next, ""
	}
	return next, cleared
}

// tell sends the message of a state, which the turn from before to s has made.
func (r *Rule) tell(ctx context.Context, x *hub.Exchange, before, s *State, state string) error {
	if r.send != nil {
		y := x.Fork(r.message(cmp.Or(before.Since, s.Since), s.Text, state, x.Now()))
		if err := hub.Protect(ctx, hub.Run(r.send), y); err != nil {
			return err
		}
		x.Join(y)
	}
	s.Told = x.Now()
	return nil
}

// message tells that the alert is in a state.
func (r *Rule) message(since time.Time, text, state string, now time.Time) *hub.Message {
	body := hub.Vars{}
	for _, f := range [][2]string{{"alert", r.Name}, {"state", state}, {"severity", r.Severity}, {"text", text}, {"since", at(since)}, {"at", at(now)}} {
		body = append(body, hub.Var{Name: f[0], Value: doc.StringValue(f[1])})
	}
	return &hub.Message{ID: fmt.Sprintf("alert-%s-%s-%d", r.Name, state, now.UnixNano()), Key: r.Name, Correlation: r.Name, Time: now, Body: hub.DocumentBody(body.Document())}
}

func at(t time.Time) string { return t.UTC().Format(time.RFC3339) }
