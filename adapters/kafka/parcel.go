package kafka

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"orderhub/hub"
	"orderhub/hub/broker"
)

// parcel is a message as a record, together with its sender's wait for the brokers.
type parcel struct {
	key       string
	keyed     bool   // it has a key, which may be empty
	value     []byte // nil: none, which is not the same as empty
	headers   []header
	time      time.Time
	size      int // as a record
	partition int // -1: by the key
	outlet    *outlet
	done      chan error
}

type header struct {
	name, value string
	null        bool // it has no value
}

// form is how messages are converted to records and back.
type form uint8

const (
	onTopic   form = iota // topics that others write and read, too
	onChannel             // channels: a message comes out as it went in
)

// newParcel converts a message.
func newParcel(m *hub.Message, f form) *parcel {
	p := &parcel{done: make(chan error, 1)}
	p.fill(m, f)
	return p
}

// fill makes p the record of m: its headers, in the order that they came in, then hub-id, hub-correlation and hub-expires.
func (p *parcel) fill(m *hub.Message, f form) {
	m = m.Outgoing()
	*p = parcel{key: m.Key, keyed: m.Key != "", value: m.Body.Bytes(), headers: p.headers[:0], time: m.Time, partition: -1, done: p.done}
	switch tombstone := f == onTopic && m.Headers[headerTombstone] == "true"; {
	case tombstone && len(p.value) == 0:
		p.value = nil
	case p.value == nil:
		p.value = []byte{}
	}
	var kept map[string]bool
	if f == onTopic {
		kept = p.keep(m)
	}
	if k := m.Headers[headerKey]; k != "" && f == onTopic {
		p.key, p.keyed = k, true
	}
	first, replyTopic := len(p.headers), strings.ToLower(headerReplyTopic)
	for name, value := range m.Headers {
		derived := name == hub.HeaderReplyTo && kept[replyTopic] && value == replyPlace+m.Headers[replyTopic] // by us, of what is kept
		if derived || kept[name] || property(m, name) {
			continue
		}
		if name, sent := outside(name, f); sent {
			p.add(spelled(name), value)
		}
	}
	if own := p.headers[first:]; len(own) > 1 {
		slices.SortFunc(own, func(a, b header) int { return cmp.Compare(a.name, b.name) })
	}
	p.add(headerID, m.ID)
	if m.Correlation != "" {
		p.add(headerCorrelation, m.Correlation)
	}
	if !m.Expires.IsZero() {
		p.add(headerExpires, m.Expires.UTC().Format(time.RFC3339Nano))
	}
	p.measure()
}

// keep adds the headers that m has exactly as they came, and returns their names. It also takes the key as it came, unless it was changed.
func (p *parcel) keep(m *hub.Message) map[string]bool {
	list, kept := broker.Exact(m.Headers, nil)
	for _, e := range list {
		if e.Name == headerExactKey {
			if m.Key == text([]byte(e.Value)) {
				p.key, p.keyed = e.Value, true
			}
			continue
		}
		if name, sent := outside(e.Name, onTopic); sent && !property(m, name) {
			p.headers = append(p.headers, header{name, e.Value, e.Form == broker.FormNull})
		}
	}
	return kept
}

func (p *parcel) add(name, value string) {
	p.headers = append(p.headers, header{name: name, value: value})
}

// property reports whether a header of the record is made of a property of the message.
func property(m *hub.Message, name string) bool {
	return name == headerID || name == headerCorrelation && m.Correlation != "" || name == headerExpires && !m.Expires.IsZero()
}

// outside returns the name that a header has in the record, or false if it is not sent.
func outside(name string, f form) (string, bool) {
	if theirs, is := strings.CutPrefix(name, prefixHeader); is && f == onTopic {
		return theirs, true
	}
	return name, f == onChannel || !reserved(name)
}
