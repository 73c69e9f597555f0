package core

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"strings"
	"sync"
	"time"

	"orderhub/hub"
)

// A row of history is what one unit left, in bytes:
//
//	version    1 byte
//	flags      1 byte: the trace is not the one that follows from the root
//	trace      16 bytes, if the flag says so
//	span       8 bytes, and the 8 of its parent
//	events     for each: flags, place, varint nanoseconds since the event before, at first since the row's time; then what the flags name
//
// Texts have their length in front of them. Most of an event says which step it is of: those texts stand once in the table
// places, and the event has their number. An order of the shipped configuration takes 8 KB with all indexes, where JSON took 21.
const eventsVersion = 1

// Flags of a row, and of an event.
const (
	ownTrace = 1

	hasTook    = 1 << 0
	hasDetail  = 1 << 1
	hasLinks   = 1 << 2
	placeText  = 1 << 3 // the place stands here, as a text: there are too many for the table
	messageAll = 1 << 4 // the message's ID; else it is that of the event before, at first the root
	messageEnd = 1 << 5 // what of the ID follows the root
)

// maxPlaces bounds the table of places. A configuration has some hundreds.
const maxPlaces = 1 << 16

// Place is where and what an event is of: a row of the table places.
type Place struct {
	ID   int64 // the first 5 bytes of the text's SHA-256, so that hubs that share a store need not agree
	Text string
}

const placeSeparator = "\x00" // between where, line and what

type place struct{ where, line, what string }

// Places are the places that a store has. Its zero value is ready for use.
type Places struct {
	mu     sync.RWMutex
	ids    map[place]int64
	texts  map[int64]string
	stored map[int64]bool
}

// of is the number of p; 0: it gets none. isNew: it is to be stored with the unit.
func (ps *Places) of(p place) (id int64, isNew bool) {
	ps.mu.RLock()
	id, found := ps.ids[p]
	isNew = found && !ps.stored[id]
	full := len(ps.ids) >= maxPlaces
	ps.mu.RUnlock()
	if found || full {
		return id, isNew
	}
	text := p.where + placeSeparator + p.line + placeSeparator + p.what
	sum := sha256.Sum256([]byte(text))
	id = int64(binary.BigEndian.Uint64(sum[:]) >> 24)
	ps.mu.Lock()
	defer ps.mu.Unlock()
	if ps.ids == nil {
		ps.ids, ps.texts, ps.stored = map[place]int64{}, map[int64]string{}, map[int64]bool{}
	}
	if other, taken := ps.texts[id]; taken && other != text {
		return 0, false
	}
	ps.ids[p], ps.texts[id] = id, text
	return id, !ps.stored[id]
}

// keep notes that places are durable.
func (ps *Places) keep(list []Place) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	for _, p := range list {
		ps.stored[p.ID] = true
	}
}

// text is the text of a place, if it is known.
func (ps *Places) text(id int64) (string, bool) {
	ps.mu.RLock()
	defer ps.mu.RUnlock()
	text, ok := ps.texts[id]
	return text, ok
}

// learn notes a place that the table has.
func (ps *Places) learn(p Place) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	if ps.texts == nil {
		ps.ids, ps.texts, ps.stored = map[place]int64{}, map[int64]string{}, map[int64]bool{}
	}
	ps.texts[p.ID] = p.Text
}

// History is a row of history on its way to its table.
type History struct {
	Time              int64 // Nanos of when it was encoded
	Root, Correlation string
	Outside           bool // it is the first of a root
	Until             any  // Nanos from when on it is swept; NULL: see store.Retention
	Events            []byte
	Links             []string // roots by which it is found as well: sorted, each once
	Terms             []int64  // by which it is found as well, each once: those of the unit, and of the trace that begins with it
}

// encodeHistory makes the row of a unit, and the places that must be stored with it.
func encodeHistory(u *hub.Unit, now int64, ps *Places, fresh []Place) (History, []Place) {
	h := History{Time: now, Root: u.Root, Correlation: u.Correlation, Outside: CameFromOutside(u), Links: LinksOf(u), Terms: TermsOf(u)}
	if u.Keep > 0 {
		h.Until = now + int64(u.Keep)
	}
	b := append(make([]byte, 0, 64+48*len(u.History)), eventsVersion, 0)
	if u.Span.Trace != hub.TraceOf(u.Root) {
		b[1] = ownTrace
		b = append(b, u.Span.Trace[:]...)
	}
	b = append(append(b, u.Span.TraceContext.Span[:]...), u.Span.Parent[:]...)
	at, last := now, u.Root
	for i := range u.History {
		e := &u.History[i]
		id, isNew := ps.of(place{e.Where, e.Line, e.What})
		if isNew && !slices.ContainsFunc(fresh, func(p Place) bool { return p.ID == id }) {
			text, _ := ps.text(id)
			fresh = append(fresh, Place{id, text})
		}
		b = appendEvent(b, e, id, at, last, u.Root)
		at, last = Nanos(e.Time), e.Message
	}
	h.Events = b
	return h, fresh
}

