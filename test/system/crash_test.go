package system

import (
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"orderhub/hub/hubtest"
	"orderhub/stub"
)

// times is a count that a longer run may raise: HUB_TEST_KILLS=100.
func times(name string, otherwise int) int {
	if n, err := strconv.Atoi(os.Getenv(name)); err == nil {
		return n
	}
	return otherwise
}

// TestKill: what was answered with 202 is charged once and shipped once, whenever the process dies.
func TestKill(t *testing.T) {
	s := newSite(t, "", stub.Options{})
	s.edit(steady...)
	s.start()
	l := newLoad(s, times("HUB_TEST_RATE", 300), "K")
	kills, longest := times("HUB_TEST_KILLS", 6), span("HUB_TEST_KILL_PAUSE", 800*time.Millisecond)
	var ready time.Duration
	for range kills {
		time.Sleep(200*time.Millisecond + time.Duration(rand.Int64N(int64(longest))))
		s.kill()
		ready = max(ready, s.start())
	}
	l.some(20)
	l.stop()
	t.Logf("%d kills; ready again after %v at most", kills, ready.Round(time.Millisecond))
	l.quarantine = true
	l.judge(t)
	s.stop()
}

// TestTerm: SIGTERM under load ends with exit 0 within 5 s, and loses nothing.
func TestTerm(t *testing.T) {
	s := newSite(t, "", stub.Options{})
	s.edit(steady...)
	s.start()
	l := newLoad(s, times("HUB_TEST_RATE", 300), "T")
	var longest time.Duration
	for range times("HUB_TEST_TERMS", 3) {
		time.Sleep(200*time.Millisecond + time.Duration(rand.Int64N(int64(500*time.Millisecond))))
		stood := hubtest.Standstill(t)
		took, err := s.stop()
		if err != nil || took > 5*time.Second+stood() {
			t.Errorf("SIGTERM: exit %v after %v\n%s", err, took, s.tail())
		}
		longest = max(longest, took)
		s.start()
	}
	l.some(20)
	l.stop()
	t.Logf("longest stop %v", longest.Round(time.Millisecond))
	l.judge(t)
	s.stop()
}

// TestPoison: a message whose step ends the process is quarantined after at
// most 3 restarts, and the others go on.
func TestPoison(t *testing.T) {
	s := newSite(t, "failpoint", stub.Options{})
	s.env = append(s.env, "HUB_FAIL=before_run:start.order POISON-1 order")
	s.start()
	l := newLoad(s, 20, "P")
	poison := newLoad(s, 1, "unused")
	poison.group.Go(func() { poison.order("POISON-1") })
	restarts := 0
	for deadline := time.Now().Add(60 * time.Second); time.Now().Before(deadline); {
		select {
		case <-s.exited:
			s.process = nil
			restarts++
			if restarts > 3 {
				t.Fatalf("%d restarts\n%s", restarts, s.tail())
			}
			s.launch() // it may end before it is ready
			deadline = time.Now().Add(soon)
		case <-time.After(100 * time.Millisecond):
		}
		if out, _ := s.hub("dlq"); strings.Contains(out, "crashed") {
			break
		}
	}
	out, err := s.hub("dlq")
	if err != nil || !strings.Contains(out, "unclean") {
		t.Errorf("dlq: %v\n%s", err, out)
	}
	t.Logf("quarantined after %d restarts", restarts)
	poison.stop()
	l.stop()
	l.judge(t)
	s.stop()
}
