package process

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"orderhub/hub"
	"orderhub/hub/escape"
	"orderhub/pipelines/process/definition"
	"orderhub/pipelines/process/instance"
	"orderhub/pipelines/yamlfile"
)

// definitionKind is the kind of the records that keep the text of definitions, by process and hash.
const definitionKind = "process.definition"

// Fates of the instances that stand in a state of another definition than the newest.
const (
	Stays    = "stays"    // it runs on the newest definition
	Finishes = "finishes" // on its own definition
	Moves    = "moves"    // to a state of the newest
	Strands  = "strands"  // neither is possible
)

// Fate is what the configuration means for the instances in one state of one definition.
type Fate struct {
	Population
	Fate string `json:"fate"`
	To   string `json:"to,omitempty"`   // of Moves: the state of the newest definition
	Why  string `json:"why,omitempty"`  // of Strands
	Help string `json:"help,omitempty"` // of Strands: what to write
}

// Compare tells what the configuration means for every open instance in the
// store, and makes the older definitions known that are still needed. It is
// called before the plan is opened, and writes nothing.
func (ps *Processes) Compare(ctx context.Context, st hub.Records) ([]Fate, error) {
	all, err := Populations(ctx, st, ps, "")
	if err != nil {
		return nil, err
	}
	var out []Fate
	for _, p := range all {
		if p.Count <= 0 || p.Final {
			continue
		}
		f, err := ps.fate(ctx, st, p)
		if err != nil {
			return nil, err
		}
		if f.Fate != "" {
			out = append(out, f)
		}
	}
	return out, nil
}

// fate decides for one population; the zero Fate: it has ended in a final state of its own definition.
func (ps *Processes) fate(ctx context.Context, st hub.Records, p Population) (Fate, error) {
	strands := func(help, why string, args ...any) (Fate, error) {
		return Fate{Population: p, Fate: Strands, Why: fmt.Sprintf(why, args...), Help: help}, nil
	}
	m := ps.find(p.Process)
	switch {
	case m == nil:
		if ended, err := endedIn(ctx, st, p); ended || err != nil {
			return Fate{}, err
		}
		return strands("keep it until its instances have ended: hub process list "+p.Process, "the process %s is not in the file any more", p.Process)
	case p.Def == m.current.Hash:
		return Fate{Population: p, Fate: Stays}, nil
	case p.Version > m.current.Version:
		return strands(fmt.Sprintf("write version: %d, or use the newer file", p.Version),
			"it runs on version %d, which is newer than the file's %d", p.Version, m.current.Version)
	}
	old, why, err := ps.older(ctx, st, m, p.Def)
	if err != nil || old != nil && old.State(p.State).Ends() {
		return Fate{}, err
	}
	move := fmt.Sprintf("in_flight: {v%d: {move: {%s: …}}}", p.Version, p.State)
	if m.current.Takes(p.Version, p.Def) {
		if to := m.current.Target(p.Version, p.State); to != "" {
			return Fate{Population: p, Fate: Moves, To: to}, nil
		}
		help := "write " + move + ", or finish"
		if p.Version == m.current.Version {
			help = fmt.Sprintf("give the changed process version: %d and write in_flight: {v%d: finish}", p.Version+1, p.Version)
		}
		return strands(help, "version %d has no state %s", m.current.Version, p.State)
	}
	if old == nil {
		return strands("restore what it needs, or write "+move, "%s", why)
	}
	return Fate{Population: p, Fate: Finishes}, nil
}

// storedText is the text of a definition that the store keeps; nil: it keeps none.
func storedText(ctx context.Context, st hub.Records, process, hash string) ([]byte, error) {
	rec, err := st.Get(ctx, definitionKind, escape.JoinKey(process, hash))
	if errors.Is(err, hub.ErrNotFound) {
		return nil, nil
	}
	return rec.Value, err
}

// endedIn tells that the state is a final one of its definition, of a process that is not in the file any more.
func endedIn(ctx context.Context, st hub.Records, p Population) (bool, error) {
	text, err := storedText(ctx, st, p.Process, p.Def)
	if text == nil {
		return false, err
	}
	n, ok := yamlfile.NewLoader().Parse(p.Process, text)
	return ok && n.Get("states").Get(p.State).Get("final").Raw() == "true", nil
}

// older is the definition of a process with that hash, compiled beside the
// newest one; nil when it can't be: why says what it lacks.
func (ps *Processes) older(ctx context.Context, st hub.Records, m *machine, hash string) (old *definition.Process, why string, err error) {
	if old = m.defs[hash]; old != nil {
		return old, "", nil
	}
	text, err := storedText(ctx, st, m.Name, hash)
	if text == nil {
		return nil, "its definition is not in the store", err
	}
	if old, why = ps.revive(m, hash, text); old != nil {
		m.defs[hash] = old
	}
	return old, why, nil
}

