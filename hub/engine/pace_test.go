package engine

import (
	"testing"
	"time"
)

// The wait of a new message is taken of the pace of the last minute; no pace is known at the start.
func TestFault_R5_ProjectedWait(t *testing.T) {
	d := &dispatcher{stage: &Stage{Bound: Bound{Wait: time.Minute}}}
	second := func(runs int64) {
		d.load.n++
		d.load.past[d.load.n%len(d.load.past)] = d.load.ran.Add(runs)
	}
	for range 5 {
		second(10)
	}
	d.bound(100_000, 100_000)
	if d.load.refuse.Load() != nil {
		t.Fatal("it refuses before a pace is known")
	}
	for range 90 {
		second(10)
	}
	d.bound(590, 590) // 59 s at 10/s
	if b := d.load.refuse.Load(); b != nil {
		t.Fatalf("%+v", b)
	}
	d.bound(650, 650)
	if b := d.load.refuse.Load(); b == nil || b.wait != 5*time.Second {
		t.Fatalf("%+v, want 5 s until there is room", b)
	}
	d.bound(10, 5_000) // a far end is away: they wait for their retries
	if b := d.load.refuse.Load(); b != nil {
		t.Fatalf("%+v", b)
	}
	for range 70 {
		second(0)
	}
	d.bound(10, 10)
	if b := d.load.refuse.Load(); b == nil || b.wait != waitMost {
		t.Fatalf("nothing runs any more: %+v", b)
	}
	d.stage.Bound = Bound{Wait: time.Hour * 1000, Bytes: 1000}
	d.load.arrived.Add(4)
	d.load.bytes.Add(400)
	d.bound(0, 9)
	if b := d.load.refuse.Load(); b != nil {
		t.Fatalf("900 bytes of 1,000: %+v", b)
	}
	d.bound(0, 11)
	if b := d.load.refuse.Load(); b == nil {
		t.Fatal("1,100 bytes of 1,000, and it takes more")
	}
	d.stage.Bound, d.paused = Bound{Wait: time.Minute}, true
	d.bound(10, 10)
	if b := d.load.refuse.Load(); b != nil {
		t.Fatalf("a paused stage keeps what comes: %+v", b)
	}
}
