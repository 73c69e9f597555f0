package kafka

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"slices"
	"time"

	kafka "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/compress"
	"github.com/segmentio/kafka-go/protocol"

	"orderhub/hub"
)

// batches decodes the record batches of a fetch. Uncompressed records are not copied.
type batches struct {
	at      int64 // the offset that was asked for: batches may begin before it
	next    int64 // the offset that follows
	most    int   // bytes of the largest record that is taken
	strict  bool  // a batch that can't be read is an error; else it is a record with its fault
	out     []record
	aborted []abort
	failed  map[int64]bool // producers whose aborted transaction is being read
}

// abort is an aborted transaction: its producer, and the offset that it begins at.
type abort struct{ producer, offset int64 }

// Attributes of a batch.
const (
	attrCompression   = 7
	attrAppendTime    = 8 // the time of all records is that of the log
	attrTransactional = 16
	attrControl       = 32
)

// errBroken is the error of a batch that can't be read.
var errBroken = errors.New("the batch can't be read")

// read decodes all batches. The last one may be cut; it comes again, from its beginning. The first one is cut only when
// it is larger than any answer that we accept.
func (b *batches) read(raw []byte) error {
	slices.SortFunc(b.aborted, func(x, y abort) int { return int(x.offset - y.offset) })
	for whole := false; len(raw) > atMagic; whole = true {
		entry := b.entry
		if raw[atMagic] < 2 {
			entry = b.oldEntry
		}
		rest, err := entry(raw, whole)
		if err != nil {
			return err
		}
		raw = rest
	}
	return nil
}

// entry decodes the next batch and returns what follows it, or nil if the batch is cut. If whole is false, it is the first one.
func (b *batches) entry(raw []byte, whole bool) (rest []byte, err error) {
	if len(raw) < headSize {
		return nil, nil
	}
	size := int(int32(binary.BigEndian.Uint32(raw[atLength:]))) + atLength + 4
	first := int64(binary.BigEndian.Uint64(raw))
	last := first + int64(int32(binary.BigEndian.Uint32(raw[atLastDelta:])))
	switch {
	case size > len(raw) && whole:
		return nil, nil
	case size > len(raw):
		b.refuse(first, last, hub.Fail(hub.Rejected, "too_large", "the batch has %d bytes, more than any that is taken", size))
		return nil, nil
	case size < headSize || last < first:
		return nil, fmt.Errorf("%w: a batch of %d bytes, of offsets %d to %d", errBroken, size, first, last)
	case last < b.next:
		return raw[size:], nil
	}
	if err := b.batch(raw[:size], first); err != nil {
		if b.strict {
			return nil, err
		}
		b.refuse(first, last, hub.Fail(hub.Rejected, "decode", "%w", err))
	}
	b.next = last + 1
	return raw[size:], nil
}

// refuse puts one record with a fault in the place of a batch.
func (b *batches) refuse(first, last int64, fault *hub.Error) {
	b.out = append(b.out, record{offset: max(first, b.next), fault: fault})
	b.next = max(b.next, last+1)
}

func (b *batches) batch(raw []byte, first int64) error {
	if got, want := crc32.Checksum(raw[atAttributes:], castagnoli), binary.BigEndian.Uint32(raw[atChecksum:]); got != want {
		return fmt.Errorf("%w: its checksum is %08x, it says %08x", errBroken, got, want)
	}
	attr := binary.BigEndian.Uint16(raw[atAttributes:])
	producer := int64(binary.BigEndian.Uint64(raw[atProducer:]))
	b.begun(first)
	if attr&attrControl != 0 { // the end of a transaction
		delete(b.failed, producer)
		return nil
	}
	if attr&attrTransactional != 0 && b.failed[producer] {
		return nil
	}
	body, err := expand(compress.Compression(attr&attrCompression), raw[headSize:])
	if err != nil {
		return err
	}
	count := int(int32(binary.BigEndian.Uint32(raw[atCount:])))
	if count < 0 || count > len(body) {
		return fmt.Errorf("%w: it says that it has %d records", errBroken, count)
	}
	began := len(b.out)
	b.out = slices.Grow(b.out, count)
	f := wire{b: body}
	for range count {
		r := f.record()
		r.offset += first
		r.time += int64(binary.BigEndian.Uint64(raw[atFirstTime:]))
		if attr&attrAppendTime != 0 {
			r.time = int64(binary.BigEndian.Uint64(raw[atLastTime:]))
		}
		if f.bad {
			b.out = b.out[:began]
			return fmt.Errorf("%w: its records end too early", errBroken)
		}
		if r.offset >= b.at {
			b.out = append(b.out, r.held(b.most))
		}
	}
	return nil
}

