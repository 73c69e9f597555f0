package yamlfile

import (
	"strings"
	"testing"
)

// TestEntry: an entry ends before the next line that is not indented more; what stands between the two belongs to the next.
func TestEntry(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{"  a:\n    b: 1\n  c: 2", "  a:\n    b: 1"},
		{"  a:\n\n    b: 1\n\n  # of c\n  c: 2", "  a:\n\n    b: 1"},
		{"  a: {b: 1}\n  c: 2", "  a: {b: 1}"},
		{"  a:\n    b: |\n      # text\n      more", "  a:\n    b: |\n      # text\n      more"},
		{"  a: 1", "  a: 1"},
	} {
		if got := strings.Join(Entry(strings.Split(test.text, "\n")), "\n"); got != test.want {
			t.Errorf("%q: %q, expected %q", test.text, got, test.want)
		}
	}
}
