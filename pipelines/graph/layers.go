package graph

// cycles finds the edges that close a cycle, by depth-first search from the nodes nothing leads to, then from the rest
// in their given order. Turning the found edges round leaves no cycle. Edges from a node to itself are not counted.
func cycles(n int, edges [][2]int) []bool {
	back := make([]bool, len(edges))
	out, in := make([][]int, n), make([]int, n)
	for i, e := range edges {
		if e[0] != e[1] {
			out[e[0]] = append(out[e[0]], i)
			in[e[1]]++
		}
	}
	const open, done = 1, 2
	state := make([]int, n)
	var visit func(v int)
	visit = func(v int) {
		state[v] = open
		for _, i := range out[v] {
			switch to := edges[i][1]; state[to] {
			case open:
				back[i] = true
			case 0:
				visit(to)
			}
		}
		state[v] = done
	}
	for _, rootsOnly := range []bool{true, false} {
		for v := range n {
			if state[v] == 0 && (in[v] == 0 || !rootsOnly) {
				visit(v)
			}
		}
	}
	return back
}

// layers gives every node a column: each edge goes at least one column to the right (longest path), then nodes slide
// towards the side with more of their edges, so that edges get short. The edges must not form a cycle.
func layers(n int, edges [][2]int) []int {
	out, in := make([][]int, n), make([][]int, n)
	wait := make([]int, n)
	for _, e := range edges {
		out[e[0]] = append(out[e[0]], e[1])
		in[e[1]] = append(in[e[1]], e[0])
		wait[e[1]]++
	}
	layer, order := make([]int, n), make([]int, 0, n)
	for v := range n {
		if wait[v] == 0 {
			order = append(order, v)
		}
	}
	for i := 0; i < len(order); i++ {
		for _, to := range out[order[i]] {
			layer[to] = max(layer[to], layer[order[i]]+1)
			if wait[to]--; wait[to] == 0 {
				order = append(order, to)
			}
		}
	}
	for range 8 {
		moved := false
		for i := len(order) - 1; i >= 0; i-- {
			moved = slide(order[i], layer, in, out) || moved
		}
		if !moved {
			break
		}
	}
	first := 0
	for i, v := range order {
		if i == 0 || layer[v] < first {
			first = layer[v]
		}
	}
	for v := range layer {
		layer[v] -= first
	}
	return layer
}

// slide moves v right when more edges leave it than come in, and left when it is the other way round.
func slide(v int, layer []int, in, out [][]int) bool {
	was := layer[v]
	if len(out[v]) > len(in[v]) {
		to := layer[out[v][0]]
		for _, o := range out[v] {
			to = min(to, layer[o])
		}
		layer[v] = to - 1
	} else if len(in[v]) > len(out[v]) {
		from := layer[in[v][0]]
		for _, o := range in[v] {
			from = max(from, layer[o])
		}
		layer[v] = from + 1
	}
	return layer[v] != was
}
