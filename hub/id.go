package hub

import (
	"crypto/sha256"
	"encoding/hex"
	"math/rand/v2"
	"time"
	"unicode/utf8"
)

const crockford = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

// NewID is a fresh message ID: 26 characters of Crockford base 32, 48 bits of
// milliseconds and 80 random bits, so that IDs sort by time (the ULID layout).
func NewID(now time.Time) string {
	var b [26]byte
	put := func(part []byte, bits uint64) {
		for i := range part {
			part[len(part)-1-i] = crockford[bits>>(5*i)&31]
		}
	}
	put(b[:10], uint64(now.UnixMilli()))
	put(b[10:18], rand.Uint64())
	put(b[18:], rand.Uint64())
	return string(b[:])
}

// DeriveID is the ID of a child: parent/suffix, the same at every run. Past
// 200 bytes the middle is folded into a hash, and the root stays readable.
func DeriveID(parent, suffix string) string {
	id := parent + "/" + suffix
	if len(id) <= 200 {
		return id
	}
	root := (&Message{ID: id}).Root()
	if len(root) > 100 {
		root = Clip(root, 100)
	}
	return root + "/~" + HashID(id)
}

// HashID is a stable 32-character name for any text: the first half of its SHA-256.
func HashID(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:16])
}

// Clip is the beginning of text, at most so many bytes, without a part of a character at its end.
func Clip(text string, most int) string {
	if len(text) <= most {
		return text
	}
	for most > 0 && !utf8.RuneStart(text[most]) {
		most--
	}
	return text[:most]
}
