package resequence

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"

	"orderhub/hub"
)

const kindSequence = "sequence" // key: pipeline/step, a space, the key of the sequence

// sequence is the record of one sequence. Numbers stand in it as ranges, so that a long run of them costs what one does.
type sequence struct {
	Next  int64     `json:"next"`           // whose turn it is
	Since time.Time `json:"since"`          // when its turn came
	Held  ranges    `json:"held,omitempty"` // those that wait, Next among them until it goes on
	Gaps  ranges    `json:"gaps,omitempty"` // those that were told to be missing: the newest maxGaps ranges

	key, name string
	version   int64
}

// maxGaps bounds how many gaps of one sequence are known. A message that comes for an older one counts as a duplicate.
const maxGaps = 1000

func (r *resequencer) read(ctx context.Context, x *hub.Exchange, key string) (*sequence, error) {
	s := &sequence{Next: r.first, key: key, name: r.site.Where + " " + key}
	x.Serialize(kindSequence, s.name)
	var err error
	if s.version, err = hub.ReadJSON(ctx, x.Record, kindSequence, s.name, s); err != nil {
		return nil, fmt.Errorf("sequence %q: %w", s.name, err)
	}
	return s, nil
}

func (r *resequencer) write(x *hub.Exchange, s *sequence) {
	raw, err := json.Marshal(s)
	if err != nil {
		panic(err) // numbers always marshal
	}
	x.Write(hub.Write{Kind: kindSequence, Key: s.name, Value: raw, IfVersion: s.version, Expires: x.Now().Add(r.keep)})
}

// nameOf is the name of a message that waits.
func (s *sequence) nameOf(n int64) string { return hub.HashID(s.name) + "." + strconv.FormatInt(n, 10) }

func (s *sequence) size() (n int64) {
	for _, r := range s.Held {
		n += r[1] - r[0] + 1
	}
	return n
}

// give gives the turn to n.
func (s *sequence) give(n int64, now time.Time) { s.Next, s.Since = n, now }

// missing notes that those from a number up to Next did not come.
func (s *sequence) missing(from int64) {
	s.Gaps = append(s.Gaps, [2]int64{from, s.Next - 1})
	s.Gaps = s.Gaps[max(0, len(s.Gaps)-maxGaps):]
}

// ranges are whole numbers, as the first and the last of each run of them, in order.
type ranges [][2]int64

func (l ranges) has(n int64) bool {
	i, found := l.find(n)
	return found || i > 0 && l[i-1][1] >= n
}

// find is the place of the first range that begins at n or above.
func (l ranges) find(n int64) (int, bool) {
	return slices.BinarySearchFunc(l, n, func(r [2]int64, n int64) int {
		switch {
		case r[0] < n:
			return -1
		case r[0] > n:
			return 1
		}
		return 0
	})
}

// with is l with n, which it has not.
func (l ranges) with(n int64) ranges {
	i, _ := l.find(n)
	below, above := i > 0 && l[i-1][1] == n-1, i < len(l) && l[i][0] == n+1
	switch {
	case below && above:
		l[i-1][1] = l[i][1]
		return slices.Delete(l, i, i+1)
	case below:
		l[i-1][1] = n
	case above:
		l[i][0] = n
	default:
		return slices.Insert(l, i, [2]int64{n, n})
	}
	return l
}

// without is l without n, which is its lowest, if it has it.
func (l ranges) without(n int64) ranges {
	if len(l) == 0 || l[0][0] != n {
		return l
	}
	if l[0][0]++; l[0][0] > l[0][1] {
		return l[1:]
	}
	return l
}
