package figures

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// Names follow the conventions of Prometheus: the prefix, the base unit, _total for what only grows.
func TestNames(t *testing.T) {
	seen := map[string]bool{}
	for _, f := range Families() {
		if !regexp.MustCompile(`^hub_[a-z_]+$`).MatchString(f.Name) || seen[f.Name] || f.Help == "" {
			t.Errorf("%s: %q", f.Name, f.Help)
		}
		seen[f.Name] = true
		if (f.Kind == Counter) != strings.HasSuffix(f.Name, "_total") {
			t.Errorf("%s: a counter, and nothing else, ends with _total", f.Name)
		}
		if (f.PerUnit == seconds) != (strings.HasSuffix(f.Name, "_seconds") && !strings.HasSuffix(f.Name, "timestamp_seconds")) {
			t.Errorf("%s counts %d ticks a unit", f.Name, f.PerUnit)
		}
		if !slices.IsSorted(f.Bounds) || (f.Kind == Histogram) != (len(f.Bounds) > 0) {
			t.Errorf("%s has the bounds %v", f.Name, f.Bounds)
		}
	}
}

// A family has MaxSeries series; what is new past it is counted as other, and nothing is lost.
func TestSeriesAreBounded(t *testing.T) {
	var s Set
	for i := range 3 * MaxSeries {
		s.Put(Counted, 1, "skus", fmt.Sprint(i))
		s.Put(Oldest, int64(i), fmt.Sprint(i))
	}
	now := s.Snapshot()
	if len(now) != 2*(MaxSeries+1) {
		t.Errorf("%d series", len(now))
	}
	if all, other := now.Sum(Counted), now.Sum(Counted, Other, Other); all != 3*MaxSeries || other != 2*MaxSeries {
		t.Errorf("%v in all, %v as other", all, other)
	}
	if oldest := now.Sum(Oldest, Other); oldest != float64(3*MaxSeries-1)/float64(time.Second) {
		t.Errorf("of what is past the limit the oldest is %v", oldest)
	}
}

// What was counted goes on after it was encoded, but for what begins anew; a label is any bytes.
func TestRestore(t *testing.T) {
	var before, after Set
	before.Series(Messages, "a", "a#2", "bad\xffname").Add(7)
	before.Series(StageDuration, "a", "a#2").Observe(int64(3 * time.Millisecond))
	before.Series(StageDuration, "a", "a#2").Observe(int64(time.Hour))
	before.Series(CommitUnits).Observe(3)
	kept := before.Snapshot()
	after.Series(Messages, "a", "a#2", "bad\xffname").Add(1)
	if err := after.Restore(kept.Encode()); err != nil {
		t.Fatal(err)
	}
	now := after.Snapshot()
	if n := now.Sum(Messages, "a"); n != 8 {
		t.Errorf("%v messages", n)
	}
	i := slices.IndexFunc(now, func(p Sample) bool { return p.Family == StageDuration })
	if p := now[i]; p.Value() != 3600.003 || p.Buckets[len(p.Buckets)-1] != 1 || p.Buckets[slices.Index(durations, int64(5*time.Millisecond))] != 1 {
		t.Errorf("%v s, %v", p.Value(), p.Buckets)
	}
	if now.Sum(CommitUnits) != 0 {
		t.Error("commits of an earlier process are told")
	}
	if err := after.Restore([]byte(`[{"name":"hub_gone_total","total":1},{"name":"hub_messages_total","labels":["a"],"total":1},
		{"name":"hub_stage_duration_seconds","labels":["a","b"],"buckets":[1]}]`)); err != nil || len(after.Snapshot()) != 2 {
		t.Errorf("of another version: %v, %v", err, after.Snapshot())
	}
	if err := after.Restore([]byte("[")); err == nil {
		t.Error("what is cut is read")
	}
}

// A quantile is that of what was observed since a moment.
func TestQuantile(t *testing.T) {
	var s Set
	n := s.Series(StageDuration, "a", "a")
	n.Observe(int64(time.Hour))
	before := s.Snapshot()
	for range 90 {
		n.Observe(int64(8 * time.Millisecond))
	}
	for range 10 {
		n.Observe(int64(400 * time.Millisecond))
	}
	now := s.Snapshot()
	for q, want := range map[float64][2]float64{0.5: {0.005, 0.01}, 0.9: {0.01, 0.01}, 0.95: {0.25, 0.5}, 1: {0.5, 0.5}} {
		if got := now.Quantile(before, q, StageDuration, "a"); got < want[0] || got > want[1] {
			t.Errorf("%v: %v, want one of %v", q, got, want)
		}
	}
	if got := before.Quantile(nil, 0.5, StageDuration, "a"); got != 60 {
		t.Errorf("behind the last bound: %v", got)
	}
	if got := now.Quantile(now, 0.5, StageDuration, "a"); got != 0 {
		t.Errorf("of nothing: %v", got)
	}
}
