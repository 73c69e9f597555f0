package process

import (
	"fmt"

	"orderhub/hub"
	"orderhub/pipelines/process/definition"
	"orderhub/pipelines/process/instance"
)

// move takes the instance to the current definition, with its results, timers and tasks.
func (t *turn) move() error {
	old, d := t.d, t.m.current
	if d.Schema != nil {
		if bad := d.Schema.Validate(t.in.Vars.Get(d.DataName)); bad != nil {
			return definition.Misfit(bad, hub.Bug, "process_version", fmt.Sprintf("%s %s can't move to version %d: its %s", t.m.Name, t.in.ID, d.Version, d.DataName))
		}
	}
	type place struct {
		state *definition.State
		step  int
	}
	to := make([]place, len(t.in.Tokens))
	for i, tok := range t.in.Tokens {
		name := d.Target(t.in.Version, tok.State)
		if name == "" {
			return hub.Fail(hub.Bug, "process_version", "%s %s stands in state %s of version %d, and version %d has none: write in_flight: {v%d: {move: {%s: …}}}",
				t.m.Name, t.in.ID, tok.State, t.in.Version, d.Version, t.in.Version, tok.State)
		}
		s := d.State(name)
		step, err := stepIn(old, tok, s)
		if err != nil {
			return err
		}
		to[i] = place{s, step}
	}
	t.countAll(-1)
	from := t.in.Version
	t.d, t.in.Def, t.in.Version = d, d.Hash, d.Version
	for i, tok := range t.in.Tokens {
		tok.State, tok.Step = to[i].state.Name, to[i].step
		if tok.Phase != instance.Done {
			if err := t.rearm(tok, to[i].state); err != nil {
				return err
			}
		}
	}
	t.countAll(1)
	t.note(t.in.Root(), d.Line, "moved", "from version %d to %d", from, d.Version)
	return nil
}

// countAll counts all tokens in their states, but for branches that have ended, which are counted nowhere.
func (t *turn) countAll(n int64) {
	for _, tok := range t.in.Tokens {
		if tok.Phase != instance.Done {
			t.count(tok.State, n)
		}
	}
}

// stepIn finds the place of tok in its new state: the same step, or the same part behind the steps.
func stepIn(old *definition.Process, tok *instance.Token, to *definition.State) (int, error) {
	if old == nil {
		return len(to.Steps) + atRules, nil
	}
	s := old.State(tok.State)
	if tok.Step >= len(s.Steps) {
		return len(to.Steps) + tok.Step - len(s.Steps), nil
	}
	label := s.Steps[tok.Step].Where
	for i, k := range to.Steps {
		if k.Where == label {
			return i, nil
		}
	}
	if tok.Step == 0 {
		return 0, nil
	}
	return 0, hub.Fail(hub.Bug, "process_version", "the step %s is under way, and the new version has none", label)
}

// rearm sets the timers of the new state as if it had been entered when the old one was.
func (t *turn) rearm(tok *instance.Token, s *definition.State) error {
	fired := tok.Timers
	t.disarm(tok)
	now := t.now
	t.now = tok.Since
	err := t.arm(tok, s)
	t.now = now
	for i := range tok.Timers {
		if i < len(fired) && fired[i].IsZero() && s.Timers[i].Cron == nil { // it has fired already
			t.callOff(t.timerName(tok, i))
			tok.Timers[i] = noTime
		}
	}
	return err
}
