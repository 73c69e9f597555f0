package schedule

import (
	"testing"
	"time"
)

func TestSchedule(t *testing.T) {
	for _, c := range []struct {
		name, cron, zone, from string
		want                   []string // UTC
	}{
		{"on weekdays at nine", "0 9 * * MON-FRI", "Europe/Berlin", "2026-11-20T12:00:00Z", []string{"2026-11-23T08:00:00Z", "2026-11-24T08:00:00Z"}},
		{"the leap day", "0 12 29 2 *", "UTC", "2026-03-01T00:00:00Z", []string{"2028-02-29T12:00:00Z", "2032-02-29T12:00:00Z"}},
		{"a skipped time comes once, behind the gap", "30 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", []string{"2026-03-29T01:30:00Z", "2026-03-30T00:30:00Z"}},
		{"a doubled time comes once", "30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", []string{"2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"}},
		{"@daily", "@daily", "America/New_York", "2026-11-01T03:00:00Z", []string{"2026-11-01T04:00:00Z", "2026-11-02T05:00:00Z"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, err := Cron(c.cron, c.zone)
			if err != nil {
				t.Fatal(err)
			}
			at, _ := time.Parse(time.RFC3339, c.from)
			for _, want := range c.want {
				if at = s.After(at); at.Format(time.RFC3339) != want {
					t.Errorf("got %s, want %s", at.Format(time.RFC3339), want)
				}
			}
		})
	}
	for _, c := range [][2]string{{"0 9 * *", "UTC"}, {"0 25 * * *", "UTC"}, {"0 0 30 2 *", "UTC"}, {"0 9 * * *", "Mars/Base"}, {"0 9 * * *", ""}} {
		if _, err := Cron(c[0], c[1]); err == nil {
			t.Errorf("%q in %q is taken", c[0], c[1])
		}
	}
}

func TestEvery(t *testing.T) {
	for _, c := range []struct {
		pause      time.Duration
		from, want string
	}{
		{5 * time.Minute, "2026-03-01T12:03:07Z", "2026-03-01T12:05:00Z"},
		{5 * time.Minute, "2026-03-01T12:05:00Z", "2026-03-01T12:10:00Z"},
		{24 * time.Hour, "2026-03-01T12:05:00+02:00", "2026-03-02T00:00:00Z"},
		{7 * 24 * time.Hour, "2026-03-01T12:05:00Z", "2026-03-02T00:00:00Z"}, // a Monday
	} {
		at, _ := time.Parse(time.RFC3339, c.from)
		if got := Every(c.pause).After(at).Format(time.RFC3339); got != c.want {
			t.Errorf("every %s after %s: %s, want %s", c.pause, c.from, got, c.want)
		}
	}
}
