package kafka

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/segmentio/kafka-go/compress"
	"github.com/segmentio/kafka-go/protocol"

	"orderhub/hub"
	"orderhub/hub/broker"
)

// sealed makes a batch as it lies in a log.
type sealed struct {
	base     int64
	last     int64 // more than the records tell, when some were compacted away
	attr     uint16
	producer int64
	values   []string
}

func (s sealed) bytes() []byte {
	var parcels []*parcel
	for _, v := range s.values {
		parcels = append(parcels, newParcel(&hub.Message{ID: "i", Key: "k" + v, Body: hub.NewBody([]byte(v)), Time: time.UnixMilli(5000 + int64(len(parcels)))}, onTopic))
	}
	if parcels == nil {
		parcels = append(parcels, newParcel(&hub.Message{}, onTopic))
	}
	b := appendBatch(nil, parcels, time.UnixMilli(5000))
	if s.values == nil {
		b = b[:headSize]
		binary.BigEndian.PutUint32(b[atCount:], 0)
	}
	if c := compress.Compression(s.attr & attrCompression); c != compress.None {
		var out bytes.Buffer
		out.Write(b[:headSize])
		w := c.Codec().NewWriter(&out)
		w.Write(b[headSize:])
		w.Close()
		b = out.Bytes()
	}
	binary.BigEndian.PutUint64(b, uint64(s.base))
	binary.BigEndian.PutUint32(b[atLength:], uint32(len(b)-atLength-4))
	binary.BigEndian.PutUint16(b[atAttributes:], s.attr)
	if s.last > 0 {
		binary.BigEndian.PutUint32(b[atLastDelta:], uint32(s.last-s.base))
	}
	if s.attr&(attrTransactional|attrControl) != 0 {
		binary.BigEndian.PutUint64(b[atProducer:], uint64(s.producer))
	}
	return seal(b)
}

func seal(b []byte) []byte {
	binary.BigEndian.PutUint32(b[atChecksum:], crc32.Checksum(b[atAttributes:], castagnoli))
	return b
}

func log(batches ...sealed) (out []byte) {
	for _, b := range batches {
		out = append(out, b.bytes()...)
	}
	return out
}

func told(records []record) (out []string) {
	for _, r := range records {
		if r.fault != nil {
			out = append(out, fmt.Sprint(r.offset, " ", r.fault.Reason))
		} else {
			out = append(out, fmt.Sprint(r.offset, string(r.value)))
		}
	}
	return out
}

func TestBatches(t *testing.T) {
	for c := compress.None; c <= compress.Zstd; c++ {
		raw := log(sealed{base: 7, attr: uint16(c), values: []string{"a", "b", strings.Repeat("long ", 9000)}}, sealed{base: 10, attr: uint16(c) | attrAppendTime, values: []string{"c", "d"}})
		b := &batches{at: 8, next: 8, most: 1 << 20}
		if err := b.read(append(raw, raw[:200]...)); err != nil || len(b.out) != 4 || b.next != 12 {
			t.Fatalf("%s: %d records, next %d, %v", c, len(b.out), b.next, err)
		}
		first, c2 := b.out[0], b.out[2]
		if first.offset != 8 || string(first.key) != "kb" || string(first.value) != "b" || first.time != 5001 || c2.offset != 10 || c2.time != 5001 {
			t.Errorf("%s: %+v, %+v", c, first, c2)
		}
	}
}

// TestCompacted: offsets of records that are gone are passed over, also when nothing of a batch is left.
func TestCompacted(t *testing.T) {
	b := &batches{at: 40, next: 40, most: 100}
	err := b.read(log(sealed{base: 30, last: 45, values: []string{"old"}}, sealed{base: 46, last: 60}))
	if err != nil || len(b.out) != 0 || b.next != 61 {
		t.Errorf("%q, next %d, %v", told(b.out), b.next, err)
	}
}

