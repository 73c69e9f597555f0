package process_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"orderhub/hub"
	"orderhub/pipelines/patterntest"
	"orderhub/pipelines/process"
)

const waiting = `
  order:
    id: order.id
    data: {order: order}
    states:
      waiting:
        receive: {go: {goto: done}, again: {goto: waiting}}
        timers: [%s]
      done: {final: true}
`

// The clock of tests begins on Sunday, the first of March 2026, at noon UTC.
func TestTimers(t *testing.T) {
	for name, c := range map[string]struct {
		timer string
		until time.Duration   // the end of the test
		want  []time.Duration // when it fires
	}{
		"after":               {`{after: 1d, send: ops}`, 48 * time.Hour, []time.Duration{24 * time.Hour}},
		"at":                  {`{at: ="2026-03-02T06:30:00+01:00", send: ops}`, 48 * time.Hour, []time.Duration{17*time.Hour + 30*time.Minute}},
		"at a date":           {`{at: =order.card, send: ops}`, 48 * time.Hour, []time.Duration{12 * time.Hour}},
		"at a time long past": {`{at: ="2020-01-01", send: ops}`, time.Hour, []time.Duration{0}},
		"cron":                {`{cron: "0 9 * * *", send: ops}`, 48 * time.Hour, []time.Duration{21 * time.Hour, 45 * time.Hour}},
		"cron in a zone": {`{cron: "0 9 * * MON-FRI", zone: Europe/Berlin, send: ops}`, 48 * time.Hour,
			[]time.Duration{20 * time.Hour, 44 * time.Hour}},
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t, fmt.Sprintf(waiting, c.timer), patterntest.Config{})
			began := s.Clock.Now()
			s.begin(`{"id":"W-1","card":"2026-03-02"}`)
			var fired []time.Duration
			look := func() {
				for len(s.Waiting("ops")) > len(fired) {
					fired = append(fired, s.Clock.Now().Sub(began))
				}
			}
			for look(); s.Clock.Now().Sub(began) < c.until; look() {
				s.Advance(30 * time.Minute)
			}
			if fmt.Sprint(fired) != fmt.Sprint(c.want) {
				t.Errorf("it fired at %v, want %v", fired, c.want)
			}
			s.at("W-1", "waiting")
			s.signal("W-1", "go", "")
			s.at("W-1", "done")
			s.clean()
		})
	}
}

func TestTimerIsNotEarly(t *testing.T) {
	s := start(t, fmt.Sprintf(waiting, "{after: 7d, goto: done}"), patterntest.Config{})
	s.begin(`{"id":"W-1"}`)
	s.Advance(7*24*time.Hour - time.Nanosecond)
	s.at("W-1", "waiting")
	s.Advance(time.Nanosecond)
	s.at("W-1", "done")
	s.clean()
}

// A timer that falls due while a step of its state waits for another try has its effect.
func TestTimerOfAStepThatIsRetried(t *testing.T) {
	s := start(t, `
  order:
    id: order.id
    data: {order: order}
    states:
      billing:
        steps: [{call: billing.charge, with: {amount: =order.total}, retry: {times: 100, wait: 10m..10m, errors: [unavailable]}}]
        timers: [{after: 1h, send: ops}, {after: 2h, goto: done}]
        next: [{goto: done}]
      done: {final: true}
`, patterntest.Config{Answers: map[string]patterntest.Answer{"billing.charge": refuse("unavailable")}})
	s.begin(`{"id":"W-1","total":9}`)
	for _, c := range []struct {
		after time.Duration
		sent  int
		state string
	}{{59 * time.Minute, 0, "billing"}, {time.Minute, 1, "billing"}, {59 * time.Minute, 1, "billing"}, {time.Minute, 1, "done"}} {
		s.Advance(c.after)
		s.at("W-1", c.state)
		if n := len(s.Waiting("ops")); n != c.sent {
			t.Errorf("sent %d times, want %d", n, c.sent)
		}
	}
	s.clean()
}

