package yamlfile

import "strings"

// Nearest gives the known name that name is most likely a slip of: the smallest Damerau-Levenshtein distance, at
// most len/3+1; of equals the first of the list. Give it names of one kind only, the likeliest first.
func Nearest(name string, known []string) (string, bool) {
	a := []rune(strings.ToLower(name))
	best, limit := "", len(a)/3+2
	if len(a) > 64 {
		return "", false
	}
	for _, k := range known {
		b := []rune(strings.ToLower(k))
		if len(b)-len(a) >= limit || len(a)-len(b) >= limit || k == "" {
			continue
		}
		if d := distance(a, b); d < limit && d < max(len(a), len(b)) {
			best, limit = k, d
		}
	}
	return best, best != ""
}

// distance counts insertions, deletions, replacements and swaps of neighbours (optimal string alignment).
func distance(a, b []rune) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := range a {
		row[0] = i + 1
		for j := range b {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			row[j+1] = min(row[j]+1, last[j+1]+1, last[j]+cost)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
