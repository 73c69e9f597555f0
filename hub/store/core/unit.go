package core

import (
	"cmp"
	"slices"
	"time"

	"orderhub/hub"
)

const (
	// InboxKind is the kind of the records that remember the inbox keys of units.
	InboxKind = "inbox"
	// InboxKeep is how long an inbox key is remembered: longer than any sender repeats itself.
	InboxKeep = 7 * 24 * time.Hour
)

const (
	// BatchUnits is how many units one transaction takes at most.
	BatchUnits = 256
	// BatchBytes is how long the units of one transaction are together, more or less.
	BatchBytes = 4 << 20
)

// StateOf is the state in which a put message begins.
func StateOf(p *hub.Put) hub.State {
	switch {
	case !p.Due.IsZero():
		return hub.Waiting
	case p.Error != nil:
		return hub.Dead
	}
	return hub.Ready
}

// DeadSince is when a dead letter with the failure died: when it failed, if that is known, else now.
func DeadSince(f *hub.Failure, now time.Time) time.Time {
	if f != nil && !f.Time.IsZero() {
		return f.Time
	}
	return now
}

// CauseOf is what a dead letter is indexed by; never NULL.
func CauseOf(cause any) any {
	if cause == nil {
		return ""
	}
	return cause
}

// Awaited is what a waiting message is indexed by: the part of the hub that it
// awaits, else the group of its failure; NULL: it did not fail.
func Awaited(part string, cause any) any {
	if part != "" {
		return part
	}
	return cause
}

// CameFromOutside tells whether a unit is the first of a root.
func CameFromOutside(u *hub.Unit) bool {
	if u.Input != nil {
		return false
	}
	for i := range u.History {
		if u.History[i].What == "received" {
			return true
		}
	}
	return false
}

// Earlier is the earlier of two times of which zero means never.
func Earlier(a, b time.Time) time.Time {
	if a.IsZero() || (!b.IsZero() && b.Before(a)) {
		return b
	}
	return a
}

// sortAwaiting sorts groups by queue and by what they await.
func SortAwaiting(list []hub.Awaiting) []hub.Awaiting {
	slices.SortFunc(list, func(a, b hub.Awaiting) int { return cmp.Or(cmp.Compare(a.Queue, b.Queue), cmp.Compare(a.For, b.For)) })
	return list
}
