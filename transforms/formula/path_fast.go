package formula

import "orderhub/hub/doc"

// compile is the closure that reads the path. The usual ones, names below the body, a local or an element, take the short way; whatever
// is unusual at run time is done again, with all checks, by walk.
func (pa *path) compile() value {
	n := len(pa.segs)
	slow := func(fr *Frame) (doc.Value, *RunError) { return pa.walk(fr, n) }
	names := make([]string, n)
	for i, s := range pa.segs {
		if s.isIndex {
			return slow
		}
		names[i] = s.name
	}
	switch {
	case pa.root == rootSlot:
		return pa.fromSlot(names, slow)
	case pa.root == rootBody && n > 0:
		return fromBody(names, slow)
	case pa.root == rootLocal:
		slot := pa.slot
		return func(fr *Frame) (doc.Value, *RunError) {
			v := fr.local(slot)
			for _, name := range names {
				if v.Kind() != doc.Object {
					return slow(fr)
				}
				v = v.Get(name)
			}
			return v, nil
		}
	}
	return slow
}

func fromBody(names []string, slow value) value {
	first, rest := names[0], names[1:]
	if len(rest) == 0 {
		return func(fr *Frame) (doc.Value, *RunError) {
			if fr.body.Kind() != doc.Object { // not decoded yet, or no object
				return slow(fr)
			}
			return fr.body.Get(first), nil
		}
	}
	return func(fr *Frame) (doc.Value, *RunError) {
		v := fr.body
		for _, name := range names {
			if v.Kind() != doc.Object {
				return slow(fr)
			}
			v = v.Get(name)
		}
		return v, nil
	}
}

func (pa *path) fromSlot(names []string, slow value) value {
	slot := pa.slot
	switch len(names) {
	case 0:
		return func(fr *Frame) (doc.Value, *RunError) { return fr.slots[slot], nil }
	case 1:
		name := names[0]
		return func(fr *Frame) (doc.Value, *RunError) {
			v := fr.slots[slot]
			if v.Kind() != doc.Object {
				return slow(fr)
			}
			return v.Get(name), nil
		}
	}
	return func(fr *Frame) (doc.Value, *RunError) {
		v := fr.slots[slot]
		for _, name := range names {
			if v.Kind() != doc.Object {
				return slow(fr)
			}
			v = v.Get(name)
		}
		return v, nil
	}
}
