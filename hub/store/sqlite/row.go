package sqlite

import (
	"database/sql/driver"

	"orderhub/hub"
	"orderhub/hub/store/core"
)

const columns = "seq, queue, state, key, id, corr, crc, head, body, attempts, crashes, due, name, error"

// delivery makes a delivery of a row. When the row's checksum does not match
// it is not intact, and has no body.
func (s *Store) delivery(v []driver.Value) (d *hub.Delivery, intact bool) {
	number := func(i int) int64 { n, _ := v[i].(int64); return n }
	text := func(i int) string { t, _ := v[i].(string); return t }
	head, _ := v[7].([]byte)
	body, _ := v[8].([]byte)
	m := &hub.Message{ID: text(4), Key: text(3), Correlation: text(5)}
	d = &hub.Delivery{Seq: number(0), State: hub.State(number(2)), Msg: m,
		Attempts: int(number(9)), Crashes: int(number(10)), Name: text(12), Error: core.DecodeFailure(text(13))}
	if d.State > hub.Dead {
		d.State = hub.Dead
	}
	if d.State == hub.Waiting {
		d.Due = core.TimeOf(number(11))
	}
	d.Queue = s.nameOf(number(1))
	if number(6) != core.Checksum(number(1), m, head, body) {
		d.Error = core.Damage(s.o.Clock.Now())
		return d, false
	}
	var err error
	if d.Vars, err = core.DecodeHead(head, m); err != nil {
		d.Error = core.Damage(s.o.Clock.Now())
		return d, false
	}
	if len(body) > 0 {
		m.Body = hub.NewBody(body)
	}
	return d, true
}

func (s *Store) nameOf(id int64) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if name, ok := s.names[id]; ok {
		return name
	}
	for _, q := range s.queues {
		s.names[q.id] = q.name
	}
	return s.names[id]
}