// revive compiles the text of an older definition against the adapters and channels of this configuration.
func (ps *Processes) revive(m *machine, hash string, text []byte) (*definition.Process, string) {
	node, section, problems := ps.s.Reread(fmt.Sprintf("%s (%s)", m.Name, hash), text)
	if node == nil {
		return nil, "its stored definition can't be read"
	}
	p := *m.Pipeline
	old := definition.Compile(section, definition.Declare(section, &p, node))
	m.Pipeline.Adopt(&p)
	if problems.Errors() > 0 || old.Initial == nil {
		return nil, firstProblem(problems)
	}
	old.Hash = hash
	return old, ""
}

func firstProblem(p *yamlfile.Problems) string {
	var b strings.Builder
	p.WriteText(&b, false, false)
	line, _, _ := strings.Cut(b.String(), "\n")
	return "it can't finish on its own version: " + line
}

// Prepare is Compare, and keeps the text of the newest definitions. What is
// stranded must be told, and the plan not be opened.
func (ps *Processes) Prepare(ctx context.Context, st hub.Records, commit func(ctx context.Context, u *hub.Unit) error) (stranded []Fate, err error) {
	if ps == nil { // a configuration without processes
		ps = &Processes{}
	}
	all, err := ps.Compare(ctx, st)
	if err != nil {
		return nil, err
	}
	for _, f := range all {
		if f.Fate == Strands {
			stranded = append(stranded, f)
		}
	}
	if len(stranded) > 0 {
		return stranded, nil
	}
	u := &hub.Unit{}
	for _, m := range ps.list {
		text, err := storedText(ctx, st, m.Name, m.current.Hash)
		if err != nil {
			return nil, err
		}
		if text == nil {
			u.Writes = append(u.Writes, hub.Write{Kind: definitionKind, Key: escape.JoinKey(m.Name, m.current.Hash), Value: m.current.Text, IfVersion: hub.AnyVersion})
		}
	}
	if len(u.Writes) == 0 {
		return nil, nil
	}
	return nil, commit(ctx, u)
}

// MoveAll puts the messages that take instances to the newest version, where in_flight says so, or their version was
// edited. Prepare has found that all of them can; nothing is compiled, since the plan runs. commit is that of the runtime.
// It can be interrupted: the next start goes on.
func (ps *Processes) MoveAll(ctx context.Context, st hub.Records, commit func(ctx context.Context, u *hub.Unit) error) error {
	if ps == nil {
		return nil
	}
	all, err := Populations(ctx, st, ps, "")
	if err != nil {
		return err
	}
	for _, m := range ps.list {
		moves := func(p Population) bool {
			return p.Process == m.Name && p.Count > 0 && !p.Final && m.current.Takes(p.Version, p.Def)
		}
		if slices.ContainsFunc(all, moves) {
			if err := m.moveAll(ctx, st, commit); err != nil {
				return err
			}
		}
	}
	return nil
}

func (m *machine) moveAll(ctx context.Context, st hub.Records, commit func(ctx context.Context, u *hub.Unit) error) error {
	u := &hub.Unit{}
	for rec, err := range records(ctx, st, m.kind, "") {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
		in, err := instance.Decode(rec)
		if err != nil {
			return err
		}
		if in.Open() && m.current.Takes(in.Version, in.Def) {
			p := Move(m.Name, in.ID, fmt.Sprintf("%s:%s/move.%s", m.Name, in.ID, m.current.Hash), in.Changed)
			p.Name = "move!" + in.ID
			u.Puts = append(u.Puts, p)
		}
		if len(u.Puts) == 500 {
			if err := commit(ctx, u); err != nil {
				return err
			}
			u = &hub.Unit{}
		}
	}
	if len(u.Puts) == 0 {
		return nil
	}
	return commit(ctx, u)
}

// Stored is a definition whose text the store keeps.
type Stored struct {
	Process, Def string
	Version      int
}

// Definitions are the definitions that the store keeps: all that ever ran on it.
func Definitions(ctx context.Context, st hub.Records) ([]Stored, error) {
	var out []Stored
	for rec, err := range records(ctx, st, definitionKind, "") {
		if err != nil {
			return nil, err
		}
		s := Stored{Version: 1}
		if parts := escape.SplitKey(rec.Key); len(parts) == 2 {
			s.Process, s.Def = parts[0], parts[1]
		}
		if n, ok := yamlfile.NewLoader().Parse(s.Process, rec.Value); ok && n.Get("version") != nil {
			version, _ := n.Get("version").Int()
			s.Version = int(version)
		}
		out = append(out, s)
	}
	return out, nil
}
