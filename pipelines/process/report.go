package process

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"orderhub/hub"
	"orderhub/hub/escape"
	"orderhub/hub/figures"
	"orderhub/pipelines/process/definition"
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
func Populations(ctx context.Context, st hub.Records, ps *Processes, process string) ([]Population, error) {
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

// Figures tells how many instances stand in which state, how many are stuck, and how many tasks are open and late: at most limit
// of those that are stuck, and of those that are late, are counted.
func Figures(ctx context.Context, st hub.Records, ps *Processes, now time.Time, limit int, to *figures.Set) error {
	all, err := Populations(ctx, st, ps, "")
	if err != nil {
		return err
	}
	for _, p := range all {
		to.Put(figures.Instances, p.Count, p.Process, p.State)
	}
	for _, name := range ps.Names() {
		stuck, err := AllStuck(ctx, st, name, limit)
		if err != nil {
			return err
		}
		to.Put(figures.Stuck, int64(len(stuck)), name)
	}
	tasks, _, err := CountTasks(ctx, st, now, limit)
	for name, n := range tasks {
		to.Put(figures.Tasks, int64(n.Open), name, "open")
		to.Put(figures.Tasks, int64(n.Late), name, "late")
	}
	return err
}

// IsLate tells that nobody answered the task in time.
func (k *OpenTask) IsLate(now time.Time) bool {
	return k.Late || !k.Due.IsZero() && now.After(k.Due)
}

// Stuck is a place that failed, and waits for somebody. Its record has the process and the instance in its key.
type Stuck struct {
	Process  string           `json:"process,omitempty"`
	Instance string           `json:"instance,omitempty"`
	State    string           `json:"state"`
	Since    time.Time        `json:"since"`
	Problem  instance.Problem `json:"problem"`
}

// AllStuck are the places of a process that failed; "" is every process.
func AllStuck(ctx context.Context, st hub.Records, process string, limit int) ([]Stuck, error) {
	list, err := st.List(ctx, stuckKind, prefixOf(process), "", limit)
	if err != nil {
		return nil, err
	}
	out := make([]Stuck, 0, len(list))
	for _, rec := range list {
		parts := escape.SplitKey(rec.Key)
		var s Stuck
		if err := json.Unmarshal(rec.Value, &s); err != nil || len(parts) != 3 {
			out = append(out, Stuck{Process: parts[0], Instance: strings.Join(parts[1:], " "), State: damaged, Problem: damage(fmt.Errorf("%s %q can't be read: %w", stuckKind, rec.Key, err))})
			continue
		}
		s.Process, s.Instance = parts[0], parts[1]
		out = append(out, s)
	}
	return out, nil
}

// leadKind is the kind of the counters of lead times: process, from, to, bucket.
// A bucket is a span of times of which the longest is 2^(1/4) the shortest, so a
// quantile read from them is at most 19 % too long, and costs one counter per milestone.
const leadKind = "process.lead"

const bucketsPerDoubling = 4

func bucketOf(d time.Duration) int {
	ms := max(float64(d)/float64(time.Millisecond), 1)
	return int(math.Ceil(math.Log2(ms) * bucketsPerDoubling))
}

// spanOf is the longest time of a bucket.
func spanOf(bucket int) time.Duration {
	return time.Duration(math.Exp2(float64(bucket)/bucketsPerDoubling) * float64(time.Millisecond))
}

// milestone counts how long it took to reach the state from the last milestone, and from the start.
func (t *turn) milestone(s *definition.State) {
	if !slices.Contains(t.d.Milestones, s.Name) {
		return
	}
	from, since := "started", t.in.Started
	for _, seen := range t.in.Seen {
		if slices.Contains(t.d.Milestones, seen.State) {
			from, since = seen.State, seen.Time
		}
	}
	t.lead(from, s.Name, t.now.Sub(since))
	if from != "started" {
		t.lead("started", s.Name, t.now.Sub(t.in.Started))
	}
}

func (t *turn) lead(from, to string, took time.Duration) {
	key := escape.JoinKey(t.m.Name, from, to, strconv.Itoa(bucketOf(took)))
	t.y.Unit.Adds = append(t.y.Unit.Adds, hub.Add{Kind: leadKind, Key: key, Delta: 1})
}

// Lead is how long instances took from one milestone to another.
type Lead struct {
	From  string        `json:"from"`
	To    string        `json:"to"`
	Count int64         `json:"count"`
	P50   time.Duration `json:"p50_ns"`
	P95   time.Duration `json:"p95_ns"`
	Max   time.Duration `json:"max_ns"` // of its bucket
}

// leads reads the counters of a process, in the order of its milestones.
func leads(counters map[string]int64, milestones []string) []Lead {
	type pair struct{ from, to string }
	buckets := map[pair]map[int]int64{}
	for key, n := range counters {
		parts := escape.SplitKey(key)
		var b int
		if len(parts) != 4 {
			continue
		}
		if _, err := fmt.Sscan(parts[3], &b); err != nil {
			continue
		}
		p := pair{parts[1], parts[2]}
		if buckets[p] == nil {
			buckets[p] = map[int]int64{}
		}
		buckets[p][b] += n
	}
	var out []Lead
	for p, b := range buckets {
		out = append(out, Lead{From: p.from, To: p.to, Count: total(b), P50: quantile(b, 0.5), P95: quantile(b, 0.95), Max: quantile(b, 1)})
	}
	place := func(name string) int { return slices.Index(milestones, name) } // started: -1
	slices.SortFunc(out, func(a, b Lead) int {
		if d := place(a.To) - place(b.To); d != 0 {
			return d
		}
		if d := place(a.From) - place(b.From); d != 0 {
			return d
		}
		return strings.Compare(a.From+a.To, b.From+b.To)
	})
	return out
}

// total is how many times are counted in the buckets.
func total(b map[int]int64) (n int64) {
	for _, c := range b {
		n += c
	}
	return n
}

func quantile(b map[int]int64, q float64) time.Duration {
	left := int64(math.Ceil(q * float64(total(b))))
	for _, k := range slices.Sorted(maps.Keys(b)) {
		if left -= b[k]; left <= 0 {
			return spanOf(k)
		}
	}
	return 0
}

// Leads are the lead times between the milestones of a process.
func Leads(ctx context.Context, st hub.Records, ps *Processes, process string) ([]Lead, error) {
	counters, err := st.Counters(ctx, leadKind, prefixOf(process))
	if err != nil {
		return nil, err
	}
	var milestones []string
	if d := ps.Definition(process); d != nil {
		milestones = d.Milestones
	}
	return leads(counters, milestones), nil
}