// TestAbortedTransactions reads what a broker gives to a reader of committed records.
func TestAbortedTransactions(t *testing.T) {
	of := func(base, producer int64, values ...string) sealed {
		return sealed{base: base, attr: attrTransactional, producer: producer, values: values}
	}
	end := func(base, producer int64) sealed {
		return sealed{base: base, attr: attrTransactional | attrControl, producer: producer, values: []string{"end"}}
	}
	b := &batches{at: 1, next: 1, most: 1000, aborted: []abort{{7, 14}, {7, 2}}}
	err := b.read(log(sealed{values: []string{"seen", "a"}}, of(2, 7, "no"), of(3, 8, "b"), of(4, 7, "no"), end(5, 7), of(6, 7, "c"), end(7, 7), end(8, 8),
		sealed{base: 9, values: []string{"d"}}, of(14, 7, "no"), end(15, 7)))
	if want := []string{"1a", "3b", "6c", "9d"}; err != nil || !slices.Equal(told(b.out), want) || b.next != 16 {
		t.Errorf("got %q, next %d, %v; want %q", told(b.out), b.next, err, want)
	}
}

// TestBroken: what can't be read is an error while it may be a fault of the way, and then one record with its fault.
func TestBroken(t *testing.T) {
	spoil := func(s sealed, at int, again bool) []byte {
		b := s.bytes()
		b[at] ^= 0xff
		if again {
			seal(b)
		}
		return b
	}
	three := sealed{base: 20, values: []string{"x", "y", "z"}}
	for name, bad := range map[string][]byte{
		"checksum":           spoil(three, headSize+5, false),
		"length of a record": spoil(three, headSize, true),
		"number of records":  spoil(three, atCount, true),
		"compression":        spoil(sealed{base: 20, last: 22, attr: 1, values: []string{"x"}}, headSize, true),
		"unknown codec":      seal(func() []byte { b := three.bytes(); b[atAttributes+1] = 7; return b }()),
	} {
		raw := slices.Concat(log(sealed{base: 19, values: []string{"before"}}), bad, log(sealed{base: 23, values: []string{"behind"}}))
		b := &batches{at: 19, next: 19, most: 1000, strict: true}
		if err := b.read(raw); !errors.Is(err, errBroken) || b.next != 20 || len(b.out) != 1 {
			t.Errorf("%s: %q, next %d, %v", name, told(b.out), b.next, err)
		}
		b = &batches{at: 20, next: 20, most: 1000}
		if err := b.read(raw); err != nil || fmt.Sprint(told(b.out)) != "[20 decode 23behind]" || b.next != 24 {
			t.Errorf("%s: %q, next %d, %v", name, told(b.out), b.next, err)
		}
	}
}

func TestTooLargeRecords(t *testing.T) {
	raw := log(sealed{base: 5, values: []string{"a", strings.Repeat("x", 500), "b"}})
	b := &batches{at: 5, next: 5, most: 300}
	if err := b.read(raw); err != nil || fmt.Sprint(told(b.out)) != "[5a 6 too_large 7b]" || b.next != 8 || string(b.out[1].key[:2]) != "kx" {
		t.Errorf("%q, next %d, %v", told(b.out), b.next, err)
	}
	b = &batches{at: 6, next: 6, most: 300} // cut: larger than any answer that is taken
	if err := b.read(raw[:len(raw)-1]); err != nil || fmt.Sprint(told(b.out)) != "[6 too_large]" || b.next != 8 {
		t.Errorf("cut: %q, next %d, %v", told(b.out), b.next, err)
	}
}

// TestOldLog: message sets from before Kafka 0.11, alone and before newer batches.
func TestOldLog(t *testing.T) {
	for _, attr := range []protocol.Attributes{0, protocol.Gzip} {
		set := protocol.RecordSet{Version: 1, Attributes: attr, Records: protocol.NewRecordReader(
			protocol.Record{Offset: 0, Key: protocol.NewBytes([]byte("k")), Value: protocol.NewBytes([]byte("old")), Time: time.UnixMilli(9000)},
			protocol.Record{Offset: 1, Value: protocol.NewBytes([]byte("too"))})}
		var w bytes.Buffer
		if _, err := set.WriteTo(&w); err != nil {
			t.Fatal(err)
		}
		b := &batches{next: 0, most: 1000}
		err := b.read(append(w.Bytes()[4:], log(sealed{base: 2, values: []string{"new"}})...))
		if err != nil || fmt.Sprint(told(b.out)) != "[0old 1too 2new]" || b.next != 3 {
			t.Errorf("%s: %q, next %d, %v", attr, told(b.out), b.next, err)
		}
	}
}

