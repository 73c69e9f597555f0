package doc

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"slices"
	"strings"
)

// Digest is a 32-character name of the value's content, half of a SHA-256: values that are Equal have the same digest, whatever the scale of
// their numbers or the order of their fields, and nobody can make two others that have.
func Digest(v Value) string {
	sum := sha256.Sum256(canonical(nil, v))
	return hex.EncodeToString(sum[:16])
}

// canonical appends v in a form of its own: each value's kind, the length of each text, fields by their names.
func canonical(out []byte, v Value) []byte {
	switch v.Kind() {
	case Bool:
		if v.Bool() {
			return append(out, 't')
		}
		return append(out, 'f')
	case Number:
		return append(v.Num().Normal().Append(append(out, 'n')), ';')
	case String:
		return canonicalText(append(out, 's'), v.Str())
	case Array:
		out = append(out, '[')
		for _, e := range v.Elems() {
			out = canonical(out, e)
		}
		return append(out, ']')
	case Object:
		fields := make([]Field, 0, v.Len())
		for name, value := range v.Fields() {
			fields = append(fields, Field{Name: name, Value: value})
		}
		slices.SortFunc(fields, func(a, b Field) int { return strings.Compare(a.Name, b.Name) })
		out = append(out, '{')
		for _, f := range fields {
			out = canonical(canonicalText(out, f.Name), f.Value)
		}
		return append(out, '}')
	}
	return append(out, '0')
}

func canonicalText(out []byte, s string) []byte {
	return append(binary.AppendUvarint(out, uint64(len(s))), s...)
}
