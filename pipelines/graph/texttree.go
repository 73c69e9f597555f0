package graph

import (
	"slices"
	"strings"
)

// tree draws v and what follows it in at most room columns; v is on the first line. The room must be at least need(v).
func (t *texter) tree(v, room int) []string {
	t.drawn[v] = true
	name := t.name(v)
	outs := t.out[v]
	if len(outs) == 0 {
		return []string{name}
	}
	if len(outs) == 1 {
		lead := t.arrow(name+" ", outs[0])
		return under(lead, spaces(lead), t.child(t.ends[outs[0]][1], room-columns(lead)))
	}
	var lines []string
	stem := spaces(name) + "  "
	for i, e := range outs {
		first, rest := stem+"├", stem+"│"
		switch {
		case i == 0:
			first = name + " ─┬"
		case i == len(outs)-1:
			first, rest = stem+"└", stem+" "
		}
		lead := t.arrow(first, e)
		rest += strings.Repeat(" ", columns(lead)-columns(rest))
		lines = append(lines, under(lead, rest, t.child(t.ends[e][1], room-columns(lead)))...)
	}
	return lines
}

// child draws what an edge leads to: the node itself, or a reference when it is drawn elsewhere or does not fit here.
func (t *texter) child(v, room int) []string {
	switch {
	case t.drawn[v]:
		t.up = true
		return []string{"↑ " + t.short(v, textName)}
	case t.later[v]:
		return []string{"↓ " + t.short(v, textName)}
	case t.trial:
		return t.tree(v, room)
	case t.need(v) > room || (len(t.out[v]) > 1 && t.width(v) > room):
		t.later[v] = true
		t.queue = append(t.queue, v)
		return []string{"↓ " + t.short(v, textName)}
	}
	return t.tree(v, room)
}

// width is how wide the tree of v would be with all the room in the world.
func (t *texter) width(v int) int {
	try := *t
	try.drawn, try.trial = slices.Clone(t.drawn), true
	most := 0
	for _, line := range try.tree(v, 0) {
		most = max(most, columns(line))
	}
	return most
}

// fanIn draws the lone paths that meet in one node, one under the other, joined in front of it. It returns nil when v
// does not start such a path or no other path joins it.
func (t *texter) fanIn(v int) []string {
	meet, own := t.lonePath(v)
	if meet < 0 || t.drawn[meet] || t.later[meet] {
		return nil
	}
	paths := [][]int{own}
	for u := v + 1; u < len(t.g.Nodes); u++ {
		if m, p := t.lonePath(u); m == meet && !t.drawn[u] {
			paths = append(paths, p)
		}
	}
	lines, wide := make([]string, len(paths)), 0
	for i, p := range paths {
		for _, u := range p {
			lines[i] += t.arrow(t.name(u)+" ", t.out[u][0])
		}
		lines[i] = strings.TrimSuffix(lines[i], "> ")
		wide = max(wide, columns(lines[i]))
	}
	if len(paths) < 2 || wide > fanInWidth || wide+4+t.need(meet) > textWidth {
		return nil
	}
	for i, p := range paths {
		for _, u := range p {
			t.drawn[u] = true
		}
		dash := "─"
		if t.g.Edges[t.out[p[len(p)-1]][0]].Dashed {
			dash = "┄"
		}
		lines[i] += strings.Repeat(dash, wide-columns(lines[i])) + joint(i, len(lines))
	}
	right := t.tree(meet, textWidth-wide-4)
	for len(lines) < len(right) {
		lines = append(lines, strings.Repeat(" ", wide+4))
	}
	for i := range right {
		lines[i] += right[i]
	}
	return lines
}

func joint(i, n int) string {
	switch i {
	case 0:
		return "┬─> "
	case n - 1:
		return "┘   "
	}
	return "┤   "
}

// lonePath follows v while there is one way only, up to the node where other ways come in. meet is -1 without one.
func (t *texter) lonePath(v int) (meet int, path []int) {
	if t.in[v] != 0 {
		return -1, nil
	}
	for len(t.out[v]) == 1 && len(path) < len(t.g.Nodes) {
		path = append(path, v)
		v = t.ends[t.out[v][0]][1]
		if t.in[v] != 1 {
			break
		}
	}
	if t.in[v] < 2 || len(path) == 0 {
		return -1, nil
	}
	return v, path
}

// under puts lead before the first line of a block and rest before the others.
func under(lead, rest string, block []string) []string {
	for i := range block {
		if i == 0 {
			block[i] = lead + block[i]
		} else {
			block[i] = rest + block[i]
		}
	}
	return block
}

func spaces(s string) string { return strings.Repeat(" ", columns(s)) }
