package schema

// names finds the place of a field's name. Most sets of names have a perfect hash of their length and three of their bytes; the others use a
// map.
type names struct {
	slots    []uint16 // place+1; 0: none
	multiply uint32
	all      []string
	index    map[string]int // instead of slots
}

func newNames(all []string) names {
	for size := 8; size <= 1024 && len(all) > 0; size *= 2 {
		for multiply := uint32(3); size >= len(all) && multiply < 200; multiply += 2 {
			if slots := perfect(all, size, multiply); slots != nil {
				return names{slots: slots, multiply: multiply, all: all}
			}
		}
	}
	n := names{all: all, index: make(map[string]int, len(all))}
	for i, name := range all {
		n.index[name] = i
	}
	return n
}

// perfect returns the slots if each name has one for itself.
func perfect(all []string, size int, multiply uint32) []uint16 {
	slots := make([]uint16, size)
	for i, name := range all {
		slot := &slots[hash(name, multiply)&uint32(size-1)]
		if *slot != 0 {
			return nil
		}
		*slot = uint16(i + 1)
	}
	return slots
}

func hash(name string, multiply uint32) uint32 {
	n := len(name)
	if n == 0 {
		return 0
	}
	h := (uint32(n)*multiply+uint32(name[0]))*multiply + uint32(name[n-1])
	h = h*multiply + uint32(name[n>>1])
	return h ^ h>>7
}

// find returns the place of a name, -1 if it is none of them.
func (n *names) find(name string) int {
	if len(n.slots) == 0 {
		if i, ok := n.index[name]; ok {
			return i
		}
		return -1
	}
	i := int(n.slots[hash(name, n.multiply)&uint32(len(n.slots)-1)]) - 1
	if i >= 0 && n.all[i] == name {
		return i
	}
	return -1
}
