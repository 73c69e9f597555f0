package doc

// keySetSmall is the number of keys from which a map is worth its cost: below it, a 64-bit filter and a walk over the siblings are cheaper.
const keySetSmall = 24

// keySet finds repeated keys. The zero keySet is empty. Small sets hold no keys at all, only a filter: when maybe says no, the key is new;
// when it says yes, the owner of the keys must look. From keySetSmall keys on, the owner fills index, so no object is quadratic.
type keySet struct {
	filter uint64
	n      int
	index  map[string]int
}

// maybe reports whether a key with that keyBit may have been added: false is certain.
func (s *keySet) maybe(bit uint64) bool {
	return s.index != nil || s.filter&bit != 0
}

// add notes a new key with its keyBit and, in a large set, the place given for it.
func (s *keySet) add(key string, bit uint64, at int) {
	s.n++
	if s.index != nil {
		s.index[key] = at
		return
	}
	s.filter |= bit
}

func (s *keySet) grow() { s.index = make(map[string]int, 4*keySetSmall) }

// keyBit picks one of 64 bits by the length, the first, the middle and the last byte.
func keyBit(key string) uint64 {
	h := uint(len(key))
	if h > 0 {
		h += uint(key[0])*7 + uint(key[len(key)/2])*31 + uint(key[len(key)-1])*13
	}
	return 1 << (h & 63)
}
