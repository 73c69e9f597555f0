package core

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"hash/crc32"
	"sort"
	"time"
	"unsafe"

	"orderhub/hub"
	"orderhub/hub/doc"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// ErrDamaged is the error of a message or a record whose checksum does not match.
var ErrDamaged = errors.New("the stored message is damaged: its checksum does not match")

// Corrupt is the reason, and the group, of what was found damaged.
const Corrupt = "corrupt_record"

// Damage is why a message with a wrong checksum is a dead letter.
func Damage(now time.Time) *hub.Failure {
	return &hub.Failure{Class: hub.Bug, Reason: Corrupt, Message: ErrDamaged.Error(), Time: now, Cause: Corrupt}
}

// Nanos is a time as the stores keep it; 0 is the zero time.
func Nanos(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}

// TimeOf is the time of Nanos.
func TimeOf(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.Unix(0, n).UTC()
}

// encodeHead is all of a message but what has a column of its own: time,
// expiry, trace context, headers by name, and the variables as JSON.
func encodeHead(m *hub.Message, vars hub.Vars) []byte {
	size := 52
	for k, v := range m.Headers {
		size += len(k) + len(v) + 4
	}
	b := make([]byte, 0, size)
	b = binary.AppendVarint(b, Nanos(m.Time))
	b = binary.AppendVarint(b, Nanos(m.Expires))
	b = appendTrace(b, &m.Trace)
	b = binary.AppendUvarint(b, uint64(len(m.Headers)))
	var few [16]string
	names := few[:0]
	for k := range m.Headers {
		names = append(names, k)
	}
	sort.Strings(names)
	for _, k := range names {
		b = appendText(appendText(b, k), m.Headers[k])
	}
	if len(vars) > 0 {
		b = vars.Document().AppendJSON(b)
	}
	return b
}

// What is stored of a trace context.
const (
	traced byte = 1 << iota
	sampled
	hasState
)

func appendTrace(b []byte, c *hub.TraceContext) []byte {
	if c.Span == (hub.SpanID{}) {
		return append(b, 0)
	}
	flags := traced
	if c.Sampled {
		flags |= sampled
	}
	if c.State != "" {
		flags |= hasState
	}
	b = append(append(append(b, flags), c.Trace[:]...), c.Span[:]...)
	if c.State != "" {
		b = appendText(b, c.State)
	}
	return b
}

func (r *reader) trace() (c hub.TraceContext) {
	flags := r.bytes(1)
	if flags == nil || flags[0] == 0 {
		return c
	}
	copy(c.Trace[:], r.bytes(len(c.Trace)))
	copy(c.Span[:], r.bytes(len(c.Span)))
	if c.Sampled = flags[0]&sampled != 0; flags[0]&hasState != 0 {
		c.State = r.text()
	}
	return c
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// decodeHead fills m's time, expiry, trace context and headers. Its input passed the checksum.
func decodeHead(b []byte, m *hub.Message) (hub.Vars, error) {
	r := reader{b: b}
	m.Time, m.Expires, m.Trace = TimeOf(r.varint()), TimeOf(r.varint()), r.trace()
	if n := r.uvarint(); n > 0 && n <= uint64(len(b)) {
		m.Headers = make(hub.Headers, n)
		for range n {
			k := r.text()
			m.Headers[k] = r.text()
		}
	}
	if r.bad {
		return nil, ErrDamaged
	}
	if len(r.b) == 0 {
		return nil, nil
	}
	v, err := doc.Parse(r.b)
	if err != nil {
		return nil, ErrDamaged
	}
	return hub.VarsOf(v), nil
}

// HeadTime is the time of the message whose head b is.
func HeadTime(b []byte) time.Time {
	r := reader{b: b}
	return TimeOf(r.varint())
}

type reader struct {
	b   []byte
	bad bool
}

func (r *reader) varint() int64 {
	v, n := binary.Varint(r.b)
	r.skip(n)
	return v
}

func (r *reader) uvarint() uint64 {
	v, n := binary.Uvarint(r.b)
	r.skip(n)
	return v
}

func (r *reader) text() string {
	n := r.uvarint()
	if n > uint64(len(r.b)) {
		r.bad = true
		return ""
	}
	return string(r.bytes(int(n)))
}

// bytes takes n bytes; nil: there are fewer.
func (r *reader) bytes(n int) []byte {
	if n > len(r.b) {
		r.bad, r.b = true, nil
		return nil
	}
	out := r.b[:n]
	r.b = r.b[n:]
	return out
}

func (r *reader) skip(n int) {
	if n <= 0 {
		r.bad, r.b = true, nil
		return
	}
	r.b = r.b[n:]
}

// checksum covers all of a row that never changes.
func checksum(queue int64, m *hub.Message, head, body []byte) int64 {
	var q [8]byte
	binary.LittleEndian.PutUint64(q[:], uint64(queue))
	c := crc32.Update(0, castagnoli, q[:])
	for _, s := range [3]string{m.ID, m.Key, m.Correlation} {
		c = crc32.Update(c, castagnoli, unsafe.Slice(unsafe.StringData(s), len(s)))
		c = crc32.Update(c, castagnoli, q[7:])
	}
	c = crc32.Update(c, castagnoli, head)
	return int64(crc32.Update(c, castagnoli, body))
}

// RecordSum is the checksum of a record.
func RecordSum(kind, key string, value []byte) int64 {
	c := crc32.Update(0, castagnoli, []byte(kind))
	c = crc32.Update(c, castagnoli, []byte{0})
	c = crc32.Update(c, castagnoli, []byte(key))
	c = crc32.Update(c, castagnoli, []byte{0})
	return int64(crc32.Update(c, castagnoli, value))
}

// EncodeFailure gives the columns of a failure: its text, and its group; NULL for none.
func EncodeFailure(f *hub.Failure) (text any, cause any) {
	if f == nil {
		return nil, nil
	}
	b, err := json.Marshal(f)
	if err != nil { // a Failure holds strings and a time only
		return `{"reason":"unprintable"}`, f.Cause
	}
	return string(b), f.Cause
}

func decodeFailure(text string) *hub.Failure {
	if text == "" {
		return nil
	}
	f := &hub.Failure{}
	if err := json.Unmarshal([]byte(text), f); err != nil {
		f.Class, f.Reason, f.Message = hub.Bug, "corrupt_record", "the stored failure cannot be read"
	}
	return f
}

// Optional is NULL for "" and for 0.
func Optional[T string | int64](v T) any {
	var none T
	if v == none {
		return nil
	}
	return v
}
