package escape

import (
	"net/url"
	"slices"
	"strings"
	"testing"
)

var hostileKeys = []string{"", "W-1", "A/B", "..", ".", "../../x", "x\ny", "x\r\n", "a\x00b", "\x00", "\x01", "\x01\x01", "\x00\x01\x02", "\x1b[2J", `a\b`, "%2F", "a b", " a ", "a.", ".a", "ä", "日本", "\xff\xfe", "a\u2028b", "a\u0085b", strings.Repeat("x/", 100)}

// Whatever the parts of a key hold, the key tells them apart, and a listing by its first part finds it.
func TestFault_M5_KeysOfParts(t *testing.T) {
	seen := map[string][]string{}
	for _, a := range hostileKeys {
		for _, b := range hostileKeys {
			for _, parts := range [][]string{{a}, {a, b}, {a, b, a}} {
				key := JoinKey(parts...)
				if got := SplitKey(key); !slices.Equal(got, parts) {
					t.Errorf("%q became %q", parts, got)
				}
				if other, ok := seen[key]; ok && !slices.Equal(other, parts) {
					t.Errorf("%q and %q have one key", parts, other)
				}
				seen[key] = parts
				if len(parts) > 1 && !strings.HasPrefix(key, JoinKey(a, "")) {
					t.Errorf("%q is not below %q", key, a)
				}
			}
		}
	}
}

func TestFault_M5_Segments(t *testing.T) {
	seen := map[string]string{}
	for _, key := range hostileKeys {
		s := Segment(key)
		if other, ok := seen[s]; ok {
			t.Errorf("%q and %q are both %q", key, other, s)
		}
		seen[s] = key
		if strings.ContainsAny(s, "/\\\r\n\x00\x1b\u2028\u0085") || s == "." || s == ".." || s != strings.TrimSpace(s) {
			t.Errorf("%q became %q", key, s)
		}
		if back, err := url.PathUnescape(s); err != nil || back != key {
			t.Errorf("%q came back as %q %v", key, back, err)
		}
	}
	for _, key := range []string{"W-1001", "order:W-1", "C-17-eu", "ä", "a b", "k_1~x"} {
		if Segment(key) != key {
			t.Errorf("%q became %q", key, Segment(key))
		}
	}
}

func TestFault_S4_Visible(t *testing.T) {
	for text, want := range map[string]string{
		"ünïcode 🛒 👩‍👩‍👧 ok":                         "ünïcode 🛒 👩‍👩‍👧 ok",
		"\x1b[2J\x00\x7f":                            `\u001b[2J\u0000\u007f`,
		"a\nb\tc\rd":                                 `a\nb\tc\u000dd`,
		"\u009b31m\u202eabc\u2066\u2028\ufeff\u061c": `\u009b31m\u202eabc\u2066\u2028\ufeff\u061c`,
		"\x9b31m": "\ufffd31m",
	} {
		if got := Visible(text); got != want {
			t.Errorf("%q became %q, not %q", text, got, want)
		}
	}
	if got := VisibleLines("a\n\tb\x1b"); got != "a\n\tb\\u001b" {
		t.Errorf("%q", got)
	}
}
