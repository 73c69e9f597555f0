package kafka

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	kafka "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"

	"orderhub/hub"
)

// The head of an entry of an old log (magic 0 and 1). All that its checksum covers begins at oldCovered.
const (
	oldChecksum = 12
	oldCovered  = 16
	oldLeast    = 26
)

// isOld tells whether an old entry comes next.
func isOld(raw []byte) bool { return len(raw) > atMagic && raw[atMagic] < 2 }

// oldEntry takes the old entry that comes next, and gives what follows; nil: nothing, it is cut.
func (b *batches) oldEntry(raw []byte) (rest []byte, err error) {
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

// old reads an entry that was written before Kafka 0.11, with the library.
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
