package hub

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// TestFault_V3_EffectsOfOneCause: ten thousand effects of one cause are one line, and one a minute that counts.
func TestFault_V3_EffectsOfOneCause(t *testing.T) {
	var l Repeats[string]
	now, firsts := time.Now(), 0
	happens := func(cause string) {
		if l.First(cause, now) {
			firsts++
		}
	}
	more := func(after time.Duration, all bool) (lines []string) {
		now = now.Add(after)
		l.More(now, all, func(cause string, more int) { lines = append(lines, fmt.Sprint(cause, " ", more)) })
		slices.Sort(lines)
		return lines
	}
	for range 10_000 {
		happens("a")
	}
	happens("b")
	if got := more(time.Second, false); firsts != 2 || len(got) > 0 {
		t.Errorf("%d firsts, want 2; told at once: %v", firsts, got)
	}
	if got := more(repeatAgain, false); !slices.Equal(got, []string{"a 9999"}) {
		t.Errorf("told after a minute: %v", got)
	}
	happens("a")
	happens("b") // had no more for a minute: told as new
	if got := more(0, true); firsts != 3 || !slices.Equal(got, []string{"a 1"}) {
		t.Errorf("%d firsts, want 3; at the end: %v", firsts, got)
	}
	for i := range 10 * repeatCauses {
		happens(fmt.Sprint("c", i))
	}
	if len(l.causes) > repeatCauses+1 {
		t.Errorf("%d causes are kept", len(l.causes))
	}
}
