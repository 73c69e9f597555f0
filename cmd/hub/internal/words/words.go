// Package words puts counts, times and names into the words that people read.
package words

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"orderhub/hub/escape"
	"orderhub/transforms/shape"
)

// Plural is a count of things: "1 message", "2 messages".
func Plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// OneLine makes text safe for one line of a terminal, at most limit characters.
func OneLine(text string, limit int) string {
	text = escape.Visible(text)
	if r := []rune(text); len(r) > limit {
		return string(r[:limit-1]) + "…"
	}
	return text
}

// Quoted is a word as a shell takes it.
func Quoted(word string) string {
	if word == "" || strings.ContainsAny(word, " \t\n'\"\\$`<>|&;()*?[]#~!{}") {
		return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
	}
	return word
}

// JSON is v as JSON on one line.
func JSON(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(b)
}

// Meant completes the message that a name is unknown: the nearest of the known names, else what to do otherwise.
func Meant(name string, known []string, otherwise string) string {
	if near, ok := shape.Nearest(name, known); ok {
		return fmt.Sprintf(". Did you mean %q?", near)
	}
	if otherwise == "" {
		return ""
	}
	return "; " + otherwise
}

// Age is how long ago t was: 3s, 4m, 2h, 5d; "-" for no time.
func Age(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return Short(time.Since(t))
}

// Short is a time in its largest unit.
func Short(d time.Duration) string {
	switch {
	case d < 0:
		return "0s"
	case d < time.Second:
		return fmt.Sprintf("%dms", d.Milliseconds())
	case d < 2*time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < 2*time.Hour:
		return fmt.Sprintf("%dm", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh", int(d.Hours()))
	}
	return fmt.Sprintf("%dd", int(d.Hours()/24))
}

// Span is a time in its two largest units: 2d 4h, 5m 10s, 3s.
func Span(d time.Duration) string {
	d = max(d, 0)
	switch {
	case d < time.Minute:
		return Short(d)
	case d < time.Hour:
		return twoUnits(d, time.Minute, time.Second, "m", "s")
	case d < 24*time.Hour:
		return twoUnits(d, time.Hour, time.Minute, "h", "m")
	}
	return twoUnits(d, 24*time.Hour, time.Hour, "d", "h")
}

func twoUnits(d, large, small time.Duration, l, s string) string {
	if rest := d % large / small; rest > 0 {
		return fmt.Sprintf("%d%s %d%s", d/large, l, rest, s)
	}
	return fmt.Sprintf("%d%s", d/large, l)
}

// Took is the duration of one piece of work; "" for none.
func Took(d time.Duration) string {
	switch {
	case d == 0:
		return ""
	case d < time.Millisecond:
		return "<1ms"
	case d < 10*time.Second:
		return fmt.Sprintf("%dms", d.Milliseconds())
	}
	return fmt.Sprintf("%.1fs", d.Seconds())
}

// Rate is how often something happens, in a second or, where that is seldom, in a minute.
func Rate(perSecond float64) string {
	switch {
	case perSecond >= 10:
		return fmt.Sprintf("%.0f/s", perSecond)
	case perSecond >= 0.1 || perSecond == 0:
		return fmt.Sprintf("%.1f/s", perSecond)
	}
	return fmt.Sprintf("%.1f/m", perSecond*60)
}

// Place is the file and the line of a place in the configuration, file:line; line 0: there is none.
func Place(place string) (file string, line int) {
	i := max(strings.LastIndexByte(place, ':'), 0)
	line, _ = strconv.Atoi(strings.TrimPrefix(place[i:], ":"))
	return place[:i], line
}

// Base is the file:line of a place in the configuration without its folder.
func Base(line string) string { return line[strings.LastIndexByte(line, '/')+1:] }
