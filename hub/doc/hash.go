package doc

// Hash returns a 64-bit hash of the value: values that are Equal have the same hash, whatever the scale of their numbers or the order of
// their fields. It is the same in every process, and no defence against crafted collisions: compare with Equal after it.
func Hash(v Value) uint64 {
	switch v.Kind() {
	case Bool:
		if v.Bool() {
			return mix(3)
		}
		return mix(2)
	case Number:
		var buf [40]byte
		return hashText(4, viewOf(v.Num().Normal().Append(buf[:0])))
	case String:
		return hashText(5, v.Str())
	case Array:
		h := mix(6)
		for _, e := range v.Elems() {
			h = mix(h ^ Hash(e))
		}
		return h
	case Object:
		h := mix(7)
		for name, f := range v.Fields() {
			h += mix(hashText(8, name) ^ mix(Hash(f)))
		}
		return h
	}
	return mix(1)
}

// hashText is FNV-1a with a seed.
func hashText(seed uint64, s string) uint64 {
	h := 14695981039346656037 ^ seed
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * 1099511628211
	}
	return mix(h)
}

// mix is the finaliser of splitmix64.
func mix(h uint64) uint64 {
	h += 0x9E3779B97F4A7C15
	h = (h ^ h>>30) * 0xBF58476D1CE4E5B9
	h = (h ^ h>>27) * 0x94D049BB133111EB
	return h ^ h>>31
}
