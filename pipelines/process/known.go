package process

import (
	"context"
	"slices"
	"strings"

	"orderhub/hub"
	"orderhub/hub/doc"
	"orderhub/pipelines/process/definition"
	"orderhub/pipelines/yamlfile"
)

// definitions are those of a process that instances run on, the newest first.
func (ps *Processes) definitions(name string) []*definition.Process {
	m := ps.find(name)
	if m == nil {
		return nil
	}
	out := []*definition.Process{m.current}
	for _, def := range m.defs {
		if def != m.current {
			out = append(out, def)
		}
	}
	slices.SortFunc(out[1:], func(a, b *definition.Process) int { return strings.Compare(a.Hash, b.Hash) })
	return out
}

// Events are the events that some state of the process takes, in any definition that runs.
func (ps *Processes) Events(name string) []string {
	var out []string
	for _, d := range ps.definitions(name) {
		out = merge(out, d.EventNames())
	}
	return out
}

// FitsEvent is the error of an event's data that no state of the process would take; nil: they fit, or may be anything.
func (ps *Processes) FitsEvent(process, event string, data doc.Value) error {
	if m := ps.find(process); m != nil {
		return m.FitsEvent(event, data)
	}
	return nil
}

// States are the states of the process, in any definition that runs, those of the newest first.
func (ps *Processes) States(name string) []string {
	var out []string
	for _, d := range ps.definitions(name) {
		out = merge(out, d.StateNames())
	}
	return out
}

// merge is a with those of b that it does not have.
func merge(a, b []string) []string {
	for _, s := range b {
		if !slices.Contains(a, s) {
			a = append(a, s)
		}
	}
	return a
}

// Groups are the groups that the tasks of all processes go to.
func (ps *Processes) Groups() []string {
	var out []string
	for _, name := range ps.Names() {
		for _, d := range ps.definitions(name) {
			out = merge(out, d.Groups())
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
		if s := d.State(p.State); s != nil {
			return s.Outer != nil, s.Final && s.Outer == nil
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
