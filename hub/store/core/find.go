package core

import (
	"cmp"
	"context"
	"math"
	"slices"

	"orderhub/hub/store"
)

const (
	findNewest = "SELECT seq, root, corr, events, time FROM history WHERE seq>=? AND seq<? ORDER BY seq DESC LIMIT ?"
	findTerm   = `WITH RECURSIVE parts(n) AS (SELECT CAST(? AS bigint) UNION ALL SELECT n-1 FROM parts WHERE n>CAST(? AS bigint))
		SELECT h.seq, h.root, h.corr, h.events, h.time FROM history h WHERE h.seq IN (SELECT t.seq FROM parts CROSS JOIN terms t JOIN history g ON g.seq=t.seq
			WHERE t.part=parts.n AND t.term=? AND t.seq>=? AND t.seq<? ORDER BY t.seq DESC LIMIT ?) ORDER BY h.seq DESC`
	// SweepTerms deletes the terms of parts that have no history any more: those of a row that is swept stay as long as its part.
	SweepTerms = "DELETE FROM terms WHERE part<(SELECT min(seq)>>16 FROM history)"
	findEnds   = "SELECT (SELECT min(seq) FROM history), (SELECT max(seq) FROM history)"
	findTime   = "SELECT seq, time FROM history WHERE seq>=? ORDER BY seq LIMIT 1"
)

// PartOf is the part of terms that a row's are in. What is written and deleted together stands together, in an index that would else be
// hashes all over.
func PartOf(seq int64) int64 { return seq >> 16 }

// EraseFrom are conditions of the rows to be deleted for the numbers of a hub.Unit's Erases, by the table that they are of. "numbers" stands for
// a query of these numbers.
var EraseFrom = map[string]string{
	"history": "seq IN (numbers)", "refused": "seq IN (numbers)", "links": "seq IN (numbers)",
	"terms": "part IN (SELECT n>>16 FROM (numbers) p) AND seq IN (numbers)",
}

// Find pages through the history, newest first.
func (l *Look) Find(ctx context.Context, q store.FindQuery) (out []store.HistoryRow, err error) {
	err = l.Read(ctx, func(query Query) error {
		out = nil
		from, err := writtenAt(query, Nanos(q.Since), 0)
		if err != nil {
			return err
		}
		to, err := writtenAt(query, Nanos(q.Until), cmp.Or(max(q.Before, 0), math.MaxInt64))
		if err != nil {
			return err
		}
		add := func(r store.HistoryRow) { out = append(out, r) }
		if q.Terms == nil {
			return l.historyRows(query, findNewest, []any{from, to, limitOf(q.Limit)}, add)
		}
		for _, term := range q.Terms {
			if err := l.byTerm(query, term, from, to, limitOf(q.Limit), add); err != nil {
				return err
			}
		}
		return nil
	})
	slices.SortFunc(out, func(a, b store.HistoryRow) int { return cmp.Compare(b.Seq, a.Seq) })
	out = slices.CompactFunc(out, func(a, b store.HistoryRow) bool { return a.Seq == b.Seq })
	return out[:min(len(out), int(limitOf(q.Limit)))], err
}

// byTerm calls row for the newest rows of history, up to a limit, that have the term and a number in a range.
func (l *Look) byTerm(query Query, term, from, to, limit int64, row func(store.HistoryRow)) error {
	first, last := from, to
	if err := query(findEnds, nil, func(r Row) error {
		first, last = max(from, r.Int(0)), min(to, r.Int(1))
		return nil
	}); err != nil || first > last {
		return err
	}
	return l.historyRows(query, findTerm, []any{PartOf(last), PartOf(first), term, from, to, limit}, row)
}

// writtenAt is the number of the first row of the history that was written at a time or later, at most most; for the time 0 it is most.
// Numbers rise with the time, but for the moment that a unit waits for the writer, so it is found by halves: time has no index.
func writtenAt(query Query, at, most int64) (int64, error) {
	if at == 0 {
		return most, nil
	}
	lo, hi := int64(0), most
	if hi == 0 {
		hi = math.MaxInt64
	}
	for lo < hi {
		mid := lo + (hi-lo)/2
		seq, written := int64(math.MaxInt64), int64(math.MaxInt64)
		err := query(findTime, []any{mid}, func(r Row) error {
			seq, written = r.Int(0), r.Int(1)
			return nil
		})
		switch {
		case err != nil:
			return 0, err
		case written >= at:
			hi = mid
		default:
			lo = seq + 1
		}
	}
	return lo, nil
}
