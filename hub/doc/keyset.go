package doc

import "slices"

// keySetSmall is the number of keys from which a map is worth its cost: below it, a 64-bit filter and a walk over the siblings are cheaper.
const keySetSmall = 24

// keySet finds repeated keys. The zero keySet is empty. A small set holds no keys at all, only a filter: a key that the filter does not
// know is new, for any other the owner of the keys shows them. From keySetSmall keys on they have an index, so no object is quadratic.
type keySet struct {
	filter uint64
	n      int
	index  map[string]int // by key, its place
}

// fresh adds a key that is certainly new; false: it may be in the set, and nothing was added.
func (s *keySet) fresh(key string) bool {
	bit := keyBit(key)
	if s.n >= keySetSmall || s.filter&bit != 0 {
		return false
	}
	s.filter |= bit
	s.n++
	return true
}

// repeated reports whether a field since the object's node at has the key, and adds the key if none has.
func (s *keySet) repeated(key string, t *tape, at uint32) bool {
	if s.index == nil && s.n >= keySetSmall {
		s.index = make(map[string]int, 4*keySetSmall)
		for j := int(at) + 1; j < len(t.nodes); j = int(t.nodes[j].next) {
			s.index[t.keyOf(&t.nodes[j])] = 0
		}
	}
	known := false
	if s.index != nil {
		_, known = s.index[key]
	} else {
		for j := int(at) + 1; j < len(t.nodes) && !known; j = int(t.nodes[j].next) {
			known = t.keyOf(&t.nodes[j]) == key
		}
	}
	if !known {
		s.add(key)
	}
	return known
}

// place returns the place of the field with the name; -1: there is none, and the name is added.
func (s *keySet) place(name string, fields []Field) int {
	if s.index == nil && s.n >= keySetSmall {
		s.index = make(map[string]int, 4*keySetSmall)
		for i := range fields {
			s.index[fields[i].Name] = i
		}
	}
	if i, known := s.index[name]; known {
		return i
	}
	if s.index == nil {
		if i := slices.IndexFunc(fields, func(f Field) bool { return f.Name == name }); i >= 0 {
			return i
		}
	}
	s.add(name)
	return -1
}

func (s *keySet) add(key string) {
	if s.index != nil {
		s.index[key] = s.n
	}
	s.n++
}

// keyBit picks one of 64 bits by the length, the first, the middle and the last byte.
func keyBit(key string) uint64 {
	h := uint(len(key))
	if h > 0 {
		h += uint(key[0])*7 + uint(key[len(key)/2])*31 + uint(key[len(key)-1])*13
	}
	return 1 << (h & 63)
}
