package process

import (
	"fmt"
	"strconv"

	"orderhub/hub"
	"orderhub/pipelines/process/definition"
)

// populationKind is the kind of the counters that tell how many tokens are in
// each state of each definition: reports and diffs read them, not the instances.
const populationKind = "process"

func populationKey(process string, version int, def, state string) string {
	return hub.JoinKey(process, strconv.Itoa(version), def, state)
}

// Population is how many tokens stand in a state of one definition. Those of final states have ended there.
type Population struct {
	Process string `json:"process"`
	Version int    `json:"version"`
	Def     string `json:"def"`
	State   string `json:"state"`
	Count   int64  `json:"count"`
	Final   bool   `json:"final,omitempty"`
}

func populationOf(key string, n int64) (p Population, ok bool) {
	parts := hub.SplitKey(key)
	if len(parts) != 4 {
		return p, false
	}
	p = Population{Process: parts[0], Def: parts[2], State: parts[3], Count: n}
	_, err := fmt.Sscan(parts[1], &p.Version)
	return p, err == nil
}

// move takes the instance to the current definition, with its results, timers and tasks.
func (t *turn) move() error {
	old, d := t.d, t.m.current
	type change struct {
		to   *definition.State
		step int
	}
	if d.Schema != nil {
		if bad := d.Schema.Validate(t.in.Vars.Get(d.DataName)); bad != nil {
			return definition.Misfit(bad, hub.Bug, "process_version", fmt.Sprintf("%s %s can't move to version %d: its %s", t.m.Name, t.in.ID, d.Version, d.DataName))
		}
	}
	changes := make([]change, len(t.in.Tokens))
	for i, tok := range t.in.Tokens {
		name := d.Target(t.in.Version, tok.State)
		if name == "" {
			return hub.Fail(hub.Bug, "process_version", "%s %s stands in state %s of version %d, and version %d has none: write in_flight: {v%d: {move: {%s: …}}}",
				t.m.Name, t.in.ID, tok.State, t.in.Version, d.Version, t.in.Version, tok.State)
		}
		to := d.State(name)
		step, err := stepIn(old, tok, to)
		if err != nil {
			return err
		}
		changes[i] = change{to, step}
	}
	from := t.in.Version
	for _, tok := range t.in.Tokens {
		t.count(tok.State, -1)
	}
	t.d = d
	was := t.in.Def
	t.in.Def, t.in.Version = d.Hash, d.Version
	for i, tok := range t.in.Tokens {
		c := changes[i]
		t.count(c.to.Name, 1)
		changed := was != d.Hash
		tok.State, tok.Step = c.to.Name, c.step
		if changed && tok.Phase != Done {
			if err := t.rearm(tok, c.to); err != nil {
				return err
			}
		}
	}
	t.note(t.in.root(), d.Line, "moved", "from version %d to %d", from, d.Version)
	return nil
}

// stepIn finds the place of tok in its new state: the same step, or the same part behind the steps.
func stepIn(old *definition.Process, tok *Token, to *definition.State) (int, error) {
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
func (t *turn) rearm(tok *Token, s *definition.State) error {
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
