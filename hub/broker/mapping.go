package broker

import (
	"strconv"
	"strings"
	"time"

	"orderhub/hub"
)

// KeyOf is the ordering key that a source's option key selects: a header of m, or one of its properties.
func KeyOf(m *hub.Message, key string) string {
	switch key {
	case "correlation-id":
		return m.Correlation
	case "message-id":
		return m.ID
	}
	return m.Headers[strings.ToLower(key)]
}

// Expiry is when a message is worthless: at, or, where that is not told, ttl (a number of milliseconds as text) after it was sent. Where the
// sender's clock is so far from ours that this can't be, the time to live begins now. Zero: never.
func Expiry(at, sent, now time.Time, ttl string) time.Time {
	ms, err := strconv.ParseInt(ttl, 10, 64)
	if err != nil || ms < 0 || ms > longestLife.Milliseconds() {
		return at.UTC()
	}
	life := time.Duration(ms) * time.Millisecond
	if at.IsZero() && !sent.IsZero() {
		at = sent.Add(life)
	}
	if at.After(now) && at.Before(now.Add(life+clocksDiffer)) {
		return at.UTC()
	}
	return now.Add(life)
}

const (
	clocksDiffer = time.Minute // that clocks may be apart and still be right
	longestLife  = 100 * 365 * 24 * time.Hour
)
