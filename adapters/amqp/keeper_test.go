package amqp

import (
	"context"
	"testing"
	"time"

	"orderhub/hub"
)

// A connection that opens and is lost again and again is away, and no bug: what is not tried costs no attempt.
func TestFlappingConnection(t *testing.T) {
	k := &keeper[int]{clock: hub.RealClock{}, pauses: hub.Retry{Min: time.Minute, Max: time.Minute},
		open:  func(context.Context) (int, error) { return 1, nil },
		alive: func(int) bool { return false }}
	_, err := k.get(t.Context(), 0)
	for range 2 {
		if err == nil {
			_, err = k.get(t.Context(), 0)
		}
	}
	if e := hub.AsError(err); err == nil || e.Class != hub.Unavailable || e.Reason != hub.NotConnected || e.After <= 0 {
		t.Errorf("%+v", err)
	}
}