func appendEvent(b []byte, e *hub.Event, place, at int64, last, root string) []byte {
	flags := byte(0)
	set := func(flag byte, on bool) {
		if on {
			flags |= flag
		}
	}
	end, child := strings.CutPrefix(e.Message, root)
	set(hasTook, e.Took != 0)
	set(hasDetail, e.Detail != "")
	set(hasLinks, len(e.Links) > 0)
	set(placeText, place == 0)
	set(messageEnd, e.Message != last && child)
	set(messageAll, e.Message != last && !child)
	b = append(b, flags)
	if place == 0 {
		b = appendText(appendText(appendText(b, e.Where), e.Line), e.What)
	} else {
		var id [8]byte
		binary.BigEndian.PutUint64(id[:], uint64(place))
		b = append(b, id[3:]...)
	}
	b = binary.AppendVarint(b, Nanos(e.Time)-at)
	if flags&messageEnd != 0 {
		b = appendText(b, end)
	}
	if flags&messageAll != 0 {
		b = appendText(b, e.Message)
	}
	if flags&hasTook != 0 {
		b = binary.AppendVarint(b, int64(e.Took))
	}
	if flags&hasDetail != 0 {
		b = appendText(b, e.Detail)
	}
	if flags&hasLinks != 0 {
		b = binary.AppendUvarint(b, uint64(len(e.Links)))
		for _, l := range e.Links {
			b = appendText(b, l)
		}
	}
	return b
}

// LinksOf are the roots that u's events link to.
func LinksOf(u *hub.Unit) (links []string) {
	for i := range u.History {
		links = append(links, u.History[i].Links...)
	}
	slices.Sort(links)
	return slices.Compact(links)
}

// TermsOf are the terms of u and, of a unit that is the first of its root, that of its trace if others know it: it was given, or goes to a collector. One for each
// message, at random places, would be a tenth of what accepting it costs; see rootTraced.
func TermsOf(u *hub.Unit) []int64 {
	if !CameFromOutside(u) || !u.Span.Sampled && u.Span.Trace == hub.TraceOf(u.Root) {
		return u.Terms
	}
	terms := append(slices.Clone(u.Terms), TraceTerm(u.Span.Trace.String()))
	slices.Sort(terms)
	return slices.Compact(terms)
}

// TraceTerm is the term of a trace.
func TraceTerm(id string) int64 {
	sum := sha256.Sum256([]byte(id))
	return int64(binary.BigEndian.Uint64(sum[:]))
}

// decodeHistory is the reverse of encodeHistory, of a row with the time at. text gives the text of a place.
func decodeHistory(b []byte, at int64, root string, text func(id int64) string) (span hub.Span, events []hub.Event, err error) {
	r := reader{b: b}
	if v := r.bytes(2); v != nil && v[0] == eventsVersion {
		if span.Trace = hub.TraceOf(root); v[1]&ownTrace != 0 {
			copy(span.Trace[:], r.bytes(len(span.Trace)))
		}
	} else {
		r.bad = true
	}
	copy(span.TraceContext.Span[:], r.bytes(len(span.Parent)))
	copy(span.Parent[:], r.bytes(len(span.Parent)))
	last := hub.Event{Message: root, Time: TimeOf(at)}
	for len(r.b) > 0 && !r.bad {
		last = r.event(&last, root, text)
		events = append(events, last)
	}
	if r.bad {
		return span, nil, ErrDamaged
	}
	return span, events, nil
}

// event takes an event of a row that is history of root; last is the one before.
func (r *reader) event(last *hub.Event, root string, text func(id int64) string) hub.Event {
	e := hub.Event{Message: last.Message}
	flags := r.bytes(1)[0]
	if flags&placeText != 0 {
		e.Where, e.Line, e.What = r.text(), r.text(), r.text()
	} else {
		var id [8]byte
		copy(id[3:], r.bytes(5))
		e.Where, e.Line, e.What = cutPlace(text(int64(binary.BigEndian.Uint64(id[:]))))
	}
	e.Time = TimeOf(Nanos(last.Time) + r.varint())
	if flags&messageEnd != 0 {
		e.Message = root + r.text()
	}
	if flags&messageAll != 0 {
		e.Message = r.text()
	}
	if flags&hasTook != 0 {
		e.Took = time.Duration(r.varint())
	}
	if flags&hasDetail != 0 {
		e.Detail = r.text()
	}
	if flags&hasLinks != 0 {
		for n := r.uvarint(); n > 0 && !r.bad; n-- {
			e.Links = append(e.Links, r.text())
		}
	}
	return e
}

// placesIn calls f with the numbers of the places in a row of history.
func placesIn(b []byte, f func(id int64)) {
	_, _, _ = decodeHistory(b, 0, "", func(id int64) string { f(id); return "" })
}

func cutPlace(text string) (where, line, what string) {
	where, rest, _ := strings.Cut(text, placeSeparator)
	line, what, _ = strings.Cut(rest, placeSeparator)
	return where, line, what
}
