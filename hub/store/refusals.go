package store

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"orderhub/hub"
)

// Bounds of what a store keeps of refusals, so that whoever sends rubbish fills
// no disk and hides nothing: a row has at most 8 KiB, most have one; 500 of one
// kind show what comes, and a flood of one kind leaves the others where they are.
const (
	MaxRefusals       = 5000 // rows
	MaxRefusalsOfKind = 500  // rows of one source and reason
)

// RefusedCounter is the kind of the counters of refusals. They are exact and
// survive; see CountRefused.
const RefusedCounter = "refused"

// RefusalQuery selects refusals, newest first; zero fields select all.
type RefusalQuery struct {
	ID, Correlation, Source, Reason string
	Before                          int64 // Seq to page on from
	Limit                           int   // 0: 100
}

// RefusalCount tells how many of one source were refused for one reason since the store was made.
type RefusalCount struct {
	Source string       `json:"source"`
	Reason string       `json:"reason"`
	Count  int64        `json:"count"`
	Last   *hub.Refusal `json:"last,omitempty"` // nil: its rows are older than the store keeps them
}

// CountRefused tells the refusals of a store by source and reason, the kind that came last first.
func CountRefused(ctx context.Context, st Reader) ([]RefusalCount, error) {
	counts, err := st.Counters(ctx, RefusedCounter, "")
	if err != nil {
		return nil, err
	}
	out := make([]RefusalCount, 0, len(counts))
	for key, n := range counts {
		c := RefusalCount{Count: n}
		c.Source, c.Reason, _ = strings.Cut(key, kindSeparator)
		last, err := st.Refusals(ctx, RefusalQuery{Source: c.Source, Reason: c.Reason, Limit: 1})
		if err != nil {
			return nil, err
		}
		if len(last) > 0 {
			c.Last = &last[0]
		}
		out = append(out, c)
	}
	slices.SortFunc(out, func(a, b RefusalCount) int {
		return cmp.Or(cmp.Compare(b.last(), a.last()), strings.Compare(RefusedKey(a.Source, a.Reason), RefusedKey(b.Source, b.Reason)))
	})
	return out, nil
}

func (c *RefusalCount) last() int64 {
	if c.Last == nil {
		return 0
	}
	return c.Last.Seq
}

const kindSeparator = "\x00" // between source and reason

// RefusedKey is the key of the counter of what source refused for a reason.
func RefusedKey(source, reason string) string { return source + kindSeparator + reason }
