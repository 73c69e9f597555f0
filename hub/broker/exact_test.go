package broker_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"orderhub/hub"
	"orderhub/hub/broker"
)

func TestFault_B7_ExactHeaders(t *testing.T) {
	came := []broker.ExactHeader{{Name: "A", Form: broker.FormText, Value: "1"}, {Name: "a", Form: broker.FormText, Value: "2"}, {Name: "empty", Form: broker.FormText},
		{Name: "null", Form: broker.FormNull}, {Name: "raw", Form: broker.FormBytes, Value: "\x00\xff"}, {Name: "n", Form: "amqp", Value: "I5"},
		{Name: "\xff\xfe", Form: broker.FormBytes, Value: "\xff"}}
	h := broker.WithExact(hub.Headers{"a": "2", "empty": "", "null": "", "raw": "AP8=", "n": "5", "plain": "x", strings.ToLower("\xff\xfe"): "/w=="}, came)
	own := func(e broker.ExactHeader) (string, bool) { return e.Value[1:], e.Form == "amqp" }
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
		"nothing kept":    {broker.WithExact(h, nil), nil},
	} {
		list, covered := broker.Exact(c.h, own)
		var want []broker.ExactHeader
		for _, i := range c.want {
			want = append(want, came[i])
		}
		if !slices.Equal(list, want) || len(c.want) > 0 && covered["plain"] {
			t.Errorf("%s: %+v, %v", name, list, slices.Sorted(maps.Keys(covered)))
		}
	}
	if list, covered := broker.Exact(h, nil); len(list) != 6 || covered["n"] {
		t.Errorf("a form that the transport does not know is its text: %+v", list)
	}
}
