// Package schedule knows the times of what comes again: those of cron in a time zone, and those of a fixed pause.
package schedule

import (
	"fmt"
	"strings"
	"time"
	_ "time/tzdata" // a container may have no time zones of its own

	"github.com/netresearch/go-cron"
)

// Schedule gives times that come again. A time that the change to summer time skips comes
// once, behind the gap; one that the change back doubles comes once (as ISC cron does it; RELIABILITY.md, row 78).
type Schedule struct {
	text string

	every time.Duration // between two times; 0: cron says

	spec   cron.Schedule
	zone   *time.Location
	hourly bool // it comes in every hour, or every few: then a doubled hour is one more
}

// Every is the schedule of a pause. Its times are whole multiples of it since a Monday at midnight, UTC: every hub knows the same.
func Every(pause time.Duration) *Schedule {
	return &Schedule{text: "every " + pause.String(), every: pause}
}

// Cron is the schedule that text says in cron's five fields, or by a word as @daily, for the clocks of an IANA time zone.
func Cron(text, zone string) (*Schedule, error) {
	loc, err := time.LoadLocation(zone)
	if err != nil || zone == "" || zone == "Local" {
		return nil, fmt.Errorf("%q is no time zone: write one of the IANA database, as Europe/Berlin", zone)
	}
	spec, err := cron.MustNewParser(cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow | cron.Descriptor).Parse(text)
	if err != nil {
		return nil, fmt.Errorf("%q is no schedule: %w", text, err)
	}
	fields := strings.Fields(text)
	s := &Schedule{text: text + " " + zone, spec: spec, zone: loc, hourly: text == "@hourly" || len(fields) == 5 && strings.HasPrefix(fields[1], "*")}
	if s.After(time.Date(2000, 1, 1, 0, 0, 0, 0, loc)).IsZero() {
		return nil, fmt.Errorf("%q never comes", text)
	}
	return s, nil
}

// String tells one schedule from another.
func (s *Schedule) String() string { return s.text }

// After is the first time behind t; zero: there is none.
func (s *Schedule) After(t time.Time) time.Time {
	if s.every > 0 {
		return t.UTC().Truncate(s.every).Add(s.every)
	}
	next := s.spec.Next(t.In(s.zone))
	for !next.IsZero() && !s.hourly && repeated(next) {
		next = s.spec.Next(next)
	}
	if next.IsZero() {
		return next
	}
	return next.UTC()
}

// repeated tells that clocks have shown the time of day once before, because they were set back.
func repeated(t time.Time) bool {
	_, now := t.Zone()
	_, before := t.Add(-3 * time.Hour).Zone()
	if before <= now {
		return false
	}
	earlier := t.Add(-time.Duration(before-now) * time.Second)
	return earlier.Format(time.DateTime) == t.Format(time.DateTime)
}
