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

func (p *putRows) add(seq int64, r *pgPut) {
	m := r.p.Msg
	p.seqs, p.queues, p.states = append(p.seqs, seq), append(p.queues, r.q.id), append(p.states, int16(r.state))
	p.keys, p.ids, p.corrs = append(p.keys, []byte(m.Key)), append(p.ids, []byte(m.ID)), append(p.corrs, []byte(m.Correlation))
	body := r.body
	if body == nil {
		body = []byte{}
	}
	p.sums, p.heads, p.bodies = append(p.sums, r.crc), append(p.heads, r.head), append(p.bodies, body)
	p.attempts, p.dues, p.names = append(p.attempts, int32(r.p.Tries)), append(p.dues, r.due), append(p.names, []byte(r.p.Name))
	p.errors, p.causes = append(p.errors, r.failure), append(p.causes, r.cause)
}

type finishRows struct {
	seqs           []int64
	states         []int16
	dues           []int64
	tried          []int32
	errors, causes []any
}

// add adds the input of a unit that stays in the store.
func (f *finishRows) add(s *Store, j *pgJob) {
	end := &j.u.Finish
	due, tried, cause := int64(0), int32(0), any(nil)
	switch end.State {
	case hub.Waiting:
		due, cause = core.Nanos(end.Due), core.Awaited(end.Await, j.cause)
	case hub.Dead:
		due, cause = core.Nanos(core.DeadSince(end.Error, s.o.Clock.Now())), core.CauseOf(j.cause)
	}
	if end.Tried && (end.State == hub.Waiting || end.State == hub.Dead) {
		tried = 1
	}
	f.seqs, f.states, f.dues = append(f.seqs, j.u.Input.Seq), append(f.states, int16(end.State)), append(f.dues, due)
	f.tried, f.errors, f.causes = append(f.tried, tried), append(f.errors, j.failure), append(f.causes, cause)
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
