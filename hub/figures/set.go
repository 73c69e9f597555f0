package figures

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// MaxSeries bounds the series of a family, so that no key of a message, and no
// list of partitions, fills the memory of who reads them: what is new past it shares the series Other.
const MaxSeries = 1000

// Other are the labels of the series that stands for all past MaxSeries.
const Other = "other"

// Set holds series. The zero Set is ready for use.
type Set struct {
	Clean func(label string) string // what a label may be told as; nil: as it is

	mu     sync.Mutex
	series map[*Family]map[string]*Series // by the labels, as nameOf joins them
}

// Series is one series of a family: a number, or a histogram. Counting costs
// atomic additions and allocates nothing.
type Series struct {
	family  *Family
	labels  []string
	total   atomic.Int64   // ticks: of a histogram, the sum of what was observed
	buckets []atomic.Int64 // of a histogram: how many fell into each; the last one has no bound
}

// Series finds the series with the labels, in the order of the family's, or makes it.
func (s *Set) Series(f *Family, labels ...string) *Series {
	if len(labels) != len(f.Labels) {
		panic(fmt.Sprintf("%s has the labels %v, not %q", f.Name, f.Labels, labels))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	of, name := s.series[f], s.nameOf(labels)
	if of == nil {
		if s.series == nil {
			s.series = map[*Family]map[string]*Series{}
		}
		of = map[string]*Series{}
		s.series[f] = of
	}
	if of[name] == nil && len(of) >= MaxSeries {
		labels = slices.Repeat([]string{Other}, len(labels))
		name = s.nameOf(labels)
	}
	if of[name] == nil {
		of[name] = &Series{family: f}
		if len(labels) > 0 {
			of[name].labels = strings.Split(name, "\x00")
		}
		if f.Kind == Histogram {
			of[name].buckets = make([]atomic.Int64, len(f.Bounds)+1)
		}
	}
	return of[name]
}

// nameOf joins labels. What is no text of UTF-8 is made one, as exporters want it.
func (s *Set) nameOf(labels []string) string {
	name := strings.ToValidUTF8(strings.Join(labels, "\x00"), "\uFFFD")
	if s.Clean != nil {
		name = s.Clean(name)
	}
	return name
}

// Add adds ticks to a counter.
func (s *Series) Add(ticks int64) { s.total.Add(ticks) }

// Observe adds one observation to a histogram.
func (s *Series) Observe(ticks int64) {
	i := 0
	for i < len(s.family.Bounds) && ticks > s.family.Bounds[i] {
		i++
	}
	s.buckets[i].Add(1)
	s.total.Add(ticks)
}

// Put gives a series that is looked up its value. A Set that is made anew for each look has each series once, but for the one of Other.
func (s *Set) Put(f *Family, ticks int64, labels ...string) {
	if n := s.Series(f, labels...); f.Largest {
		n.total.Store(max(n.total.Load(), ticks))
	} else {
		n.total.Add(ticks)
	}
}

// PutFlag gives a series that is looked up the value 1 or 0.
func (s *Set) PutFlag(f *Family, on bool, labels ...string) {
	ticks := int64(0)
	if on {
		ticks = 1
	}
	s.Put(f, ticks, labels...)
}

// PutAll puts all series of another set of this kind.
func (s *Set) PutAll(of *Set) {
	for _, p := range of.Snapshot() {
		s.Put(p.Family, p.Total, p.Labels...)
	}
}

// Retain drops the series that keep does not want: what they told of is gone.
func (s *Set) Retain(keep func(f *Family, labels []string) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for f, of := range s.series {
		maps.DeleteFunc(of, func(_ string, n *Series) bool { return !keep(f, n.labels) })
	}
}

// Sample is what a series was at one moment.
type Sample struct {
	Family  *Family  `json:"-"`
	Name    string   `json:"name"` // the family's
	Labels  []string `json:"labels,omitempty"`
	Total   int64    `json:"total"`             // in ticks: of a histogram, the sum of what was observed
	Buckets []int64  `json:"buckets,omitempty"` // of a histogram: how many fell into each bucket; the last one has no bound
}

// Value is the value in the unit of the family's name.
func (s *Sample) Value() float64 { return s.Family.InUnits(s.Total) }

// Snapshot is what some series were at one moment, by family and labels.
type Snapshot []Sample

// Snapshot is what the set's series are now.
func (s *Set) Snapshot() (out Snapshot) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for f, of := range s.series {
		for _, n := range of {
			p := Sample{Family: f, Name: f.Name, Labels: n.labels, Total: n.total.Load()}
			for i := range n.buckets {
				p.Buckets = append(p.Buckets, n.buckets[i].Load())
			}
			out = append(out, p)
		}
	}
	slices.SortFunc(out, func(a, b Sample) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), slices.Compare(a.Labels, b.Labels))
	})
	return out
}

// Sum adds up the values of the family's series that have the labels; "" stands for any. The labels that are left out may be any.
func (s Snapshot) Sum(f *Family, labels ...string) (sum float64) {
	for i := range s {
		if s[i].Family == f && fits(s[i].Labels, labels) {
			sum += s[i].Value()
		}
	}
	return sum
}

// Quantile is the value that a part q of the observations since before does not pass, of the histograms that have the labels: between the bounds
// of a bucket it is interpolated, and behind the last bound it is that bound. 0: nothing was observed.
func (s Snapshot) Quantile(before Snapshot, q float64, f *Family, labels ...string) float64 {
	counts, all := make([]int64, len(f.Bounds)+1), int64(0)
	for sign, of := range map[int64]Snapshot{1: s, -1: before} {
		for i := range of {
			if of[i].Family == f && fits(of[i].Labels, labels) {
				for b, n := range of[i].Buckets {
					counts[b] += sign * n
					all += sign * n
				}
			}
		}
	}
	rank, below := q*float64(all), 0.0
	for b, n := range counts[:len(f.Bounds)] {
		if n > 0 && below+float64(n) >= rank {
			low := int64(0)
			if b > 0 {
				low = f.Bounds[b-1]
			}
			return f.InUnits(low) + f.InUnits(f.Bounds[b]-low)*(rank-below)/float64(n)
		}
		below += float64(n)
	}
	if all == 0 {
		return 0
	}
	return f.InUnits(f.Bounds[len(f.Bounds)-1])
}

func fits(labels, want []string) bool {
	for i, w := range want {
		if w != "" && w != labels[i] {
			return false
		}
	}
	return true
}

// Encode is what Restore reads: the series that go on after a start of the hub.
func (s Snapshot) Encode() []byte {
	kept := slices.DeleteFunc(slices.Clone(s), func(p Sample) bool { return p.Family.Fresh })
	raw, _ := json.Marshal(kept) // of texts and numbers: never fails
	return raw
}

// Restore adds to the set what an earlier one had. Families, and buckets, that this version has not are left out.
func (s *Set) Restore(raw []byte) error {
	var kept Snapshot
	if err := json.Unmarshal(raw, &kept); err != nil {
		return err
	}
	for _, p := range kept {
		i := slices.IndexFunc(Families(), func(f *Family) bool { return f.Name == p.Name })
		if i < 0 {
			continue
		}
		f := Families()[i]
		if len(p.Labels) != len(f.Labels) || f.Kind == Histogram && len(p.Buckets) != len(f.Bounds)+1 {
			continue
		}
		n := s.Series(f, p.Labels...)
		n.total.Add(p.Total)
		for b := range n.buckets {
			n.buckets[b].Add(p.Buckets[b])
		}
	}
	return nil
}
