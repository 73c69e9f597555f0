// Package wal reads the write-ahead log of an SQLite database before SQLite does.
//
// SQLite ends the recovery of a log at the first frame whose checksum is wrong, and takes all that follows for the
// tail of a commit that a power cut left unfinished. One flipped bit thereby drops every later commit, although it
// was acknowledged. Check tells the two apart, and corrects the flipped bit.
//
// The format is described at https://www.sqlite.org/fileformat2.html#the_write_ahead_log: a header of 32 bytes, then
// frames of 24 bytes and a page. A frame carries the salts of the header and a checksum of all frames up to it, so
// that each verifies from the one before. A frame whose second word is not zero ends a commit.
//
// What is certain, with synchronous=FULL (each commit is flushed before the next one is written):
//   - One flipped bit in a frame or in the header is never taken for an unfinished commit: that the checksum differs by
//     just what one bit explains happens by chance once in 2^48 frames. Where only one bit explains it, it is
//     corrected; the checksum counts modulo 2^32, so for the highest nine bits of a word several do, and it is damage.
//   - Anything else that is wrong is damage when two commits stand behind it, or when the shared-memory file names it
//     as committed. That file outlives the process, not always a power cut.
//   - Damage of more than one bit in the last commit of the log, after a power cut, cannot be told from a commit that
//     was not finished: it is reported as Unfinished.
package wal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
)

// PageSize is the page size of the databases whose logs are read.
const PageSize = 4096

const (
	headerSize = 32
	frameHead  = 24
	frameSize  = frameHead + PageSize
	magic      = 0x377f0682 // the lowest bit says that the checksum takes its words in big-endian order
	version    = 3007000
)

// Report is what Check found.
type Report struct {
	Frames     int     // up to the last commit
	Flipped    []int64 // bits that were corrected: their numbers in the file, 8 a byte, the lowest bit of a byte first
	Unfinished int     // frames behind the last commit, of one that was not finished as far as can be told
}

// Damage is an error of a log whose acknowledged commits can't all be read.
type Damage struct {
	Path    string
	Frame   int   // first frame that is not in order, counted from 1; 0: the header
	Offset  int64 // where it stands in the file
	Commits int   // commits behind it that are certain; there may be more
}

func (d *Damage) Error() string {
	return fmt.Sprintf("the log %s is damaged at byte %d (frame %d): at least %d acknowledged commits stand behind it and can't be read", d.Path, d.Offset, d.Frame, d.Commits)
}

// Check reads the log of the database at path, which nobody has open, and changes nothing: what it finds flipped is for
// Correct. A *Damage is its error when acknowledged commits are lost; a log that is not there, or empty, is in order.
func Check(path string) (Report, error) {
	f, err := os.Open(path + "-wal")
	if errors.Is(err, os.ErrNotExist) {
		return Report{}, nil
	}
	if err != nil {
		return Report{}, err
	}
	info, err := f.Stat()
	if err != nil {
		return Report{}, errors.Join(err, f.Close())
	}
	l := &log{file: f, frames: int((info.Size() - headerSize) / frameSize)}
	r, err := l.check(committed(path + "-shm"))
	if damage, ok := errors.AsType[*Damage](err); ok {
		damage.Path = path + "-wal"
	}
	return r, errors.Join(err, f.Close())
}

// place is where a frame, counted from 0, begins in the file.
func place(frame int) int64 { return headerSize + int64(frame)*frameSize }

// log is a log that is being read.
type log struct {
	file   *os.File
	frames int              // that the file has room for
	order  binary.ByteOrder // of the checksum's words
	salt   uint64           // of header and frames
	sum    sum              // of all up to the last frame that was read in order
}

