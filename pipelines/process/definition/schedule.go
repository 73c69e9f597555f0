package definition

import (
	"fmt"
	"strings"
	"time"
	_ "time/tzdata" // a container may have no time zones of its own

	"github.com/netresearch/go-cron"
)

// Schedule gives the times of a timer that comes again: those of cron in a time
// zone. A time that the change to summer time skips comes once, behind the gap; one
// that the change back doubles comes once (as ISC cron does it; RELIABILITY.md, row 78).
type Schedule struct {
	spec   cron.Schedule
	zone   *time.Location
	hourly bool // it comes in every hour, or every few: then a doubled hour is one more
}

func parseCron(text, zone string) (*Schedule, error) {
	loc, err := time.LoadLocation(zone)
	if err != nil || zone == "" || zone == "Local" {
		return nil, fmt.Errorf("%q is no time zone: write one of the IANA database, as Europe/Berlin", zone)
	}
	spec, err := cron.MustNewParser(cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow | cron.Descriptor).Parse(text)
	if err != nil {
		return nil, fmt.Errorf("%q is no schedule: %w", text, err)
	}
	fields := strings.Fields(text)
	c := &Schedule{spec, loc, text == "@hourly" || len(fields) == 5 && strings.HasPrefix(fields[1], "*")}
	if c.After(time.Date(2000, 1, 1, 0, 0, 0, 0, loc)).IsZero() {
		return nil, fmt.Errorf("%q never comes", text)
	}
	return c, nil
}

// After is the first time behind t; zero: there is none.
func (c *Schedule) After(t time.Time) time.Time {
	next := c.spec.Next(t.In(c.zone))
	for !next.IsZero() && !c.hourly && repeated(next) {
		next = c.spec.Next(next)
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
