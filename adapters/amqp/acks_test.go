package amqp

import (
	"slices"
	"testing"
	"time"

	"orderhub/hub"
)

// still is a clock that stands until it is moved.
type still struct{ now time.Time }

func (s *still) Now() time.Time                { return s.now }
func (s *still) Timer(time.Duration) hub.Timer { return hub.RealClock{}.Timer(time.Hour) }

// What is settled is told up to the first delivery that is not, and behind it alone, when it has waited or is too much.
func TestAcks(t *testing.T) {
	clock := &still{time.Now()}
	a := &acks{clock: clock, most: 4, first: 1, kick: hub.NewSignal()}
	for range 12 {
		a.came()
	}
	check := func(wantUpTo uint64, wantSingle []uint64, wantWait bool) {
		t.Helper()
		upTo, single, wait := a.collect(false)
		if upTo != wantUpTo || !slices.Equal(single, wantSingle) || (wait > 0) != wantWait {
			t.Errorf("up to %d, single %d, wait %s; want %d, %d, %t", upTo, single, wait, wantUpTo, wantSingle, wantWait)
		}
	}
	check(0, nil, false)
	a.ack(2)
	a.ack(4)
	check(0, nil, true)
	a.ack(1)
	check(2, nil, true) // 4 waits for 3
	clock.now = clock.now.Add(waitBehind)
	check(0, []uint64{4}, false)
	a.settle(3, over)    // given back
	check(0, nil, false) // 3 and 4 are known: nothing to tell
	a.ack(6)
	a.settle(7, over)
	a.ack(5)
	check(6, nil, false) // 7 is over and can't be named
	a.ack(9)
	a.ack(10)
	a.ack(11)
	check(0, nil, true)
	a.ack(12)
	check(0, []uint64{9, 10, 11, 12}, false) // too many wait for 8
	a.ack(8)
	check(8, nil, false)
	if len(a.window) != 0 || a.behind != 0 {
		t.Errorf("%+v", a)
	}
}
