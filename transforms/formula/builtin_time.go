package formula

import (
	"strconv"
	"strings"
	"time"

	"orderhub/hub/doc"
	"orderhub/transforms/shape"
)

func timeBuiltins() []builtin {
	return []builtin{
		{name: "now", changes: true, result: gives(shape.StringType), many: now},
		{name: "iso", params: []set{strs | nums}, least: 1, result: gives(shape.StringType), one: iso},
		{name: "addDuration", params: []set{strs | nums, strs}, least: 2, result: gives(shape.StringType), two: addDuration},
	}
}

// layout of all times that formulas make: of one length, so that comparing the texts compares the times.
const layout = "2006-01-02T15:04:05Z"

func now(_ *site, fr *Frame, _ []doc.Value) (doc.Value, *RunError) {
	return doc.StringValue(fr.Now().UTC().Format(layout)), nil
}

func iso(s *site, fr *Frame, a doc.Value) (doc.Value, *RunError) {
	t, err := s.time(fr, a)
	if err != nil {
		return a, err
	}
	return doc.StringValue(t.Format(layout)), nil
}

func addDuration(s *site, fr *Frame, a, b doc.Value) (doc.Value, *RunError) {
	t, err := s.time(fr, a)
	if err != nil {
		return a, err
	}
	d, ok := duration(b.Str())
	if !ok {
		e := s.args[1].fail("%s is no duration", s.args[1].text())
		e.Help = `write "3d", "1d12h", "30m" or "-2w"`
		return b, e
	}
	if t = t.Add(d); t.Year() < 1 || t.Year() > 9999 {
		return a, s.fail("the time is outside the years 1 to 9999")
	}
	return doc.StringValue(t.Format(layout)), nil
}

var timeLayouts = []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05.999999999", "2006-01-02T15:04", "2006-01-02 15:04", "2006-01-02"}

// time reads an ISO time (without a zone it is UTC), or Unix seconds.
func (s *site) time(fr *Frame, a doc.Value) (time.Time, *RunError) {
	if a.Kind() == doc.Number {
		if n, ok := a.Num().Floor().Int64(); ok && n > -62135596800 && n < 253402300800 {
			return time.Unix(n, 0).UTC(), nil
		}
	} else if text := strings.TrimSpace(a.Str()); len(text) <= 40 {
		for _, l := range timeLayouts {
			if t, err := time.Parse(l, text); err == nil && t.UTC().Year() >= 1 && t.UTC().Year() <= 9999 {
				return t.UTC(), nil
			}
		}
	}
	e := s.args[0].fail("%s is no time", s.args[0].text())
	e.Help = "write it as 2006-01-02T15:04:05Z or 2006-01-02"
	e.Found = fr.found(s.args[0].text(), a)
	return time.Time{}, e
}

var units = []struct {
	name string
	size time.Duration
}{{"ms", time.Millisecond}, {"w", 7 * 24 * time.Hour}, {"d", 24 * time.Hour}, {"h", time.Hour}, {"m", time.Minute}, {"s", time.Second}}

// duration reads 3d, 1d12h, -2w.
func duration(text string) (time.Duration, bool) {
	rest, minus := strings.CutPrefix(strings.TrimSpace(text), "-")
	if rest == "" || len(rest) > 40 {
		return 0, false
	}
	var sum time.Duration
	for rest != "" {
		i := strings.IndexFunc(rest, func(r rune) bool { return r < '0' || r > '9' })
		if i <= 0 || i > 9 {
			return 0, false
		}
		n, _ := strconv.Atoi(rest[:i])
		rest = rest[i:]
		found := false
		for _, u := range units {
			if after, ok := strings.CutPrefix(rest, u.name); ok {
				add := time.Duration(n) * u.size
				if n > 0 && add/time.Duration(n) != u.size || sum+add < sum {
					return 0, false
				}
				sum, rest, found = sum+add, after, true
				break
			}
		}
		if !found {
			return 0, false
		}
	}
	if minus {
		sum = -sum
	}
	return sum, true
}
