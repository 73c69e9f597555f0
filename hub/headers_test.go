package hub

import (
	"maps"
	"testing"
)

// TestHeadersWith: all pairs go into one copy, and the headers that it is made of stay as they were.
func TestHeadersWith(t *testing.T) {
	for _, c := range []struct {
		from  Headers
		pairs []string
		want  Headers
	}{
		{nil, []string{"a", "1"}, Headers{"a": "1"}},
		{nil, []string{"a", ""}, nil},
		{Headers{"a": "1"}, []string{"a", "1", "b", ""}, Headers{"a": "1"}},
		{Headers{"a": "1", "b": "2"}, []string{"a", "", "c", "3", "b", "4"}, Headers{"b": "4", "c": "3"}},
		{Headers{"a": "1"}, []string{"a", "2", "a", "1"}, Headers{"a": "1"}},
		{Headers{"a": ""}, []string{"a", ""}, Headers{}},
	} {
		before := maps.Clone(c.from)
		if got := c.from.With(c.pairs...); !maps.Equal(got, c.want) || !maps.Equal(c.from, before) {
			t.Errorf("%v with %q is %v, and it is %v itself, want %v", before, c.pairs, got, c.from, c.want)
		}
	}
}