// check reads the log from its beginning. known is what the shared-memory file says.
func (l *log) check(known index) (r Report, err error) {
	if l.frames <= 0 {
		return r, nil
	}
	h := make([]byte, headerSize)
	if _, err := l.file.ReadAt(h, 0); err != nil {
		return r, err
	}
	if !l.header(h) {
		bit := l.flippedHeader(h)
		if bit < 0 {
			return r, l.headless()
		}
		r.Flipped = append(r.Flipped, int64(bit))
	}
	frame, n, flipped := make([]byte, frameSize), 0, []int(nil)
	for ; n < l.frames; n++ {
		if _, err := l.file.ReadAt(frame, place(n)); err != nil {
			return r, err
		}
		if flipped = l.next(frame); flipped == nil || len(flipped) > 1 {
			break
		}
		for _, bit := range flipped {
			r.Flipped = append(r.Flipped, place(n)*8+int64(bit))
		}
		if binary.BigEndian.Uint32(frame[4:]) != 0 {
			r.Frames = n + 1
		}
	}
	commits, last := l.commits(n)
	if lost := known.salt == l.salt && known.frames > n; lost || commits >= 2 || len(flipped) > 1 {
		return r, &Damage{Frame: n + 1, Offset: place(n), Commits: max(commits, 1)}
	}
	r.Unfinished = max(last, n) - r.Frames
	return r, nil
}

// header makes h the log's header if it is in order.
func (l *log) header(h []byte) bool {
	m := binary.BigEndian.Uint32(h)
	if m&^1 != magic || binary.BigEndian.Uint32(h[4:]) != version || binary.BigEndian.Uint32(h[8:]) != PageSize {
		return false
	}
	l.order = orderOf(m&1 == 1)
	l.salt = binary.BigEndian.Uint64(h[16:])
	l.sum = sum{}.of(l.order, h[:24])
	return l.sum == stored(h[24:])
}

// flippedHeader takes h with one bit changed for the header, and tells which; -1: none makes it one that the first frame
// follows.
func (l *log) flippedHeader(h []byte) int {
	frame := make([]byte, frameSize)
	if _, err := l.file.ReadAt(frame, headerSize); err != nil {
		return -1
	}
	for bit := range headerSize * 8 {
		flip(h, bit)
		if l.header(h) && l.follows(frame) {
			return bit
		}
		flip(h, bit)
	}
	return -1
}

// follows tells that the frame is the next one, and in order.
func (l *log) follows(frame []byte) bool {
	return binary.BigEndian.Uint64(frame[8:]) == l.salt && l.sumOf(frame) == stored(frame[16:])
}

// sumOf is the checksum that the frame should carry as the next one.
func (l *log) sumOf(frame []byte) sum {
	return l.sum.of(l.order, frame[:8]).of(l.order, frame[frameHead:])
}

// next takes the frame that follows. The bits that may be flipped are none, but not nil, for one that is in order. A single
// one is corrected in the frame. nil: more is wrong, or the frame is of an earlier log that the file was used for.
func (l *log) next(frame []byte) (flipped []int) {
	have, want := l.sumOf(frame), stored(frame[16:])
	salt := binary.BigEndian.Uint64(frame[8:]) ^ l.salt
	switch {
	case salt == 0 && have == want:
		flipped = []int{}
	case salt != 0 && have != want:
		return nil
	case salt != 0:
		flipped = bigEndianBit(8, salt)
	default:
		flipped = append(l.flippedWord(frame, sum{want.a - have.a, want.b - have.b}), bigEndianBit(16, uint64(have.a^want.a)<<32|uint64(have.b^want.b))...)
	}
	if len(flipped) == 1 {
		flip(frame, flipped[0])
	}
	l.sum = stored(frame[16:])
	return flipped
}

// flippedWord finds the bits of what the checksum covers of which one explains that the checksum is off by delta.
// The checksum is linear: a word that is x more makes it x·(a, b) more, where a and b depend on the word's place alone.
func (l *log) flippedWord(frame []byte, delta sum) (found []int) {
	covered := append(append(make([]byte, 0, 8+PageSize), frame[:8]...), frame[frameHead:]...)
	even, odd := sum{1, 1}, sum{0, 1} // of the first and the second word of the last pair
	for at := len(covered) - 8; at >= 0; at -= 8 {
		for i, c := range [2]sum{even, odd} {
			word := l.order.Uint32(covered[at+4*i:])
			for b := range 32 {
				x := uint32(1) << b
				if word&x != 0 {
					x = -x
				}
				if c.a*x == delta.a && c.b*x == delta.b {
					found = append(found, l.bitOf(at+4*i, b))
				}
			}
		}
		even, odd = even.before(), odd.before()
	}
	return found
}

