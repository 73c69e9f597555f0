package engine

import (
	"cmp"
	"context"

	"orderhub/hub"
	"orderhub/hub/escape"
	"orderhub/hub/mask"
	"orderhub/hub/store"
)

const (
	keptASecond  = 100     // refusals of one kind that are kept in a second; the rest is counted
	keptAtOnce   = 1000    // refusals that wait to be written; past it they are counted
	refusedKinds = 1000    // kinds that are counted apart; what is new past it counts as reason "other"
	headBytes    = 1 << 10 // of an input that are kept
)

// refusedKind is what is known of one source and reason.
type refusedKind struct {
	second  int64 // Unix time of the last refusal
	inIt    int   // refusals kept in that second
	skipped int64 // only counted since the last that was kept
	count   int64 // not written yet
}

// refuse counts r, and keeps it unless too many of its kind came in this second.
func (s *notes) refuse(r hub.Refusal) {
	if !r.Within {
		s.total.Add(1)
	}
	if r.Time.IsZero() {
		r.Time = s.rt.clock.Now()
	}
	r.ID = cmp.Or(r.ID, hub.NewID(r.Time))
	r.Source, r.Reason = hub.Clip(r.Source, 200), hub.Clip(cmp.Or(r.Reason, string(r.Class), "unknown"), 64)
	if s.count(&r) {
		trim(&r, s.rt.env.Mask)
		s.mu.Lock()
		s.kept, s.some = append(s.kept, r), true
		s.mu.Unlock()
	}
	s.wake.Give()
}

// count adds r to its kind, and tells whether it is to be kept.
func (s *notes) count(r *hub.Refusal) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := s.kindOf(r)
	k.count++
	s.some = true
	if now := s.rt.clock.Now().Unix(); now != k.second {
		k.second, k.inIt = now, 0
	}
	if k.inIt == keptASecond || len(s.kept) >= keptAtOnce {
		k.skipped++
		return false
	}
	k.inIt++
	r.Skipped, k.skipped = k.skipped, 0
	return true
}

func (s *notes) kindOf(r *hub.Refusal) *refusedKind {
	key := store.RefusedKey(r.Source, r.Reason)
	k := s.kinds[key]
	if k == nil && len(s.kinds) >= refusedKinds {
		r.Reason = "other"
		key = store.RefusedKey(r.Source, r.Reason)
		k = s.kinds[key]
	}
	if k == nil {
		k = &refusedKind{}
		s.kinds[key] = k
	}
	return k
}

// trim bounds what the row takes, and makes a text of the head. What is secret or
// personal in it is masked: by its place when the input is a document, else by the name it stands behind.
func trim(r *hub.Refusal, mask *mask.Masker) {
	m := r.About
	if m == nil {
		m = &hub.Message{Body: hub.NewBody(r.Head)}
	}
	mask = mask.About(m.Documents()...)
	begins := string(r.Head[:min(len(r.Head), 2*headBytes)]) // more than is kept, so that nothing is cut before it is masked
	if _, err := m.Body.Doc(); err != nil {
		begins = mask.Named(begins)
	}
	r.Begins, r.Text = hub.Clip(escape.VisibleLines(mask.Text(begins)), headBytes), mask.Text(r.Text)
	r.Head, r.About, r.Within = nil, nil, false
	r.ID, r.Correlation, r.Where, r.Line = hub.Clip(r.ID, 200), hub.Clip(r.Correlation, 200), hub.Clip(r.Where, 200), hub.Clip(r.Line, 200)
	r.Class, r.ContentType, r.Text = hub.Class(hub.Clip(string(r.Class), 64)), hub.Clip(r.ContentType, 100), hub.Clip(r.Text, 1000)
	if len(r.Fields) > 5 {
		r.Fields = r.Fields[:5]
	}
	fields := make([]hub.FieldError, len(r.Fields))
	for i, f := range r.Fields {
		fields[i] = hub.FieldError{Pointer: hub.Clip(f.Pointer, 100), Detail: hub.Clip(mask.Text(f.Detail), 200)}
	}
	r.Fields = fields
}

// refuser is a Refuser of one source.
type refuser struct {
	to     *notes
	source string
}

// Refused keeps r as one of this source, unless it names another.
func (f *refuser) Refused(r hub.Refusal) {
	r.Source = cmp.Or(r.Source, f.source)
	f.to.refuse(r)
}

// Kept waits until what is kept is durable.
func (f *refuser) Kept(context.Context) error { return f.to.write(true) }
