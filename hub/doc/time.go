package doc

import (
	"errors"
	"net/mail"
	"strings"
	"time"
)

// ParseTime reads a time in UTC. It knows RFC 3339 and what programs make of it (a blank in place of T, no seconds, decimals behind a
// comma, an offset as +0200 or +02, the basic form 20260301T120000Z, a date alone) and the dates of mails and of HTTP (RFC 5322, RFC 9110).
// A time without a zone is UTC. All else is no time, as is a year that is not one of 1 to 9999: nothing is guessed.
func ParseTime(text string) (time.Time, bool) {
	text = strings.TrimSpace(text)
	if len(text) < len("2006-1-2") || len(text) > 80 {
		return time.Time{}, false
	}
	var at time.Time
	var err error
	if text[0] >= '0' && text[0] <= '9' && !strings.Contains(text[:4], " ") {
		at, err = isoTime(text)
	} else {
		at, err = mailTime(text)
	}
	at = at.UTC()
	return at, err == nil && at.Year() >= 1 && at.Year() <= 9999
}

// LooksLikeTime tells that a text begins as the date of ISO 8601 does: 2026-03-. What then is no time is a mistake.
func LooksLikeTime(text string) bool {
	if text = strings.TrimSpace(text); len(text) < 8 {
		return false
	}
	for i := range 8 {
		if dash := i == 4 || i == 7; dash != (text[i] == '-') || !dash && (text[i] < '0' || text[i] > '9') {
			return false
		}
	}
	return true
}

// isoTime reads a time that begins with its year.
func isoTime(text string) (time.Time, error) {
	day, layout := len(time.DateOnly), time.DateOnly
	if i := strings.IndexAny(text, "Tt"); i == 8 {
		day, layout = i, "20060102"
	}
	if len(text) <= day {
		return time.Parse(time.DateOnly, text)
	}
	date, rest := text[:day], text[day+1:]
	if !strings.ContainsRune("Tt ", rune(text[day])) {
		return time.Time{}, errNoTime
	}
	end := strings.IndexFunc(rest, func(r rune) bool { return (r < '0' || r > '9') && !strings.ContainsRune(":.,", r) })
	if end < 0 {
		end = len(rest)
	}
	clock, zone := rest[:end], strings.TrimSpace(rest[end:])
	switch {
	case layout == "20060102":
		layout += "T150405"
	case strings.Count(clock, ":") == 1:
		layout += "T15:04"
	default:
		layout += "T15:04:05"
	}
	if offset, ok := zones[strings.ToUpper(zone)]; ok && len(zone) < len("EST") || zone == "UTC" || zone == "GMT" {
		zone = offset
	}
	switch len(zone) {
	case len("+02"):
		layout += "-07"
	case len("+0200"):
		layout += "-0700"
	case len("+02:00"):
		layout += "-07:00"
	}
	return time.Parse(layout, date+"T"+clock+zone)
}

// zones are the names of zones that RFC 5322 gives a meaning, and the empty one. Go would take any other for UTC.
var zones = map[string]string{"": "", "Z": "+0000", "UT": "+0000", "UTC": "+0000", "GMT": "+0000", "EST": "-0500", "EDT": "-0400",
	"CST": "-0600", "CDT": "-0500", "MST": "-0700", "MDT": "-0600", "PST": "-0800", "PDT": "-0700"}

// mailTime reads the date of a mail.
func mailTime(text string) (time.Time, error) {
	text, _, _ = strings.Cut(text, "(") // a comment: the name of the zone
	text = strings.TrimSpace(text)
	if i := strings.LastIndexByte(text, ' '); i > 0 && text[i+1] != '+' && text[i+1] != '-' {
		offset := zones[strings.ToUpper(text[i+1:])]
		if offset == "" {
			return time.Time{}, errNoTime
		}
		text = text[:i+1] + offset
	}
	return mail.ParseDate(text)
}

var errNoTime = errors.New("no time")
