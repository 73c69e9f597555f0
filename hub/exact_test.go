package hub_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"orderhub/hub"
)

func TestFault_B7_ExactHeaders(t *testing.T) {
	came := []hub.ExactHeader{{Name: "A", Form: hub.FormText, Value: "1"}, {Name: "a", Form: hub.FormText, Value: "2"}, {Name: "empty", Form: hub.FormText},
		{Name: "null", Form: hub.FormNull}, {Name: "raw", Form: hub.FormBytes, Value: "\x00\xff"}, {Name: "n", Form: "amqp", Value: "I5"},
		{Name: "\xff\xfe", Form: hub.FormBytes, Value: "\xff"}}
	h := hub.Headers{"a": "2", "empty": "", "null": "", "raw": "AP8=", "n": "5", "plain": "x", strings.ToLower("\xff\xfe"): "/w=="}.WithExact(came)
	own := func(e hub.ExactHeader) (string, bool) { return e.Value[1:], e.Form == "amqp" }
	for name, c := range map[string]struct {
		h    hub.Headers
		want []int
	}{
		"as it came":      {h, []int{0, 1, 2, 3, 4, 5, 6}},
		"one changed":     {h.With("raw", "other"), []int{0, 1, 2, 3, 5, 6}},
		"one removed":     {h.With("a", ""), []int{2, 3, 4, 5, 6}},
		"an empty one is": {h.With("empty", ""), []int{0, 1, 3, 4, 5, 6}},
		"null is":         {h.With("null", ""), []int{0, 1, 2, 4, 5, 6}},
		"another added":   {h.With("more", "x"), []int{0, 1, 2, 3, 4, 5, 6}},
		"nothing kept":    {h.WithExact(nil), nil},
	} {
		list, covered := c.h.Exact(own)
		var want []hub.ExactHeader
		for _, i := range c.want {
			want = append(want, came[i])
		}
		if !slices.Equal(list, want) || len(c.want) > 0 && covered["plain"] {
			t.Errorf("%s: %+v, %v", name, list, slices.Sorted(maps.Keys(covered)))
		}
	}
	if list, covered := h.Exact(nil); len(list) != 6 || covered["n"] {
		t.Errorf("a form that the transport does not know is its text: %+v", list)
	}
}
