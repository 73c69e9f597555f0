package yamlfile

import (
	"strings"

	"orderhub/transforms/shape"
)

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
		if d := shape.Distance(a, b); d < limit && d < max(len(a), len(b)) {
			best, limit = k, d
		}
	}
	return best, best != ""
}
