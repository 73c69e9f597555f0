package core

import (
	"fmt"
	"slices"
	"time"

	"orderhub/hub"
)

// Job is a unit on its way to the writer, encoded by the goroutine that commits it; or a piece of the store's own work.
type Job[Q Queued] struct {
	Unit    *hub.Unit
	In      Q // of Unit.Input
	End     End
	Puts    []PutRow[Q]
	History []History // of the unit, and of those that are past
	Places  []Place   // that the rows of history name, and the table may not have yet
	Refused [][]byte  // the rows of Unit.Refused
	Size    int

	// What a store sets that locks rows one batch at a time.
	Writes []hub.Write // of the unit, at most one for each record; the inbox key is the first
	Names  []Name      // what no two jobs of one batch may touch
	Begun  time.Time

	Do    func() error // instead of a unit: what to do inside a transaction
	Alone func() error // instead of a unit: what to do outside of one

	places *Places // that Places are of

	Held *Claim // that of the input, which this job has made busy
	Err  error
	done chan struct{} // takes one signal when the job is settled
}

// End is what becomes of a unit's input, as its row says it.
type End struct {
	State        hub.State
	Due          int64 // Waiting: from when on; Dead: since when
	Tried        int64
	Error, Cause any
}

// PutRow is a message encoded for its table.
type PutRow[Q Queued] struct {
	Put          *hub.Put
	Queue        Q
	State        hub.State // Done: a message is dropped, and none put
	Head, Body   []byte
	Sum          int64
	Due          int64 // Waiting: from when on; Dead: since when
	Error, Cause any
}

// Name names a record, or a message by the number of its queue and its name.
type Name struct {
	Queue     int64 // 0: a record
	Kind, Key string
}

// rowSize is about what a row costs besides its texts.
const rowSize = 128

// Encode makes the job of a unit. places are the store's, queue finds a queue by its name.
func Encode[Q Queued](u *hub.Unit, now time.Time, places *Places, queue func(name string) (Q, error)) (j *Job[Q], err error) {
	j = &Job[Q]{Unit: u, places: places, Size: 2 * rowSize, Refused: encodeRefusals(u.Refused)}
	for _, row := range j.Refused {
		j.Size += len(row) + rowSize
	}
	if u.Input != nil {
		if j.In, err = queue(u.Input.Queue); err != nil {
			return nil, err
		}
		j.End = encodeEnd(&u.Finish, now)
	}
	if len(u.Puts) > 0 {
		j.Puts = make([]PutRow[Q], 0, len(u.Puts))
	}
	for i := range u.Puts {
		if err := j.put(&u.Puts[i], now, queue); err != nil {
			return nil, err
		}
	}
	j.Size += 2 * rowSize * len(u.Settles)
	for i := range u.Writes {
		j.Size += len(u.Writes[i].Value) + rowSize/2
	}
	j.note(u, now)
	for _, past := range u.Past {
		j.note(past, now)
	}
	return j, nil
}

// note adds the history of u, or of a unit that is past.
func (j *Job[Q]) note(u *hub.Unit, now time.Time) {
	if len(u.History) == 0 {
		return
	}
	var h History
	h, j.Places = encodeHistory(u, Nanos(now), j.places, j.Places)
	j.History = append(j.History, h)
	j.Size += len(h.Events) + 32*len(h.Terms) + rowSize
}

func encodeEnd(f *hub.Finish, now time.Time) End {
	e := End{State: f.State}
	switch f.State {
	case hub.Waiting:
		e.Due = Nanos(f.Due)
	case hub.Dead:
		e.Due = Nanos(DeadSince(f.Error, now))
	default:
		return e
	}
	if f.Tried {
		e.Tried = 1
	}
	e.Error, e.Cause = EncodeFailure(f.Error)
	e.Cause = indexedBy(f.State, f.Await, e.Cause)
	return e
}

