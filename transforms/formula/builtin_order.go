package formula

import (
	"slices"

	"orderhub/hub/doc"
)

func reverse(s *site, fr *Frame, a doc.Value) (doc.Value, *RunError) {
	out, err := s.copied(fr, a)
	if err != nil {
		return a, err
	}
	slices.Reverse(out)
	return doc.ListOf(out), nil
}

// sortList sorts numbers or strings, stable.
func sortList(s *site, fr *Frame, a []doc.Value) (doc.Value, *RunError) {
	out, err := s.copied(fr, a[0])
	if err != nil {
		return a[0], err
	}
	order := ""
	if len(a) > 1 {
		order = a[1].Str()
	}
	sign, err := s.direction(order)
	if err != nil {
		return a[0], err
	}
	err = sortStable(fr, out, func(x doc.Value) doc.Value { return x }, sign, s.element(0))
	return doc.ListOf(out), err
}

func (s *site) direction(order string) (int, *RunError) {
	switch order {
	case "", "asc":
		return 1, nil
	case "desc":
		return -1, nil
	}
	return 0, s.fail(`the order must be "asc" or "desc"; it is %q`, cut(order))
}

// sortStable sorts by key. An error or an exceeded budget ends the work: then every comparison is equal.
func sortStable[T any](fr *Frame, list []T, key func(T) doc.Value, sign int, n *node) *RunError {
	var fault *RunError
	if len(list) == 1 {
		_, fault = compareValues(fr, n, n, key(list[0]), key(list[0]))
	}
	slices.SortStableFunc(list, func(x, y T) int {
		if fault != nil {
			return 0
		}
		if !fr.spend(1) {
			fault = n.limit(fr)
			return 0
		}
		r, err := compareValues(fr, n, n, key(x), key(y))
		fault = err
		return r * sign
	})
	return fault
}

// uniq keeps the first of equal elements.
func uniq(s *site, fr *Frame, a doc.Value) (doc.Value, *RunError) {
	var out []doc.Value
	seen := map[uint64][]doc.Value{}
	for _, e := range a.Elems() {
		if !fr.weigh(e) || !fr.spend(1) {
			return a, s.limit(fr)
		}
		h := doc.Hash(e)
		if slices.ContainsFunc(seen[h], func(x doc.Value) bool { return doc.Equal(x, e) }) {
			continue
		}
		if len(seen[h]) > 16 || !fr.take(4*valueSize) { // nobody's data collide so often
			return a, s.limit(fr)
		}
		seen[h] = append(seen[h], e)
		out = append(out, e)
	}
	return doc.ListOf(out), nil
}

func concat(s *site, fr *Frame, a []doc.Value) (doc.Value, *RunError) {
	var out []doc.Value
	for _, list := range a {
		more, err := s.copied(fr, list)
		if err != nil {
			return list, err
		}
		out = append(out, more...)
	}
	return doc.ListOf(out), nil
}

// flatten makes one list of lists in lists.
func flatten(s *site, fr *Frame, a doc.Value) (doc.Value, *RunError) {
	out, ok := flattenInto(fr, nil, a, maxDepth)
	if !ok {
		fr.exceed()
		return a, s.limit(fr)
	}
	return doc.ListOf(out), nil
}

func flattenInto(fr *Frame, out []doc.Value, a doc.Value, depth int) ([]doc.Value, bool) {
	for _, e := range a.Elems() {
		if depth == 0 || !fr.spend(1) {
			return out, false
		}
		if e.Kind() == doc.Array {
			var ok bool
			if out, ok = flattenInto(fr, out, e, depth-1); !ok {
				return out, false
			}
			continue
		}
		if !fr.take(valueSize) {
			return out, false
		}
		out = append(out, e)
	}
	return out, true
}
