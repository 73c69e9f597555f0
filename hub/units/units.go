// Package units reads amounts that are written with their unit: 30s, 7d, 64KiB. They stand in configurations, and in the tags of configs.
package units

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

const day = 24 * time.Hour

var timeUnits = map[string]int64{"ms": int64(time.Millisecond), "s": int64(time.Second), "m": int64(time.Minute),
	"h": int64(time.Hour), "d": int64(day), "w": int64(7 * day), "y": int64(365 * day)}

var sizeUnits = map[string]int64{"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40,
	"kB": 1e3, "KB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12}

// ParseDuration reads 30s, 1h30m, 1.5s, 2d, 1w, 7y (365 days each), and 0. No sign; the units are ms s m h d w y.
func ParseDuration(s string) (time.Duration, error) {
	if s == "0" {
		return 0, nil
	}
	total, rest := int64(0), s
	for rest != "" {
		part, unit, after := number(rest)
		if part == "" {
			return 0, fmt.Errorf("%q is no time", s)
		}
		size, known := timeUnits[unit]
		switch {
		case unit == "":
			return 0, fmt.Errorf("%s has no unit; write %ss, %sm or %sms", s, s, s, s)
		case !known:
			return 0, fmt.Errorf("%q has the unknown unit %q; write ms, s, m, h, d, w or y", s, unit)
		}
		v, ok := times(part, size)
		if !ok || v > math.MaxInt64-total {
			return 0, fmt.Errorf("%q is too long; the limit is 290 years", s)
		}
		total, rest = total+v, after
	}
	if s == "" {
		return 0, fmt.Errorf("%q is no time", s)
	}
	return time.Duration(total), nil
}

// ParseMoment reads a point in time: 2d and 90m are as long before now, 2026-01-31T12:00:00Z and 2026-01-31 (UTC) are themselves; "" is the zero time.
func ParseMoment(now time.Time, s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	for _, form := range []string{time.RFC3339Nano, time.DateOnly} {
		if at, err := time.Parse(form, s); err == nil {
			return at, nil
		}
	}
	if d, err := ParseDuration(s); err == nil && d >= 0 {
		return now.Add(-d), nil
	}
	return time.Time{}, fmt.Errorf("%q is no time; write 90m or 2d for as long ago, or 2026-01-31T12:00:00Z", s)
}

// ParseSize reads 64KiB, 1.5MiB, 1MB, 512B and 0 as bytes. KiB is 1024, kB or KB is 1000.
func ParseSize(s string) (int64, error) {
	if s == "0" {
		return 0, nil
	}
	part, unit, rest := number(s)
	size, known := sizeUnits[unit]
	switch {
	case part == "" || rest != "":
		return 0, fmt.Errorf("%q is no size", s)
	case unit == "":
		return 0, fmt.Errorf("%s has no unit; write %sKiB, %sMiB or %sB", s, s, s, s)
	case !known:
		return 0, fmt.Errorf("%q has the unknown unit %q; write B, KiB, MiB, GiB, kB, MB or GB", s, unit)
	}
	v, ok := times(part, size)
	if !ok {
		return 0, fmt.Errorf("%q is too large", s)
	}
	return v, nil
}

// number cuts a decimal number and the letters behind it from the front of s.
func number(s string) (digits, unit, rest string) {
	i := 0
	for i < len(s) && (s[i] >= '0' && s[i] <= '9' || s[i] == '.') {
		i++
	}
	j := i
	for j < len(s) && (s[j] >= 'a' && s[j] <= 'z' || s[j] >= 'A' && s[j] <= 'Z') {
		j++
	}
	if strings.Count(s[:i], ".") > 1 || strings.HasPrefix(s, ".") || i > 0 && s[i-1] == '.' {
		return "", "", ""
	}
	return s[:i], s[i:j], s[j:]
}

// times multiplies exactly; what is smaller than 1 is cut off.
func times(decimal string, size int64) (int64, bool) {
	whole, frac, _ := strings.Cut(decimal, ".")
	v, err := strconv.ParseInt(whole, 10, 64)
	if err != nil || v > math.MaxInt64/size {
		return 0, false
	}
	v *= size
	rest := int64(0)
	for _, c := range frac {
		rest, size = rest+size/10*int64(c-'0')+size%10*int64(c-'0')/10, size/10
	}
	return v + rest, v <= math.MaxInt64-rest
}
