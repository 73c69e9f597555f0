package process

import (
	"context"
	"slices"
	"strings"

	"orderhub/hub"
	"orderhub/pipelines/yamlfile"
)

// definitions are those of a process that instances run on, the newest first.
func (ps *Processes) definitions(name string) []*Definition {
	d := ps.find(name)
	if d == nil {
		return nil
	}
	out := []*Definition{d.machine.current}
	for _, def := range d.machine.defs {
		if def != d.machine.current {
			out = append(out, def)
		}
	}
	slices.SortFunc(out[1:], func(a, b *Definition) int { return strings.Compare(a.Hash, b.Hash) })
	return out
}

// Events are the events that some state of the process takes, in any definition that runs.
func (ps *Processes) Events(name string) []string {
	var out []string
	for _, d := range ps.definitions(name) {
		out = eventNames(d.node, out)
	}
	return out
}

// States are the states of the process, in any definition that runs, those of the newest first.
func (ps *Processes) States(name string) []string {
	var out []string
	for _, d := range ps.definitions(name) {
		for _, s := range d.stateNames() {
			if !slices.Contains(out, s) {
				out = append(out, s)
			}
		}
	}
	return out
}

// Groups are the groups that the tasks of all processes go to.
func (ps *Processes) Groups() []string {
	var out []string
	add := func(group string) {
		if group != "" && !slices.Contains(out, group) {
			out = append(out, group)
		}
	}
	for _, name := range ps.Names() {
		for _, d := range ps.definitions(name) {
			for _, s := range d.states {
				if s.task != nil {
					add(s.task.group)
				}
			}
			add(d.desk.group)
		}
	}
	return out
}

// Kind tells of a population whether it stands inside a branch, where an
// instance may have several places, and whether it has ended there.
func (ps *Processes) Kind(p Population) (branch, ended bool) {
	for _, d := range ps.definitions(p.Process) {
		if d.Hash != p.Def {
			continue
		}
		if s := d.state(p.State); s != nil {
			return s.outer != nil, s.final && s.outer == nil
		}
	}
	return false, p.Final
}

// Drives tells that the message carries an instance from step to step: as a
// dead letter it is the trace of a place that failed.
func Drives(m *hub.Message) bool {
	o, err := orderOf(m)
	return err == nil && (o.do == doStart || o.do == doDrive)
}

// Sleeps tells that the message is a timer, or keeps an early event: nothing of the instance is under way because of it.
func Sleeps(m *hub.Message) bool {
	o, err := orderOf(m)
	return err == nil && (o.do == doTimer || o.do == doExpire)
}

// Stored is a definition whose text the store keeps.
type Stored struct {
	Process, Def string
	Version      int
}

// Definitions are the definitions that the store keeps: all that ever ran on it.
func Definitions(ctx context.Context, st Reader) ([]Stored, error) {
	var out []Stored
	for after := ""; ; {
		page, err := st.List(ctx, definitionKind, "", after, 500)
		if err != nil {
			return nil, err
		}
		for _, rec := range page {
			after = rec.Key
			s := Stored{Version: 1}
			if parts := hub.SplitKey(rec.Key); len(parts) == 2 {
				s.Process, s.Def = parts[0], parts[1]
			}
			if n, ok := yamlfile.NewLoader().Parse(s.Process, rec.Value); ok && n.Get("version") != nil {
				version, _ := n.Get("version").Int()
				s.Version = int(version)
			}
			out = append(out, s)
		}
		if len(page) < 500 {
			return out, nil
		}
	}
}
