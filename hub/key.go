package hub

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

var keyEscapes, keyPlain = strings.NewReplacer("\x00", "\x01\x01", "\x01", "\x01\x02"), strings.NewReplacer("\x01\x01", "\x00", "\x01\x02", "\x01")

// JoinKey makes one key of a record of its parts, so that no two lists of
// parts have the same key, whatever the parts hold. JoinKey(a, "") is the prefix of all keys that begin with a.
func JoinKey(parts ...string) string {
	escaped := make([]string, len(parts))
	for i, p := range parts {
		escaped[i] = keyEscapes.Replace(p)
	}
	return strings.Join(escaped, "\x00")
}

// SplitKey gives the parts of a key that JoinKey made.
func SplitKey(key string) []string {
	parts := strings.Split(key, "\x00")
	for i, p := range parts {
		parts[i] = keyPlain.Replace(p)
	}
	return parts
}

// Segments is Segment for each part of a path: the slashes between them stay.
func Segments(path string) string {
	parts := strings.Split(path, "/")
	for i, p := range parts {
		parts[i] = Segment(p)
	}
	return strings.Join(parts, "/")
}

// Segment writes a key so that it is one part of a path, one file name and one
// line of text, and no two keys alike: what could end it, or leave it, becomes
// %XX. Usual keys stay as they are.
func Segment(key string) string {
	var b strings.Builder
	for i, r := range key {
		size := utf8.RuneLen(r)
		if r == utf8.RuneError {
			_, size = utf8.DecodeRuneInString(key[i:])
		}
		edge := (r == '.' || r == ' ') && (i == 0 || i+size == len(key))
		if edge || r == '/' || r == '\\' || r == '%' || unicode.IsControl(r) || r == '\u2028' || r == '\u2029' || r == utf8.RuneError && size == 1 {
			for _, c := range []byte(key[i : i+size]) {
				fmt.Fprintf(&b, "%%%02X", c)
			}
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}

const crockford = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

// NewID is a fresh message ID: 26 characters of Crockford base 32, 48 bits of
// milliseconds and 80 random bits, so that IDs sort by time (the ULID layout).
func NewID(now time.Time) string {
	var b [26]byte
	ms := uint64(now.UnixMilli())
	for i := 9; i >= 0; i-- {
		b[i] = crockford[ms&31]
		ms >>= 5
	}
	hi, lo := rand.Uint64(), rand.Uint64()
	for i := 25; i >= 18; i-- {
		b[i] = crockford[lo&31]
		lo >>= 5
	}
	for i := 17; i >= 10; i-- {
		b[i] = crockford[hi&31]
		hi >>= 5
	}
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
