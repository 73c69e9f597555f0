package process

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"orderhub/hub"
	"orderhub/hub/escape"
	"orderhub/pipelines/process/definition"
)

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
func Leads(ctx context.Context, st Reader, ps *Processes, process string) ([]Lead, error) {
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
