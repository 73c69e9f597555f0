package main

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"orderhub/cmd/hub/internal/api"
)

// Changes of the process order, of which an instance stands in awaiting_card.
const (
	moves  = `in_flight: {v2: {move: {awaiting_card: new_card}}}`
	finish = `in_flight: {v2: finish}`
)

// renamed is version 3 of desk, in which awaiting_card is new_card.
func renamed(inFlight string) string {
	v3 := strings.ReplaceAll(desk, "awaiting_card", "new_card")
	return strings.Replace(v3, "version: 2", "version: 3\n    "+inFlight, 1)
}

func TestDiffAndReload(t *testing.T) {
	s, bank := newDesk(t, desk)
	s.order("W-1", `"total":5,"card":"old"`, "awaiting_card")
	next := filepath.Join(s.dir, "next.yaml")
	for _, test := range []struct {
		name, config string
		want         int
		parts        []string
	}{
		{"same", desk, 0, []string{"order    same    v2", "awaiting_card  1       stays"}},
		{"edited", strings.Replace(desk, "after: 7d", "after: 6d", 1), 0, []string{"order    changed  v2    v2", "moves to awaiting_card"}},
		{"edited, and the state is gone", strings.ReplaceAll(desk, "awaiting_card", "new_card"), 1, []string{"STRANDED", "give the changed process version: 3 and write in_flight: {v2: finish}"}},
		{"finishes", renamed(finish), 0, []string{"order    changed  v2    v3", "finishes"}},
		{"moves", renamed(moves), 0, []string{"moves to new_card"}},
		{"moves without its state", renamed(`in_flight: {v2: {move: {paid: paid}}}`), 1, []string{"STRANDED", "version 3 has no state awaiting_card", "help: write in_flight: {v2: {move: {awaiting_card: …}}}, or finish"}},
		{"removed", desk[:strings.Index(desk, "  begin:")], 1, []string{"order    removed  v2    -", "the process order is not in the file any more"}},
		{"invalid", strings.Replace(desk, "goto: billing", "goto: biling", 1), 1, []string{`unknown state "biling"`}},
	} {
		s.diffConfig(next, test.config, bank)
		text := s.hub(test.want, "diff", next)
		if t.Run(test.name, func(t *testing.T) { has(t, text, test.parts...) }); t.Failed() {
			return
		}
	}
	var v api.Diff
	if err := json.Unmarshal([]byte(s.hub(1, "diff", next, "-o", "json")), &v); err != nil || v.OK || v.Problems == "" {
		t.Errorf("%v %+v", err, v)
	}
	s.deskConfig(renamed(`in_flight: {v2: {move: {paid: paid}}}`), bank)
	has(t, s.hub(1, "reload"), "pipelines.yaml:13: error[E319]: order would strand 1 instance in state awaiting_card of version 2",
		"help: write in_flight", "would strand instances", "keeps running")
	s.order("W-2", `"total":5,"card":"old"`, "awaiting_card")
	s.deskConfig(renamed(moves), bank)
	has(t, s.hub(0, "reload"), " -> ")
	await(t, "both have moved", func() bool { return s.view("W-1").State == "new_card" && s.view("W-2").State == "new_card" })
	has(t, s.hub(1, "process", "move", "W-1"), "on the newest version already: 3")
	s.hub(0, "process", "signal", "W-1", "card_updated", "--with", `{"card":"good"}`)
	await(t, "it is paid", func() bool { return s.view("W-1").State == "paid" })
	has(t, s.hub(0, "trace", "W-1"), "moved     from version 2 to 3")
}

// diffConfig writes a configuration that does not run.
func (s *site) diffConfig(path, config string, b *bank) {
	s.t.Helper()
	running := s.config
	s.config = path
	s.deskConfig(config, b)
	s.config = running
}

// TestStranded: a hub does not start on a store whose instances it would strand; hub diff says why.
func TestStranded(t *testing.T) {
	s, bank := newDesk(t, desk)
	s.order("W-1", `"total":5,"card":"old"`, "awaiting_card")
	s.stop()
	t.Setenv("HUB_STORE", "sqlite:"+filepath.Join(s.dir, "hub.db"))
	has(t, s.hub(0, "diff", s.config), "order    same    v2", "stays")
	s.deskConfig(renamed(`in_flight: {v2: {move: {paid: paid}}}`), bank)
	has(t, s.hub(1, "diff", s.config), "STRANDED", "help: write in_flight")
	has(t, s.hub(1, "run", s.config), "error[E319]: order would strand 1 instance in state awaiting_card of version 2", "help: write in_flight: {v2: {move: {awaiting_card: …}}}")
	s.deskConfig(renamed(finish), bank)
	s.start()
	if v := s.view("W-1"); v.Version != 2 || v.State != "awaiting_card" || len(v.Listens) == 0 {
		t.Errorf("it runs on version %d in %q and listens to %q", v.Version, v.State, v.Listens)
	}
	has(t, s.hub(1, "process", "move", "W-1"), "stays on version 2: write in_flight: {v2: {move: {…}}} in version 3")
	s.hub(0, "process", "signal", "W-1", "card_updated", "--with", `{"card":"good"}`)
	await(t, "it is paid", func() bool { return s.view("W-1").State == "paid" })
	has(t, s.hub(0, "report"), "paid   v2       1")
}
