package wal

import (
	"encoding/binary"
	"math/bits"
)

// sum is the checksum of a log: two words, of which each takes up the other with every pair of words that it covers.
type sum struct{ a, b uint32 }

// of is the checksum with p, whose length is a multiple of 8, behind what it covers already.
func (s sum) of(order binary.ByteOrder, p []byte) sum {
	for ; len(p) >= 8; p = p[8:] {
		s.a += order.Uint32(p) + s.b
		s.b += order.Uint32(p[4:]) + s.a
	}
	return s
}

// before is what a change of the checksum by s becomes when one more pair of words follows.
func (s sum) before() sum { return sum{s.a + s.b, s.a + 2*s.b} }

// stored reads a checksum.
func stored(p []byte) sum { return sum{binary.BigEndian.Uint32(p), binary.BigEndian.Uint32(p[4:])} }

// bigEndianBit is the number in a frame of the only bit that is set in x, a big-endian number of 8 bytes at a place; none when
// none or several are set.
func bigEndianBit(at int, x uint64) []int {
	if bits.OnesCount64(x) != 1 {
		return nil
	}
	bit := bits.TrailingZeros64(x)
	return []int{(at+7-bit/8)*8 + bit%8}
}

func flip(p []byte, bit int) { p[bit/8] ^= 1 << (bit % 8) }

func orderOf(big bool) binary.ByteOrder {
	if big {
		return binary.BigEndian
	}
	return binary.LittleEndian
}
