package drivers

import (
	"errors"
	"path/filepath"
	"testing"
	"time"

	"orderhub/hub"
	"orderhub/hub/store"
)

// handClock is the real time, moved by hand.
type handClock struct {
	hub.RealClock
	by time.Duration
}

func (c *handClock) Now() time.Time { return time.Now().Add(c.by) }

// What was handled is known for a week, whatever the janitor does, and forgotten then.
func TestInboxIsKept(t *testing.T) {
	for _, url := range []string{"memory:", "sqlite:" + filepath.Join(t.TempDir(), "hub.db")} {
		clock := &handClock{}
		s := open(t, url, store.Options{Clock: clock})
		again := func() error { return s.Commit(ctx, &hub.Unit{Inbox: "in m-1"}) }
		if err := again(); err != nil {
			t.Fatal(url, err)
		}
		for _, after := range []time.Duration{0, time.Minute, 5 * time.Hour, 26 * time.Hour, 7*24*time.Hour - time.Minute} {
			clock.by = after
			if _, _, err := s.Sweep(ctx, store.Retention{History: 24 * time.Hour}, 100); err != nil {
				t.Fatal(url, err)
			}
			if err := again(); !errors.Is(err, hub.ErrDuplicate) {
				t.Errorf("%s: after %s it is handled again: %v", url, after, err)
			}
		}
		clock.by = 7*24*time.Hour + time.Minute
		if err := again(); err != nil {
			t.Errorf("%s: it is never forgotten: %v", url, err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}
