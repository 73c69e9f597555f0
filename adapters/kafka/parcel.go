package kafka

import (
	"encoding/base64"
	"maps"
	"slices"
	"strings"
	"time"

	kafka "github.com/segmentio/kafka-go"

	"orderhub/hub"
)

// parcel is a message as a record, and its sender's wait for the broker.
type parcel struct {
	key, value []byte // nil: none, which is not the same as empty
	headers    []kafka.Header
	time       time.Time
	size       int
	done       chan error
}

// newParcel makes the record of a message: hub-id, hub-correlation and hub-expires beside the message's own headers.
func newParcel(m *hub.Message) *parcel {
	p := &parcel{time: m.Time, done: make(chan error, 1)}
	key := m.Key
	if k := m.Headers[headerKey]; k != "" {
		key = k
	}
	if key != "" {
		p.key = []byte(key)
	}
	if m.Headers[headerTombstone] != "true" || m.Body.Len() > 0 {
		if p.value = m.Body.Bytes(); p.value == nil {
			p.value = []byte{}
		}
	}
	p.header(headerID, []byte(m.ID))
	if m.Correlation != "" {
		p.header(headerCorrelation, []byte(m.Correlation))
	}
	if !m.Expires.IsZero() {
		p.header(headerExpires, []byte(m.Expires.UTC().Format(time.RFC3339Nano)))
	}
	for _, name := range slices.Sorted(maps.Keys(m.Headers)) {
		switch {
		case name == headerKey, name == headerID, name == headerCorrelation, name == headerExpires, strings.HasPrefix(name, "kafka."):
			continue
		}
		value := []byte(m.Headers[name])
		if short, ok := strings.CutSuffix(name, suffixBinary); ok {
			if raw, err := base64.StdEncoding.DecodeString(m.Headers[name]); err == nil {
				name, value = short, raw
			}
		}
		p.header(name, value)
	}
	p.size += len(p.key) + len(p.value) + 96 // the frame of a batch with one record
	return p
}

func (p *parcel) header(name string, value []byte) {
	p.headers = append(p.headers, kafka.Header{Key: name, Value: value})
	p.size += len(name) + len(value) + 6
}
