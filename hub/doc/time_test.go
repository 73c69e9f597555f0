package doc

import (
	"testing"
	"time"
)

// Every form gives the same instant; what is no time is none.
func TestParseTime(t *testing.T) {
	const noon = "2026-03-01T12:00:00Z"
	for text, want := range map[string]string{
		noon:                                noon,
		"2026-03-01t12:00:00z":              noon,
		" 2026-03-01 12:00:00 ":             noon,
		"2026-03-01T12:00":                  noon,
		"2026-03-01 12:00Z":                 noon,
		"2026-03-01T14:00:00+02:00":         noon,
		"2026-03-01T14:00:00+0200":          noon,
		"2026-03-01 14:00:00.000+02":        noon,
		"2026-03-01 14:00:00 +0200":         noon,
		"2026-03-01 12:00:00 UTC":           noon,
		"2026-03-01T07:00:00-05:00":         noon,
		"20260301T120000Z":                  noon,
		"20260301T140000+0200":              noon,
		"Sun, 01 Mar 2026 12:00:00 GMT":     noon,
		"Sun, 1 Mar 2026 14:00:00 +0200":    noon,
		"1 Mar 2026 14:00 +0200":            noon,
		"Sun, 1 Mar 2026 07:00:00 EST":      noon,
		"Sun, 1 Mar 2026 13:00 +0100 (CET)": noon,
		"2026-03-01":                        "2026-03-01T00:00:00Z",
		"2026-03-01T12:00:00,25":            "2026-03-01T12:00:00.25Z",
		"2026-03-01T12:00:00.123456789Z":    "2026-03-01T12:00:00.123456789Z",
		"9999-12-31T23:59:59Z":              "9999-12-31T23:59:59Z",
		"0001-01-01":                        "0001-01-01T00:00:00Z",
	} {
		if at, ok := ParseTime(text); !ok || at.Format(time.RFC3339Nano) != want {
			t.Errorf("%q: %s %v, want %s", text, at.Format(time.RFC3339Nano), ok, want)
		}
	}
	for _, text := range []string{"", "now", "tomorrow at noon", "2026-02-30", "2026-13-01", "2026-3-1", "2026-03-01T25:00:00Z", "2026-03-01T12",
		"2026-03-01T12:00:00 CET", "2026-03-01T12:00:00 EST", "2026-03-01_12:00:00", "2026-03-01T12:00:00+2", "2026-03-01T12:00:00Zx", "01.03.2026", "03/01/2026",
		"1772366400", "20260301", "0000-01-01", "9999-12-31T23:59:59-01:00", "Sun, 01 Mar 2026 12:00:00 XYZ", "Sun, 01 Mar 2026 12:00:00",
		"2026-03-01T12:00:00\x00", "-2026-03-01T12:00:00Z", "infinity"} {
		if at, ok := ParseTime(text); ok {
			t.Errorf("%q is read as %s", text, at)
		}
	}
	for text, want := range map[string]bool{"2026-13-01": true, "2026-03-01T": true, "2026-03": false, "rev-7": false, "12345678": false, "": false} {
		if LooksLikeTime(text) != want {
			t.Errorf("%q: %v", text, !want)
		}
	}
}

func FuzzParseTime(f *testing.F) {
	for _, s := range []string{"2026-03-01T12:00:00Z", "20260301T120000Z", "Sun, 01 Mar 2026 12:00:00 GMT", "2026-03-01 14:00:00 +0200", "1 Mar 2026 (", "1234567T"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if at, ok := ParseTime(text); ok {
			if again, ok := ParseTime(at.Format(time.RFC3339Nano)); !ok || !again.Equal(at) {
				t.Errorf("%q is %s, which is read as %s %v", text, at, again, ok)
			}
		}
	})
}
