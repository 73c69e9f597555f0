package process

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"orderhub/hub/escape"
	"orderhub/pipelines/process/instance"
)

// populationKind is the kind of the counters that tell how many tokens are in
// each state of each definition: reports and diffs read them, not the instances.
const populationKind = "process"

func populationKey(process string, version int, def, state string) string {
	return escape.JoinKey(process, strconv.Itoa(version), def, state)
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
	parts := escape.SplitKey(key)
	if len(parts) != 4 {
		return p, false
	}
	p = Population{Process: parts[0], Def: parts[2], State: parts[3], Count: n}
	_, err := fmt.Sscan(parts[1], &p.Version)
	return p, err == nil
}

// prefixOf is what the keys of a process begin with; of all processes when it is "".
func prefixOf(process string) string {
	if process == "" {
		return ""
	}
	return escape.JoinKey(process, "")
}

// Populations are how many places stand in each state of each definition; process "" is all.
func Populations(ctx context.Context, st Reader, ps *Processes, process string) ([]Population, error) {
	counters, err := st.Counters(ctx, populationKind, prefixOf(process))
	if err != nil {
		return nil, err
	}
	var out []Population
	for key, n := range counters {
		p, ok := populationOf(key, n)
		if !ok || n == 0 {
			continue
		}
		if d := ps.Definition(p.Process); d != nil {
			p.Final = d.State(p.State).Ends()
		}
		out = append(out, p)
	}
	slices.SortFunc(out, func(a, b Population) int {
		return cmp.Or(strings.Compare(a.Process, b.Process), cmp.Compare(a.Version, b.Version), strings.Compare(a.Def, b.Def), strings.Compare(a.State, b.State))
	})
	return out, nil
}

// Stuck is a place that failed, and waits for somebody.
type Stuck struct {
	Process  string           `json:"process"`
	Instance string           `json:"instance"`
	State    string           `json:"state"`
	Since    time.Time        `json:"since"`
	Problem  instance.Problem `json:"problem"`
}

// AllStuck are the places of a process that failed; "" is every process.
func AllStuck(ctx context.Context, st Reader, process string, limit int) ([]Stuck, error) {
	list, err := st.List(ctx, stuckKind, prefixOf(process), "", limit)
	if err != nil {
		return nil, err
	}
	out := make([]Stuck, 0, len(list))
	for _, rec := range list {
		parts := escape.SplitKey(rec.Key)
		var s stuck
		if err := json.Unmarshal(rec.Value, &s); err != nil || len(parts) != 3 {
			out = append(out, Stuck{Process: parts[0], Instance: strings.Join(parts[1:], " "), State: damaged, Problem: damage(fmt.Errorf("%s %q can't be read: %w", stuckKind, rec.Key, err))})
			continue
		}
		out = append(out, Stuck{parts[0], parts[1], s.State, s.Since, s.Problem})
	}
	return out, nil
}