// bitOf is the number in the frame of bit b of the word at a place of what the checksum covers.
func (l *log) bitOf(at, b int) int {
	if at >= 8 {
		at += frameHead - 8
	}
	if l.order == binary.ByteOrder(binary.BigEndian) {
		return (at+3-b/8)*8 + b%8
	}
	return at*8 + b
}

// commits counts the ends of commits behind the first frames, and tells the last frame of this log. A frame counts when
// it carries the log's salts and verifies from the checksum of the one before it.
func (l *log) commits(from int) (commits, last int) {
	head, frame := make([]byte, frameHead), make([]byte, frameSize)
	for n := from; n < l.frames; n++ {
		at := place(n)
		if _, err := l.file.ReadAt(head, at); err != nil || binary.BigEndian.Uint64(head[8:]) != l.salt {
			continue
		}
		last = n + 1
		if n == from || binary.BigEndian.Uint32(head[4:]) == 0 {
			continue
		}
		if _, err := l.file.ReadAt(frame, at); err != nil {
			continue
		}
		if _, err := l.file.ReadAt(head, at-frameSize); err != nil {
			continue
		}
		if stored(head[16:]).of(l.order, frame[:8]).of(l.order, frame[frameHead:]) == stored(frame[16:]) {
			commits++
		}
	}
	return commits, last
}

// headless is the error of a log whose header is not in order, although frames were written behind it: it was flushed before
// the first of them. Their salts are taken from the first frames, of which some may be damaged with the header.
func (l *log) headless() error {
	head := make([]byte, frameHead)
	for n := range min(l.frames, 4) {
		if _, err := l.file.ReadAt(head, place(n)); err != nil {
			return err
		}
		l.salt = binary.BigEndian.Uint64(head[8:])
		for _, big := range []bool{false, true} {
			l.order = orderOf(big)
			if commits, _ := l.commits(0); commits > 0 {
				return &Damage{Commits: commits}
			}
		}
	}
	return nil
}

// Correct writes the bits that Check found flipped as they were, durably.
func Correct(path string, bits []int64) error {
	f, err := os.OpenFile(path+"-wal", os.O_RDWR, 0)
	if err != nil {
		return err
	}
	for _, bit := range bits {
		var b [1]byte
		if _, err := f.ReadAt(b[:], bit/8); err != nil {
			return errors.Join(err, f.Close())
		}
		b[0] ^= 1 << (bit % 8)
		if _, err := f.WriteAt(b[:], bit/8); err != nil {
			return errors.Join(err, f.Close())
		}
	}
	return errors.Join(f.Sync(), f.Close())
}

// index is what the header of the shared-memory file tells: how many frames of the log with these salts are committed.
type index struct {
	salt   uint64
	frames int
}

// committed reads the shared-memory file that SQLite leaves behind when its process dies. Its header is in the
// machine's byte order but for the salts, stands there twice, and ends in a checksum. The zero index says nothing.
func committed(path string) (x index) {
	f, err := os.Open(path)
	if err != nil {
		return x
	}
	defer f.Close()
	const size = 48
	var h [2 * size]byte
	if _, err := io.ReadFull(f, h[:]); err != nil || [size]byte(h[:size]) != [size]byte(h[size:]) {
		return x
	}
	native := binary.NativeEndian
	if native.Uint32(h[:]) != version || (sum{}).of(native, h[:40]) != (sum{native.Uint32(h[40:]), native.Uint32(h[44:])}) {
		return x
	}
	return index{salt: binary.BigEndian.Uint64(h[32:]), frames: int(native.Uint32(h[16:]))}
}
