package kafka

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/binary"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"orderhub/hub"
	"orderhub/hub/broker"
)

// record is a fetched record. Its bytes belong to the answer that it came in.
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
	prefixOurs   = "kafka."               // of headers that tell of Kafka, and are not sent
	prefixHeader = prefixOurs + "header." // of headers of a record whose names mean something else among those of a message

	headerTombstone   = prefixOurs + "tombstone"
	headerExactKey    = prefixOurs + "key" // of a key that the message's own can't say: bytes that are no text, or none at all
	headerID          = "hub-id"
	headerCorrelation = "hub-correlation"
	headerExpires     = "hub-expires"
	headerKey         = "key" // option of send
)

// message converts a record to the message m, and returns its Return Address, or nil if it has none.
func (r *run) message(m *hub.Message, partition int, rec *record) (reply *address) {
	*m = hub.Message{ID: r.id(partition, rec.offset), Key: text(rec.key), Time: at(rec.time), Body: hub.NewBody(rec.value)}
	exactKey := r.form == onTopic && rec.key != nil && (len(rec.key) == 0 || !isText(rec.key))
	tombstone := r.form == onTopic && rec.value == nil
	if rec.count > 0 || exactKey || tombstone {
		m.Headers = make(hub.Headers, rec.count+2)
		reply = r.headers(m, rec, exactKey)
	}
	if tombstone {
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

// headers converts the headers of a record. When texts by name can't express the headers or their order, all of them are kept exactly.
func (r *run) headers(m *hub.Message, rec *record, exactKey bool) *address {
	var back address
	list, plain, last := make([]broker.ExactHeader, 0, rec.count+1), true, ""
	keep := func(e broker.ExactHeader) {
		name := strings.ToLower(e.Name)
		m.Headers[name], _ = e.Text()
		plain = plain && e.Form == broker.FormText && e.Name == spelled(name) && e.Name > last
		list, last = append(list, e), e.Name
	}
	carried := r.form == onChannel && rec.has(headerID) // a hub says what its headers are
	f := wire{b: rec.headers}
	for range rec.count {
		name, value := string(f.bytes()), f.bytes()
		back.note(name, value)
		switch {
		case name == headerID && r.form == onChannel && len(value) > 0:
			m.ID = string(value)
		case name == headerID: // of the hub that sent it
			m.Headers[name] = text(value)
		case name == headerCorrelation && isText(value):
			m.Correlation = string(value)
		case name == headerExpires && expires(m, value):
		case carried:
			m.Headers[strings.ToLower(name)] = string(value)
		default:
			keep(exact(name, value, r.form))
		}
	}
	if exactKey {
		keep(broker.ExactHeader{Name: headerExactKey, Form: broker.FormBytes, Value: string(rec.key)})
	}
	_, told := m.Headers[hub.HeaderReplyTo]
	reply := back.of(m)
	if _, tells := m.Headers[hub.HeaderReplyTo]; !plain || tells != told && !carried {
		m.Headers = broker.WithExact(m.Headers, list)
	}
	return reply
}

// has reports whether the record has a header.
func (rec *record) has(name string) bool {
	f := wire{b: rec.headers}
	for range rec.count {
		if string(f.bytes()) == name {
			return true
		}
		f.bytes()
	}
	return false
}

// expires sets the expiry of m from its header. It returns false for a value that can't be read, because that header is not ours.
func expires(m *hub.Message, value []byte) bool {
	at, err := time.Parse(time.RFC3339Nano, string(value))
	if err == nil {
		m.Expires = at
	}
	return err == nil
}

// exact returns a header of a record under a name that no other header of a message has.
func exact(name string, value []byte, f form) broker.ExactHeader {
	if reserved(strings.ToLower(name)) && f == onTopic {
		name = prefixHeader + name
	}
	switch {
	case value == nil:
		return broker.ExactHeader{Name: name, Form: broker.FormNull}
	case isText(value):
		return broker.ExactHeader{Name: name, Form: broker.FormText, Value: string(value)}
	}
	return broker.ExactHeader{Name: name, Form: broker.FormBytes, Value: string(value)}
}

// reserved reports whether a name means something else to a target than a header of the record.
func reserved(name string) bool {
	return name == headerKey || name == broker.HeaderExact || strings.HasPrefix(name, prefixOurs)
}

// id names the place of a record, the same at every redelivery. Part of the topic's ID distinguishes a topic that was deleted and created again.
func (r *run) id(partition int, offset int64) string {
	b := make([]byte, 0, 96)
	b = append(append(b, r.topic...), '.')
	if r.state.id != "" {
		b = append(append(b, r.state.id[:8]...), '.')
	}
	b = append(strconv.AppendInt(b, int64(partition), 10), '.')
	return string(strconv.AppendInt(b, offset, 10))
}

// text converts bytes to text: those that are no text become base64.
func text(b []byte) string {
	if isText(b) {
		return string(b)
	}
	return base64.StdEncoding.EncodeToString(b)
}

// isText reports whether b is a text that every store takes.
func isText(b []byte) bool { return utf8.Valid(b) && bytes.IndexByte(b, 0) < 0 }

// Headers of requests and replies: the hub's, and those that Spring's clients have agreed on.
const (
	headerRequest        = "hub-request" // what a reply is known by; new at each attempt
	headerReplyTopic     = "kafka_replyTopic"
	headerReplyPartition = "kafka_replyPartition"
	headerCorrelationID  = "kafka_correlationId"

	replyPlace = "topic " // begins the text of a Return Address (header reply-to)
)

// spelled returns the name of a header as others write it, where its case matters to them. The hub's own names are in lower case.
func spelled(name string) string { return cmp.Or(spellings[name], name) }

var spellings = map[string]string{"kafka_replytopic": headerReplyTopic, "kafka_replypartition": headerReplyPartition,
	"kafka_correlationid": headerCorrelationID}

// address is the Return Address of a request.
type address struct {
	topic     string
	partition int    // -1: any
	request   string // hub-request of the request; "": it had none
	foreign   string // kafka_correlationId of the request, any bytes; "": it had none
}

// note takes what a header says of the Return Address.
func (a *address) note(name string, value []byte) {
	switch name {
	case headerRequest:
		a.request = string(value)
	case headerCorrelationID:
		a.foreign = string(value)
	case headerReplyTopic:
		a.topic = string(value)
	case headerReplyPartition:
		if len(value) == 4 {
			a.partition = int(int32(binary.BigEndian.Uint32(value))) + 1
		}
	}
}

// of completes the Return Address of m, also in its header reply-to. It returns nil if m has none.
func (a address) of(m *hub.Message) *address {
	if topic, ok := strings.CutPrefix(m.Headers[hub.HeaderReplyTo], replyPlace); ok {
		a.topic = topic
	}
	if a.topic == "" || checkTopic(a.topic) != nil {
		return nil
	}
	if m.Headers[hub.HeaderReplyTo] == "" {
		m.Headers[hub.HeaderReplyTo] = replyPlace + a.topic
	}
	a.partition-- // it is counted from 1 until here, so that the zero address has none
	return &a
}

// answer encodes the answer to request m.
func (a *address) answer(m, answer *hub.Message) *parcel {
	out := unaddressed(answer)
	if out.Correlation == "" {
		out = out.WithCorrelation(m.Correlation)
	}
	p := newParcel(out, onChannel)
	p.partition = a.partition
	if a.request != "" {
		p.add(headerRequest, a.request)
	}
	if a.foreign != "" {
		p.add(headerCorrelationID, a.foreign)
	}
	p.measure()
	return p
}

// unaddressed returns m without what belongs to a request that is under way.
func unaddressed(m *hub.Message) *hub.Message {
	c := *m
	for _, name := range []string{hub.HeaderReplyTo, headerRequest, strings.ToLower(headerReplyTopic),
		strings.ToLower(headerReplyPartition), strings.ToLower(headerCorrelationID)} {
		c.Headers = c.Headers.With(name, "")
	}
	if c.Headers[broker.HeaderExact] != "" {
		list, _ := broker.Exact(c.Headers, nil)
		c.Headers = broker.WithExact(c.Headers, list)
	}
	return &c
}

// filter selects what a reader wants of a topic. Kafka has no exchanges, so the reader selects.
type filter struct {
	pattern string            // of the routing key; "": any
	headers map[string]string // all of them
}

func (f filter) takes(h hub.Headers) bool {
	return h.Match(f.headers) && (f.pattern == "" || hub.TopicMatch(f.pattern, h[hub.HeaderRoutingKey]))
}
