package kafka

import (
	"encoding/binary"
	"hash/crc32"
	"math/bits"
	"time"
)

// The head of a record batch (magic 2). All that its checksum covers begins at atAttributes.
const (
	atLength     = 8
	atMagic      = 16
	atChecksum   = 17
	atAttributes = 21
	atLastDelta  = 23
	atFirstTime  = 27
	atLastTime   = 35
	atProducer   = 43
	atCount      = 57
	headSize     = 61
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// appendBatch adds a record batch with all of the records. A record without a time gets now.
func appendBatch(b []byte, records []*parcel, now time.Time) []byte {
	at := len(b)
	b = append(b, make([]byte, headSize)...)
	first, last := records[0].millis(now), int64(0)
	for i, p := range records {
		t := p.millis(now)
		last = max(last, t)
		b = p.append(b, int64(i), t-first)
	}
	h := b[at:]
	binary.BigEndian.PutUint32(h[atLength:], uint32(len(h)-atLength-4))
	copy(h[atLength+4:], []byte{0xff, 0xff, 0xff, 0xff, 2}) // epoch of the leader: not known; magic
	binary.BigEndian.PutUint32(h[atLastDelta:], uint32(len(records)-1))
	binary.BigEndian.PutUint64(h[atFirstTime:], uint64(first))
	binary.BigEndian.PutUint64(h[atLastTime:], uint64(last))
	for i := atProducer; i < atCount; i++ { // no producer ID, epoch, sequence
		h[i] = 0xff
	}
	binary.BigEndian.PutUint32(h[atCount:], uint32(len(records)))
	binary.BigEndian.PutUint32(h[atChecksum:], crc32.Checksum(h[atAttributes:], castagnoli))
	return b
}

// append adds the record as number i of its batch, delta milliseconds after the first.
func (p *parcel) append(b []byte, i, delta int64) []byte {
	n := 1 + varintSize(delta) + varintSize(i) + p.size
	b = binary.AppendVarint(b, int64(n))
	b = append(b, 0)
	b = binary.AppendVarint(b, delta)
	b = binary.AppendVarint(b, i)
	b = appendBytes(b, p.key, p.keyed)
	b = appendBytes(b, p.value, p.value != nil)
	b = binary.AppendVarint(b, int64(len(p.headers)))
	for i := range p.headers {
		b = appendBytes(b, p.headers[i].name, true)
		b = appendBytes(b, p.headers[i].value, !p.headers[i].null)
	}
	return b
}

// measure is the size of what append writes behind the deltas.
func (p *parcel) measure() {
	p.size = bytesSize(len(p.key)) + bytesSize(len(p.value)) + varintSize(int64(len(p.headers)))
	for i := range p.headers {
		p.size += bytesSize(len(p.headers[i].name)) + bytesSize(len(p.headers[i].value))
	}
}

func appendBytes[T string | []byte](b []byte, s T, there bool) []byte {
	if !there {
		return append(b, 1) // -1
	}
	return append(binary.AppendVarint(b, int64(len(s))), s...)
}

func bytesSize(n int) int { return varintSize(int64(n)) + n }

// varintSize is the length of a number in zigzag encoding.
func varintSize(v int64) int { return (bits.Len64(uint64(v<<1^v>>63)|1) + 6) / 7 }

// millis is the record's time as the protocol has it.
func (p *parcel) millis(now time.Time) int64 {
	if p.time.IsZero() {
		return now.UnixMilli()
	}
	return p.time.UnixMilli()
}