// begun notes the aborted transactions that begin at or before the offset.
func (b *batches) begun(offset int64) {
	for len(b.aborted) > 0 && b.aborted[0].offset <= offset {
		if b.failed == nil {
			b.failed = map[int64]bool{}
		}
		b.failed[b.aborted[0].producer] = true
		b.aborted = b.aborted[1:]
	}
}

// expand undoes the compression of a batch.
func expand(c compress.Compression, raw []byte) ([]byte, error) {
	if c == compress.None {
		return raw, nil
	}
	codec := c.Codec()
	if codec == nil {
		return nil, fmt.Errorf("%w: compression %d is not known", errBroken, c)
	}
	r := codec.NewReader(bytes.NewReader(raw))
	defer r.Close()
	var out expanded
	if _, err := io.Copy(&out, r); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", errBroken, c, err)
	}
	return out, nil
}

// expanded is the content of a compressed batch. A codec that can writes it at once, so that it is not copied as it grows.
type expanded []byte

func (e *expanded) Write(b []byte) (int, error) {
	if len(*e)+len(b) > mostAnswer {
		return 0, fmt.Errorf("it has more than %d bytes when it is not compressed", mostAnswer)
	}
	*e = append(*e, b...)
	return len(b), nil
}

// record decodes one record. Its offset and its time are relative to those of the batch.
func (w *wire) record() record {
	size := w.varint()
	if w.bad || size < 1 || size > int64(len(w.b)) {
		w.bad = true
		return record{}
	}
	rest := w.b[size:]
	w.b = w.b[1:size:size] // without the attributes, which say nothing
	r := record{size: int(size), time: w.varint(), offset: w.varint(), key: w.bytes(), value: w.bytes()}
	r.count = int(w.varint())
	r.headers = w.b
	heads := *w
	for range r.count {
		heads.bytes()
		heads.bytes()
		if heads.bad {
			w.bad = true
			return record{}
		}
	}
	w.b = rest
	return r
}

// held returns the record, or what is left of one that is larger than most.
func (r record) held(most int) record {
	if r.size <= most {
		return r
	}
	fault := hub.Fail(hub.Rejected, "too_large", "the record has %d bytes, max_message is %d", r.size, most)
	return record{offset: r.offset, time: r.time, key: bytes.Clone(r.key), fault: fault}
}

// at converts the time of a record.
func at(millis int64) time.Time {
	if millis < 0 {
		return time.Time{}
	}
	return time.UnixMilli(millis).UTC()
}

// The head of an entry of an old log (magic 0 and 1). All that its checksum covers begins at oldCovered.
const (
	oldChecksum = 12
	oldCovered  = 16
	oldLeast    = 26
)

// oldEntry decodes the next old entry and returns what follows it, or nil if the entry is cut.
func (b *batches) oldEntry(raw []byte, _ bool) (rest []byte, err error) {
	size := int(int32(binary.BigEndian.Uint32(raw[atLength:]))) + atLength + 4
	at := int64(binary.BigEndian.Uint64(raw))
	switch {
	case size < oldLeast:
		return nil, fmt.Errorf("%w: an entry of %d bytes", errBroken, size)
	case size > len(raw):
		return nil, nil
	case crc32.ChecksumIEEE(raw[oldCovered:size]) != binary.BigEndian.Uint32(raw[oldChecksum:]): // the library would panic
		err = fmt.Errorf("%w: its checksum is wrong", errBroken)
	default:
		err = b.old(raw[:size])
	}
	if err != nil && b.strict {
		return nil, err
	}
	if err != nil && at >= b.next {
		b.refuse(at, at, hub.Fail(hub.Rejected, "decode", "%w", err))
	}
	return raw[size:], nil
}

// old decodes an entry that was written before Kafka 0.11, by means of the library.
func (b *batches) old(raw []byte) error {
	framed := append(binary.BigEndian.AppendUint32(make([]byte, 0, len(raw)+4), uint32(len(raw))), raw...)
	var set protocol.RecordSet
	if _, err := set.ReadFrom(bufio.NewReader(bytes.NewReader(framed))); err != nil {
		return err
	}
	if set.Records == nil {
		return nil
	}
	for {
		r, err := set.Records.ReadRecord()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		rec := record{offset: r.Offset, time: r.Time.UnixMilli()}
		if rec.key, err = whole(r.Key); err == nil {
			rec.value, err = whole(r.Value)
		}
		if err != nil {
			return err
		}
		rec.size = len(rec.key) + len(rec.value)
		if r.Offset >= b.next {
			b.out, b.next = append(b.out, rec.held(b.most)), r.Offset+1
		}
	}
}

// whole copies b. Nil stays nil, and empty stays empty.
func whole(b kafka.Bytes) ([]byte, error) {
	if b == nil {
		return nil, nil
	}
	defer b.Close()
	out := make([]byte, b.Len())
	_, err := io.ReadFull(b, out)
	return out, err
}
