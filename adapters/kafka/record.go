package kafka

import (
	"encoding/base64"
	"io"
	"strconv"
	"time"
	"unicode/utf8"

	kafka "github.com/segmentio/kafka-go"

	"orderhub/hub"
)

// record is a record as it was fetched.
type record struct {
	offset  int64
	time    time.Time
	key     []byte
	value   []byte // nil: a tombstone
	headers []kafka.Header
}

// whole copies b; nil stays nil, empty stays empty.
func whole(b kafka.Bytes) ([]byte, error) {
	if b == nil {
		return nil, nil
	}
	defer b.Close()
	out := make([]byte, b.Len())
	_, err := io.ReadFull(b, out)
	return out, err
}

const (
	headerTombstone   = "kafka.tombstone"
	headerID          = "hub-id"
	headerCorrelation = "hub-correlation"
	headerExpires     = "hub-expires"
	headerKey         = "key" // option of send

	suffixBinary = ".base64" // of the name of a header whose value is no text
)

// message makes the message of a record.
func (r *run) message(partition int, rec *record) *hub.Message {
	m := &hub.Message{ID: r.id(partition, rec.offset), Key: text(rec.key), Time: rec.time, Body: hub.NewBody(rec.value)}
	if len(rec.headers) > 0 || rec.value == nil {
		m.Headers = make(hub.Headers, len(rec.headers)+1)
	}
	for _, h := range rec.headers {
		switch name := lower(h.Key); {
		case !utf8.Valid(h.Value):
			m.Headers[name+suffixBinary] = base64.StdEncoding.EncodeToString(h.Value)
		case name == headerCorrelation:
			m.Correlation = string(h.Value)
		case name == headerExpires:
			m.Expires, _ = time.Parse(time.RFC3339Nano, string(h.Value)) // not ours if it can't be read
		default:
			m.Headers[name] = string(h.Value)
		}
	}
	if rec.value == nil {
		m.Headers[headerTombstone] = "true"
	}
	if m.Time.IsZero() {
		m.Time = r.env.Clock.Now()
	}
	return m
}

// id is the record's place, the same on every redelivery. Part of the topic's ID keeps the places of a topic that was made anew apart.
func (r *run) id(partition int, offset int64) string {
	b := make([]byte, 0, len(r.topic)+40)
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