// TestSpoiltBytes spoils batches and answers in many ways: no panic, no endless loop, nothing before the asked offset.
func TestSpoiltBytes(t *testing.T) {
	t.Parallel()
	rnd := rand.New(rand.NewPCG(1, 2))
	whole := log(sealed{base: 3, values: []string{"a", "b"}}, sealed{base: 5, attr: 2, values: []string{"c", strings.Repeat("d", 300)}}, sealed{base: 7, attr: attrTransactional | attrControl})
	for range 20_000 {
		b := bytes.Clone(whole[:1+rnd.IntN(len(whole))])
		for range rnd.IntN(4) {
			b[rnd.IntN(len(b))] = byte(rnd.Uint32())
		}
		if len(b) > headSize && rnd.IntN(2) == 0 {
			if n := int(binary.BigEndian.Uint32(b[atLength:])) + 12; n <= len(b) && n > headSize {
				seal(b[:n])
			}
		}
		r := &batches{at: 4, next: 4, most: 1000}
		r.read(b)
		for _, rec := range r.out {
			if rec.offset < 4 {
				t.Fatalf("offset %d", rec.offset)
			}
		}
	}
	answer := appendFetch(nil, "t", 0, 0, defaultSource())
	for n := range 5000 {
		b := bytes.Clone(answer[:n%len(answer)])
		for i := range b {
			if rnd.IntN(3) == 0 {
				b[i] = byte(rnd.Uint32())
			}
		}
		parseFetched(&wire{b: bytes.Clone(b)})
		(&produceRequest{}).parse(&wire{b: bytes.Clone(b)})
		parseMetadata(&wire{b: bytes.Clone(b)})
		parseMetadata(&wire{b: b, flexible: true})
	}
	if _, err := parseMetadata(&wire{flexible: true}); err == nil {
		t.Error("nothing was taken for metadata")
	}
}

func TestHeadersBothWays(t *testing.T) {
	at := time.Date(2026, 5, 4, 3, 2, 1, 500_000_000, time.UTC)
	m := &hub.Message{ID: "o-1/2", Key: "k", Correlation: "o-1", Time: at, Expires: at.Add(time.Hour), Body: hub.NewBody([]byte("x")),
		Headers: hub.Headers{"x-a": "1", "kafka.tombstone": "true", "hub-id": "older", "routing-key": "order.paid", "kafka_replytopic": "r"}}
	p := newParcel(m, onTopic)
	p.add("X-Upper", "U")
	p.add("raw", "\xff\x00")
	r := &run{Source: &Source{topic: "t"}, state: topicState{id: "abcdefghijklmnopqrstuv"}, env: &hub.Env{Clock: hub.RealClock{}}}
	rec := recordOf(p)
	rec.Partition, rec.Offset = 3, 17
	got := messageOf(r, rec)
	want := hub.Headers{"x-a": "1", "raw": "/wA=", "hub-id": "o-1/2", "routing-key": "order.paid", "x-upper": "U", "kafka_replytopic": "r", "reply-to": "topic r"}
	if fmt.Sprint(got.Headers.With(broker.HeaderExact, "")) != fmt.Sprint(want) {
		t.Errorf("headers %v, want %v", got.Headers, want)
	}
	if got.ID != "t.abcdefgh.3.17" || got.Key != "k" || got.Correlation != "o-1" || !got.Expires.Equal(m.Expires) || !got.Time.Equal(at) {
		t.Errorf("got %+v", got)
	}
	for _, h := range p.headers {
		if strings.EqualFold(h.name, headerReplyTopic) && h.name != headerReplyTopic {
			t.Errorf("header %q is %q", h.name, h.value)
		}
	}
}

// TestSize: what a record is measured to have is what it takes.
func TestSize(t *testing.T) {
	for _, n := range []int{0, 1, 63, 64, 8191, 8192, 1 << 20} {
		p := newParcel(&hub.Message{ID: "i", Key: strings.Repeat("k", n%100), Body: hub.NewBody(make([]byte, n)), Headers: hub.Headers{"a": strings.Repeat("v", n)}}, onTopic)
		if got := len(appendBatch(nil, []*parcel{p}, time.Now())); got != headSize+p.size+3+varintSize(int64(p.size+3)) {
			t.Errorf("%d bytes, measured %d", got, p.size)
		}
	}
	for _, v := range []int64{0, 1, -1, 63, 64, -64, -65, 1 << 40, -1 << 63, 1<<63 - 1} {
		if got := varintSize(v); got != len(binary.AppendVarint(nil, v)) {
			t.Errorf("%d takes %d, not %d", v, len(binary.AppendVarint(nil, v)), got)
		}
	}
}
