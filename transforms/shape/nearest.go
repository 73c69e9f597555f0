package shape

import (
	"fmt"
	"strings"
)

// Nearest is the known name that name was probably meant to be: the nearest by Damerau-Levenshtein, at most len/3+1 edits away, the first of
// equals. Case is no difference.
func Nearest(name string, known []string) (string, bool) {
	best, limit := "", len([]rune(name))/3+2
	a := []rune(strings.ToLower(name))
	if len(a) > 200 {
		return "", false
	}
	for _, k := range known {
		b := []rune(strings.ToLower(k))
		if k == name || len(b)-len(a) >= limit || len(a)-len(b) >= limit {
			continue
		}
		if d := Distance(a, b); d < limit && d < max(len(a), len(b)) {
			best, limit = k, d
		}
	}
	return best, best != ""
}

// DidYouMean is the help for an unknown name: the known one that was probably meant; "" where there is none.
func DidYouMean(name string, known []string) string {
	if near, ok := Nearest(name, known); ok {
		return fmt.Sprintf("did you mean %q?", near)
	}
	return ""
}

// Known is the help for an unknown name: the known one that was probably meant, else all of them; "" where there are none.
func Known(name string, known []string) string {
	if near := DidYouMean(name, known); near != "" || len(known) == 0 {
		return near
	}
	return "known: " + strings.Join(known, ", ")
}

// Distance is the number of insertions, deletions, replacements and swaps of neighbours between a and b.
func Distance(a, b []rune) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