// put adds a put. One of a name that the unit has put already replaces that one, or wakes it.
func (j *Job[Q]) put(p *hub.Put, now time.Time, queue func(name string) (Q, error)) error {
	q, err := queue(p.Queue)
	if err != nil {
		return err
	}
	for i := len(j.Puts) - 1; p.Name != "" && i >= 0; i-- {
		switch o := &j.Puts[i]; {
		case o.Queue != q || o.Put.Name != p.Name:
		case !p.Wake:
			j.Puts = slices.Delete(j.Puts, i, i+1)
		case o.State == hub.Waiting:
			o.Due = Nanos(now)
		}
	}
	r := PutRow[Q]{Put: p, Queue: q}
	if !p.Adds() {
		j.Puts = append(j.Puts, r)
		return nil
	}
	if p.Msg == nil {
		return fmt.Errorf("put to queue %q: no message", p.Queue)
	}
	r.State = StateOf(p)
	r.Head, r.Body = encodeHead(p.Msg, p.Vars), p.Msg.Body.Bytes()
	r.Sum = checksum(q.Base().ID, p.Msg, r.Head, r.Body)
	r.Error, r.Cause = EncodeFailure(p.Error)
	r.Cause = indexedBy(r.State, p.Await, r.Cause)
	if r.Due = Nanos(p.Due); r.State == hub.Dead {
		r.Due = Nanos(DeadSince(p.Error, now))
	}
	j.Puts = append(j.Puts, r)
	j.Size += len(r.Body) + len(r.Head) + rowSize
	return nil
}

// Grows tells whether the message makes its queue longer: dead ones don't count.
func (r *PutRow[Q]) Grows() bool { return r.State != hub.Done && r.State != hub.Dead }

// Admit checks what memory knows: that the input is claimed by the unit, whose claim it makes busy, and that no queue
// grows over the limit. grown is how many messages the batch adds to each queue. It is called under the store's lock.
func (j *Job[Q]) Admit(limit int, depth func(q Q) int, grown map[Q]int) (err error) {
	if in := j.Unit.Input; in != nil {
		if j.Held, err = j.In.Base().use(in); err != nil {
			return err
		}
	}
	for i := range j.Puts {
		q := j.Puts[i].Queue
		if !j.Puts[i].Grows() {
			continue
		}
		if grown[q]++; depth(q)+grown[q] > limit {
			j.shrink(i+1, grown)
			j.Unmark()
			return fmt.Errorf("queue %q holds %d messages: %w", q.Base().Name, depth(q)+grown[q], hub.ErrFull)
		}
	}
	return nil
}

// Withdraw takes back what Admit did, because the job is not written. It is called under the store's lock.
func (j *Job[Q]) Withdraw(grown map[Q]int) {
	j.shrink(len(j.Puts), grown)
	j.Unmark()
}

// shrink takes the first n puts out of grown.
func (j *Job[Q]) shrink(n int, grown map[Q]int) {
	for i := range j.Puts[:n] {
		if j.Puts[i].Grows() {
			grown[j.Puts[i].Queue]--
		}
	}
}

// Unmark gives the claim back that the job has made busy, because it was not used up. It is called under the store's lock.
func (j *Job[Q]) Unmark() {
	if j.Held != nil {
		j.Held.Busy, j.Held = false, nil
	}
}

const (
	// InboxKind is the kind of the records that remember the inbox keys of units.
	InboxKind = "inbox"
	// InboxKeep is how long an inbox key is remembered: longer than any sender repeats itself.
	InboxKeep = 7 * 24 * time.Hour
)

// NotDead is the error of a unit that settles what is no dead letter.
func NotDead(s hub.Settle) error {
	return fmt.Errorf("message %d is no dead letter: %w", s.Seq, hub.ErrConflict)
}

// StateOf is the state in which a put message begins.
func StateOf(p *hub.Put) hub.State {
	switch {
	case !p.Due.IsZero():
		return hub.Waiting
	case p.Error != nil:
		return hub.Dead
	}
	return hub.Ready
}

// DeadSince is when a dead letter with the failure died: when it failed, if that is known, else now.
func DeadSince(f *hub.Failure, now time.Time) time.Time {
	if f != nil && !f.Time.IsZero() {
		return f.Time
	}
	return now
}

// indexedBy is the cause by which a message is indexed: for a waiting one the part of the hub that it awaits, else the
// group of its failure, NULL if it did not fail; for a dead one never NULL.
func indexedBy(state hub.State, part string, cause any) any {
	switch {
	case state == hub.Waiting && part != "":
		return part
	case state == hub.Dead && cause == nil:
		return ""
	}
	return cause
}

// CameFromOutside tells whether a unit is the first of a root.
func CameFromOutside(u *hub.Unit) bool {
	if u.Input != nil {
		return false
	}
	for i := range u.History {
		if u.History[i].What == "received" {
			return true
		}
	}
	return false
}

// Earlier is the earlier of two times of which zero means never.
func Earlier(a, b time.Time) time.Time {
	if a.IsZero() || (!b.IsZero() && b.Before(a)) {
		return b
	}
	return a
}
