package formula

import (
	"math/big"
	"strings"
	"time"

	"orderhub/hub/doc"
	"orderhub/hub/units"
	"orderhub/transforms/shape"
)

// timeBuiltins are what is known of times.
func timeBuiltins() []builtin {
	return []builtin{
		{name: "now", changes: true, result: shape.StringType, do: now},
		{name: "iso", params: []set{strs | nums}, result: shape.StringType, do: iso},
		{name: "addDuration", params: []set{strs | nums, strs}, result: shape.StringType, do: addDuration},
		{name: "formatTime", params: []set{strs | nums, strs, strs}, optional: 1, result: shape.StringType, do: formatTime},
		{name: "parseTime", params: []set{strs, strs, strs}, optional: 1, result: shape.StringType, do: parseTime},
		{name: "epoch", params: []set{strs | nums, strs}, optional: 1, result: shape.NumberType, do: epoch},
		{name: "seconds", params: []set{strs}, result: shape.NumberType, do: secondsOf},
		{name: "fromEpoch", params: []set{nums, strs}, optional: 1, result: shape.StringType, do: fromEpoch},
	}
}

// layout of all times that formulas make: of one length, so that comparing the texts compares the times.
const layout = "2006-01-02T15:04:05Z"

func now(_ *site, fr *Frame) doc.Value { return timeValue(fr.Now().UTC()) }

func iso(s *site, fr *Frame) doc.Value { return timeValue(s.time(fr, s.arg(fr, 0))) }

func timeValue(t time.Time) doc.Value { return doc.StringValue(t.Format(layout)) }

func addDuration(s *site, fr *Frame) doc.Value {
	v := s.arg(fr, 0)
	t := s.time(fr, v)
	if t = t.Add(s.duration(fr, 1)); t.Year() < 1 || t.Year() > 9999 {
		panic(s.fail("the time is outside the years 1 to 9999"))
	}
	return timeValue(t)
}

// duration reads argument i, which may begin with a minus.
func (s *site) duration(fr *Frame, i int) time.Duration {
	text, minus := strings.CutPrefix(strings.TrimSpace(s.str(fr, i)), "-")
	d, err := units.ParseDuration(text)
	if err != nil {
		e := s.args[i].fail("%s is no duration", s.args[i].text())
		e.Help = `write "3d", "1d12h", "30m" or "-2w"`
		panic(e)
	}
	if minus {
		return -d
	}
	return d
}

// secondsOf is a duration in seconds.
func secondsOf(s *site, fr *Frame) doc.Value {
	n, err := doc.Int(int64(s.duration(fr, 0))).Div(doc.Int(1e9))
	if err != nil {
		panic(s.failed(err))
	}
	return doc.NumberValue(n)
}

// time reads a time, or Unix seconds.
func (s *site) time(fr *Frame, v doc.Value) time.Time {
	if v.Kind() == doc.Number {
		if n, ok := v.Num().Floor().Int64(); ok && n >= firstSecond && n <= lastSecond {
			return time.Unix(n, 0).UTC()
		}
	} else if t, ok := doc.ParseTime(v.Str()); ok {
		return t
	}
	panic(s.no(fr, v, "time", "write it as 2006-01-02T15:04:05Z or 2006-01-02"))
}

// The Unix seconds of the years 1 to 9999.
const firstSecond, lastSecond = -62135596800, 253402300799

// zoneOf is the time zone that the optional argument i names; UTC if it is left out.
func (s *site) zoneOf(fr *Frame, i int) *time.Location {
	name := s.optional(fr, i)
	if name == "" {
		return time.UTC
	}
	if known := s.zone.Load(); known != nil && known.String() == name {
		return known
	}
	zone, err := time.LoadLocation(name)
	if err != nil || name == "Local" {
		e := s.args[i].fail("%q is no time zone", cut(name))
		e.Help = "write its IANA name, such as Europe/Berlin"
		panic(e)
	}
	s.zone.Store(zone)
	return zone
}

// formatTime writes a time as its layout shows 2 January 2006, 15:04:05.
func formatTime(s *site, fr *Frame) doc.Value {
	at := s.time(fr, s.arg(fr, 0))
	return s.built(fr, at.In(s.zoneOf(fr, 2)).Format(s.str(fr, 1)))
}

// parseTime reads a time that is written in a layout.
func parseTime(s *site, fr *Frame) doc.Value {
	v, form := s.arg(fr, 0), s.str(fr, 1)
	at, err := time.ParseInLocation(form, strings.TrimSpace(v.Str()), s.zoneOf(fr, 2))
	if at = at.UTC(); err != nil || at.Year() < 1 || at.Year() > 9999 {
		panic(s.no(fr, v, "time as "+cut(form), ""))
	}
	return timeValue(at)
}

// ticks are the units of epochs, in nanoseconds.
var ticks = map[string]int64{"s": 1e9, "ms": 1e6, "us": 1e3, "ns": 1}

// epoch is the time since 1970 in whole units: seconds, where none is named.
func epoch(s *site, fr *Frame) doc.Value {
	at, tick := s.time(fr, s.arg(fr, 0)), choice(s, fr, 1, "s", ticks)
	n := new(big.Int).Add(new(big.Int).Mul(big.NewInt(at.Unix()), big.NewInt(1e9)), big.NewInt(int64(at.Nanosecond())))
	d, _ := doc.ParseDecimal(n.Div(n, big.NewInt(tick)).String()) // digits; Div rounds down
	return doc.NumberValue(d)
}

// fromEpoch is the time so many units after 1970.
func fromEpoch(s *site, fr *Frame) doc.Value {
	v, tick := s.arg(fr, 0), choice(s, fr, 1, "s", ticks)
	seconds, err := v.Num().Mul(doc.Int(tick)).Div(doc.Int(1e9))
	if err != nil {
		panic(s.failed(err))
	}
	return timeValue(s.time(fr, doc.NumberValue(seconds)))
}