// A state that is entered again has its timers anew.
func TestTimerIsSetAnew(t *testing.T) {
	s := start(t, fmt.Sprintf(waiting, "{after: 7d, goto: done}"), patterntest.Config{})
	s.begin(`{"id":"W-1"}`)
	s.Advance(6 * 24 * time.Hour)
	s.signal("W-1", "again", "")
	s.Advance(6 * 24 * time.Hour)
	s.at("W-1", "waiting")
	s.Advance(24 * time.Hour)
	s.at("W-1", "done")
	s.clean()
}

// A clock that is set back after the store has found the timer due: it waits until the time has come.
func TestClockIsSetBack(t *testing.T) {
	s := start(t, fmt.Sprintf(waiting, "{after: 2h, goto: done}"), patterntest.Config{})
	s.begin(`{"id":"W-1"}`)
	s.Runtime.Pause(map[string]bool{"order": true}, true)
	s.Clock.Advance(2 * time.Hour)
	s.Clock.Advance(-time.Hour)
	s.Runtime.Pause(map[string]bool{"order": true}, false)
	s.Settle()
	s.at("W-1", "waiting")
	s.put(hub.Put{Queue: "process order", Msg: &hub.Message{ID: "T", Key: "W-1", Correlation: "W-1", Headers: hub.Headers{"process": "timer 0 1 0"}}}) // found due before
	s.at("W-1", "waiting")
	s.Advance(time.Hour - time.Second)
	s.at("W-1", "waiting")
	s.Advance(time.Second)
	s.at("W-1", "done")
	s.clean()
}

// TestFault_F6_TimesOfTimers: a timer reads a time in every form that a formula does.
func TestFault_F6_TimesOfTimers(t *testing.T) {
	for _, form := range []string{"2006-01-02T15:04:05", "2006-01-02 15:04:05-07", "2006-01-02T15:04:05.000-0700", "Mon, 02 Jan 2006 15:04:05 GMT"} {
		s := start(t, fmt.Sprintf(waiting, "{at: =order.card, goto: done}"), patterntest.Config{})
		due := s.Clock.Now().UTC().Truncate(time.Second).Add(2 * time.Hour)
		s.begin(fmt.Sprintf(`{"id":"W-1","card":%q}`, due.Format(form)))
		s.Advance(time.Hour)
		s.at("W-1", "waiting")
		s.Advance(time.Hour)
		s.at("W-1", "done")
		s.clean()
	}
}

func TestTimerThatIsNoTime(t *testing.T) {
	s := start(t, fmt.Sprintf(waiting, "{at: =order.card, goto: done}"), patterntest.Config{})
	s.begin(`{"id":"W-1","card":"soon"}`)
	dead := s.Dead()
	if len(dead) != 1 || !strings.Contains(dead[0].Error.Message, `"soon" is no ISO time`) {
		t.Errorf("dead letters: %v", dead)
	}
}

func TestTimersAreSeen(t *testing.T) {
	s := start(t, fmt.Sprintf(waiting, "{after: 7d, send: ops}, {after: 14d, goto: done}"), patterntest.Config{})
	s.begin(`{"id":"W-1"}`)
	began := s.Clock.Now()
	want := func(what ...string) *process.View {
		t.Helper()
		v := s.at("W-1", "waiting")
		var got []string
		for _, k := range v.Places[0].Timers {
			got = append(got, fmt.Sprintf("%s in %s", k.What, k.Due.Sub(began)))
		}
		patterntest.Want(t, "timers", got, what...)
		return v
	}
	want("timer 1 send ops in 168h0m0s", "goto done in 336h0m0s")
	s.Advance(7 * 24 * time.Hour)
	v := want("goto done in 336h0m0s")
	patterntest.Want(t, "listens", v.Listens, "go", "again")
}
