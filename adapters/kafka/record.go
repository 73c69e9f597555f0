package kafka

import (
	"encoding/base64"
	"strconv"
	"time"
	"unicode/utf8"

	"orderhub/hub"
)

// record is a record as it was fetched. Its bytes lie in what was fetched.
type record struct {
	offset  int64
	time    int64 // milliseconds; negative: none
	size    int
	key     []byte
	value   []byte // nil: a tombstone
	headers []byte
	count   int        // of headers
	fault   *hub.Error // why there is no message; the place is all that is known, and the key if it can be told
}

const (
	prefixOurs = "kafka." // of headers that tell of Kafka, and are not sent

	headerTombstone   = "kafka.tombstone"
	headerID          = "hub-id"
	headerCorrelation = "hub-correlation"
	headerExpires     = "hub-expires"
	headerKey         = "key" // option of send

	suffixBinary = ".base64" // of the name of a header whose value is no text
)

// message makes the message of a record in m, and finds its Return Address, nil: it has none.
func (r *run) message(m *hub.Message, partition int, rec *record) (reply *address) {
	*m = hub.Message{ID: r.id(partition, rec.offset), Key: text(rec.key), Time: at(rec.time), Body: hub.NewBody(rec.value)}
	if rec.count > 0 {
		m.Headers = make(hub.Headers, rec.count+1)
		reply = r.headers(m, rec)
	}
	if rec.value == nil && r.form == onTopic {
		if m.Headers == nil {
			m.Headers = hub.Headers{}
		}
		m.Headers[headerTombstone] = "true"
	}
	if m.Time.IsZero() {
		m.Time = r.env.Clock.Now()
	}
	if m.Key == "" && r.keyOf != nil {
		m.Key = r.keyOf(m)
	}
	return reply
}

// headers puts a record's headers where they belong.
func (r *run) headers(m *hub.Message, rec *record) *address {
	var back address
	f := fields{b: rec.headers}
	for range rec.count {
		name, value := f.bytes(), f.bytes()
		back.note(string(name), value)
		switch {
		case !utf8.Valid(value):
			m.Headers[lower(string(name))+suffixBinary] = base64.StdEncoding.EncodeToString(value)
		case string(name) == headerCorrelation:
			m.Correlation = string(value)
		case string(name) == headerExpires:
			m.Expires, _ = time.Parse(time.RFC3339Nano, string(value)) // not ours if it can't be read
		case string(name) == headerID && r.form == onChannel && len(value) > 0:
			m.ID = string(value)
		default:
			m.Headers[lower(string(name))] = string(value)
		}
	}
	return back.of(m)
}

// id is the record's place, the same on every redelivery. Part of the topic's ID keeps the places of a topic that was made anew apart.
func (r *run) id(partition int, offset int64) string {
	b := make([]byte, 0, 96)
	b = append(append(b, r.topic...), '.')
	if r.state.id != "" {
		b = append(append(b, r.state.id[:8]...), '.')
	}
	b = append(strconv.AppendInt(b, int64(partition), 10), '.')
	return string(strconv.AppendInt(b, offset, 10))
}

// text is a key as text: bytes that are none become base64.
func text(key []byte) string {
	if utf8.Valid(key) {
		return string(key)
	}
	return base64.StdEncoding.EncodeToString(key)
}

// lower is s in lower case, as names of headers are.
func lower(s string) string {
	for i := range len(s) {
		if c := s[i]; c >= 'A' && c <= 'Z' {
			b := []byte(s)
			for j := i; j < len(b); j++ {
				if b[j] >= 'A' && b[j] <= 'Z' {
					b[j] += 'a' - 'A'
				}
			}
			return string(b)
		}
	}
	return s
}
