package postgres

import (
	"orderhub/hub"
	"orderhub/hub/store/core"
)

// Rows go to PostgreSQL by column: one statement for any number of them.

type putRows struct {
	seqs, queues     []int64
	states           []int16
	keys, ids, corrs [][]byte
	sums             []int64
	heads, bodies    [][]byte
	attempts         []int32
	dues             []int64
	names            [][]byte
	errors, causes   []any
}

func (p *putRows) add(seq int64, r *putRow) {
	m := r.Put.Msg
	p.seqs, p.queues, p.states = append(p.seqs, seq), append(p.queues, r.Queue.ID), append(p.states, int16(r.State))
	p.keys, p.ids, p.corrs = append(p.keys, []byte(m.Key)), append(p.ids, []byte(m.ID)), append(p.corrs, []byte(m.Correlation))
	body := r.Body
	if body == nil {
		body = []byte{}
	}
	p.sums, p.heads, p.bodies = append(p.sums, r.Sum), append(p.heads, r.Head), append(p.bodies, body)
	p.attempts, p.dues, p.names = append(p.attempts, int32(r.Put.Tries)), append(p.dues, r.Due), append(p.names, []byte(r.Put.Name))
	p.errors, p.causes = append(p.errors, r.Error), append(p.causes, r.Cause)
}

type finishRows struct {
	seqs           []int64
	states         []int16
	dues           []int64
	tried          []int32
	errors, causes []any
}

// add adds the input of a unit that stays in the store.
func (f *finishRows) add(j *job) {
	f.seqs, f.states, f.dues = append(f.seqs, j.Unit.Input.Seq), append(f.states, int16(j.End.State)), append(f.dues, j.End.Due)
	f.tried, f.errors, f.causes = append(f.tried, int32(j.End.Tried)), append(f.errors, j.End.Error), append(f.causes, j.End.Cause)
}

// recordRows is writes by column.
type recordRows struct {
	kinds        []string
	keys, values [][]byte
	versions     []int64
	sums         []int64
	expires      []int64
}

func columnsOf(ws []*hub.Write, versions []int64) (r recordRows) {
	r.versions = versions
	for _, w := range ws {
		r.kinds, r.keys, r.values = append(r.kinds, w.Kind), append(r.keys, []byte(w.Key)), append(r.values, w.Value)
		r.sums, r.expires = append(r.sums, core.RecordSum(w.Kind, w.Key, w.Value)), append(r.expires, core.Nanos(w.Expires))
	}
	return r
}
