package kafka

import (
	"cmp"
	"encoding/base64"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"orderhub/hub"
)

// parcel is a message as a record, and its sender's wait for the brokers.
type parcel struct {
	key       string // "": none
	value     []byte // nil: none, which is not the same as empty
	headers   []header
	time      time.Time
	size      int // as a record
	partition int // -1: by the key
	outlet    *outlet
	done      chan error
}

type header struct{ name, value string }

// form is how messages become records and back.
type form uint8

const (
	onTopic   form = iota // topics that others write and read, too
	onChannel             // channels: a message comes out as it went in
)

// newParcel makes the record of a message.
func newParcel(m *hub.Message, f form) *parcel {
	p := &parcel{done: make(chan error, 1)}
	p.fill(m, f)
	return p
}

// fill makes p the record of m: hub-id, hub-correlation and hub-expires beside the message's own headers.
func (p *parcel) fill(m *hub.Message, f form) {
	*p = parcel{key: m.Key, value: m.Body.Bytes(), headers: p.headers[:0], time: m.Time, partition: -1, done: p.done}
	if k := m.Headers[headerKey]; k != "" && f == onTopic {
		p.key = k
	}
	switch tombstone := f == onTopic && m.Headers[headerTombstone] == "true"; {
	case tombstone && len(p.value) == 0:
		p.value = nil
	case p.value == nil:
		p.value = []byte{}
	}
	for name, value := range m.Headers {
		if own(name) || f == onTopic && (name == headerKey || strings.HasPrefix(name, prefixOurs)) {
			continue
		}
		p.add(raw(name, value))
	}
	if len(p.headers) > 1 {
		slices.SortFunc(p.headers, func(a, b header) int { return cmp.Compare(a.name, b.name) })
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

func (p *parcel) add(name, value string) { p.headers = append(p.headers, header{name, value}) }

// own tells whether a header of a record is made of the message's properties.
func own(name string) bool {
	return name == headerID || name == headerCorrelation || name == headerExpires
}

// raw is a header as it was on the wire: a value that is no text is bytes, and a name whose case matters has it.
func raw(name, value string) (string, string) {
	if short, ok := strings.CutSuffix(name, suffixBinary); ok {
		if b, err := base64.StdEncoding.DecodeString(value); err == nil && !utf8.Valid(b) { // text would come back without the suffix
			name, value = short, string(b)
		}
	}
	if s := spelled(name); s != "" {
		name = s
	}
	return name, value
}
