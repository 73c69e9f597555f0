package amqp

import "encoding/binary"

const (
	maxDepth      = 8        // tables and lists in each other
	maxHeaders    = 64 << 10 // bytes of a message's header table
	maxElements   = 4 << 10  // of one table or list
	headerRefused = "hub-refused"
)

// checkHeader inspects the payload of a header frame. The payload of a refused one is returned without its headers, marked with the reason.
func checkHeader(payload []byte, maxBody uint64) (out []byte, refused string) {
	const fixed = 14 // class, weight, size of the body, flags
	if len(payload) < fixed {
		return payload, ""
	}
	flags := binary.BigEndian.Uint16(payload[12:])
	rest := payload[fixed:]
	for _, flag := range []uint16{1 << 15, 1 << 14} { // content type and encoding stand before the headers
		if flags&flag != 0 {
			if len(rest) == 0 || len(rest) < 1+int(rest[0]) {
				return payload, ""
			}
			rest = rest[1+int(rest[0]):]
		}
	}
	begin, table := len(payload)-len(rest), 0
	if flags&(1<<13) != 0 {
		if len(rest) < 4 || uint64(len(rest)-4) < uint64(binary.BigEndian.Uint32(rest)) {
			return payload, ""
		}
		table = 4 + int(binary.BigEndian.Uint32(rest))
	}
	body := bodySize(payload)
	switch {
	case table > maxHeaders, table > 0 && !(&scan{rest: rest[4:table]}).entries(1, true):
		refused = reasonTooLarge
	case body > maxBody:
		refused = reasonBody
		body = 0
	default:
		return payload, ""
	}
	out = append(out, payload[:begin]...)
	binary.BigEndian.PutUint64(out[4:], body)
	binary.BigEndian.PutUint16(out[12:], flags|1<<13)
	out = append(out, mark(refused)...)
	return append(out, payload[begin+table:]...), refused
}

// bodySize returns the size of the body, which a header frame announces.
func bodySize(payload []byte) uint64 { return binary.BigEndian.Uint64(payload[4:]) }

// mark returns a header table that tells why a message is refused.
func mark(why string) []byte {
	field := append([]byte{byte(len(headerRefused))}, headerRefused...)
	field = append(binary.BigEndian.AppendUint32(append(field, 'S'), uint32(len(why))), why...)
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(field))), field...)
}

// scan walks through a header table without keeping any of it.
type scan struct{ rest []byte }

func (s *scan) take(n int) ([]byte, bool) {
	if n < 0 || n > len(s.rest) {
		return nil, false
	}
	b := s.rest[:n]
	s.rest = s.rest[n:]
	return b, true
}

// entries reports whether the rest is a table, or a list of values without names, within the limits.
func (s *scan) entries(depth int, named bool) bool {
	for n := 0; len(s.rest) > 0; n++ {
		if n == maxElements || named && !s.name() || !s.value(depth) {
			return false
		}
	}
	return true
}

func (s *scan) name() bool {
	size, ok := s.take(1)
	if ok {
		_, ok = s.take(int(size[0]))
	}
	return ok
}

// sizes has the length of the values that have a fixed one, by the letter of their type.
var sizes = map[byte]int{'t': 1, 'b': 1, 'B': 1, 's': 2, 'u': 2, 'I': 4, 'i': 4, 'f': 4, 'l': 8, 'd': 8, 'T': 8, 'D': 5, 'V': 0}

func (s *scan) value(depth int) bool {
	kind, ok := s.take(1)
	if !ok {
		return false
	}
	if n, fixed := sizes[kind[0]]; fixed {
		_, ok = s.take(n)
		return ok
	}
	head, ok := s.take(4)
	if !ok {
		return false
	}
	inner, ok := s.take(int(binary.BigEndian.Uint32(head)))
	switch kind[0] {
	case 'S', 'x':
		return ok
	case 'F', 'A':
		return ok && depth < maxDepth && (&scan{inner}).entries(depth+1, kind[0] == 'F')
	}
	return false
}
