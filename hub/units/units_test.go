package units

import (
	"testing"
	"time"
)

func TestUnits(t *testing.T) {
	for s, want := range map[string]time.Duration{"0": 0, "30s": 30 * time.Second, "1h30m": 90 * time.Minute, "250ms": 250 * time.Millisecond,
		"1.5s": 1500 * time.Millisecond, "2d": 2 * day, "1w": 7 * day, "7y": 7 * 365 * day, "0.001ms": time.Microsecond} {
		if d, err := ParseDuration(s); err != nil || d != want {
			t.Errorf("%s: %v %v", s, d, err)
		}
	}
	for _, s := range []string{"", "30", "x", "5q", "-1s", "1.s", ".5s", "1..2s", "300y", "99999999999999999999s", "1s 2s", "1s2"} {
		if d, err := ParseDuration(s); err == nil {
			t.Errorf("%q gave %v", s, d)
		}
	}
	for s, want := range map[string]int64{"0": 0, "64KiB": 65536, "1MiB": 1 << 20, "1MB": 1e6, "1.5KiB": 1536, "12B": 12, "1kB": 1000} {
		if v, err := ParseSize(s); err != nil || v != want {
			t.Errorf("%s: %v %v", s, v, err)
		}
	}
	for _, s := range []string{"", "10", "1K", "-1B", "1MiB2", "99999999TiB"} {
		if v, err := ParseSize(s); err == nil {
			t.Errorf("%q gave %v", s, v)
		}
	}
}

func TestDefaults(t *testing.T) {
	type inner struct {
		Wait time.Duration `default:"30d"`
		Size int64         `default:"16MiB" unit:"bytes"`
	}
	type config struct {
		inner
		Nested inner
		On     bool     `default:"true"`
		Word   string   `default:"first"`
		IDs    []string `default:"id"`
		Max    int      `default:"8"`
		None   *inner
		Plain  string
	}
	got := Defaults[config]()
	in := inner{Wait: 30 * day, Size: 16 << 20}
	if got.inner != in || got.Nested != in || !got.On || got.Word != "first" || len(got.IDs) != 1 || got.IDs[0] != "id" || got.Max != 8 || got.None != nil || got.Plain != "" {
		t.Errorf("%+v", got)
	}
	defer func() {
		if recover() == nil {
			t.Error("a wrong tag is not seen")
		}
	}()
	Defaults[struct {
		Wait time.Duration `default:"soon"`
	}]()
}

func TestParseMoment(t *testing.T) {
	now := time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]string{"": "0001-01-01T00:00:00Z", "2d": "2026-01-29T12:00:00Z", "90m": "2026-01-31T10:30:00Z", "2026-01-30": "2026-01-30T00:00:00Z",
		"2026-01-30T01:02:03.5+01:00": "2026-01-30T00:02:03.5Z", "soon": "", "-2d": "", "2026-13-01": ""} {
		at, err := ParseMoment(now, text)
		if got := at.UTC().Format(time.RFC3339Nano); (err != nil) != (want == "") || err == nil && got != want {
			t.Errorf("%q is %s, %v; expected %q", text, got, err, want)
		}
	}
}
