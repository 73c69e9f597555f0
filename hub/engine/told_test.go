package engine_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"
	"unicode/utf8"

	"orderhub/hub"
	"orderhub/hub/engine"
)

// told is what the asker reads of e.
func told(e *hub.Error) *hub.Error {
	r := hub.ErrorReply(&hub.Message{ID: "q"}, e)
	return hub.AsError(hub.ReplyError(r.Headers.Get, r.Body.Bytes()))
}

func TestToldAndRead(t *testing.T) {
	full := hub.Fail("out_of_stock", "none_left", "no lamp").Tell()
	full.Where, full.After, full.Fields = "q/fail", 90*time.Second, []hub.FieldError{{Pointer: "/sku", Detail: "unknown"}}
	throttled := hub.Fail(hub.Throttled, "full", "later").Tell()
	throttled.After = 1500 * time.Millisecond
	long := hub.Fail(hub.Rejected, "no", "%s", strings.Repeat("ž", 5000)).Tell()
	for name, c := range map[string]struct {
		e    *hub.Error
		want string
	}{
		"a named class":           {full, "out_of_stock none_left 0s 1: no lamp"},
		"no reason":               {hub.Fail("late", "", "x").Tell(), "late late 0s 0: x"},
		"a text for ourselves":    {hub.Fail(hub.Rejected, "target_forbidden", "dial 10.0.0.7:80: forbidden"), "rejected target_forbidden 0s 0: it was not accepted"},
		"a fault within":          {hub.Fail(hub.Invalid, "transform", "pipelines.yaml:7: x.y is missing"), "invalid transform 0s 0: the message can't be handled as it is"},
		"a partner, told":         {hub.Fail("late", "late", "so: %w", hub.Said("card 4111")).Tell(), "late late 0s 0: a partner did not accept it"},
		"a pause":                 {throttled, "throttled full 2s 0: later"},
		"a bug":                   {hub.Fail(hub.Bug, "panic", "secret"), "bug panic 0s 0: internal error"},
		"what a partner said":     {hub.Fail(hub.Rejected, "http_402", "answered: %w", hub.Said("card 4111")), "rejected http_402 0s 0: a partner did not accept it"},
		"no connection to others": {hub.Fail(hub.Unavailable, hub.NotConnected, "x"), "unavailable unavailable 0s 0: not available now; try again"},
		"it stops":                {hub.Fail(hub.Unavailable, "stopping", "x"), "unavailable unavailable 0s 0: not available now; try again"},
	} {
		t.Run(name, func(t *testing.T) {
			e := told(c.e)
			if got := fmt.Sprintf("%s %s %s %d: %s", e.Class, e.Reason, e.After, len(e.Fields), e); got != c.want || e.Where != "" || e.Untried() {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
	if text := told(long).Error(); len(text) > 2000 || len(text) < 1990 || !utf8.ValidString(text) {
		t.Errorf("%d bytes", len(text))
	}
}

// An answer from outside is never more than an error of a sane class.
func TestReadFromAnybody(t *testing.T) {
	for name, c := range map[string]struct {
		headers hub.Headers
		body    string
		want    string
	}{
		"headers alone":   {hub.Headers{"error-class": "timeout"}, "", "timeout timeout: answered with timeout timeout"},
		"no JSON":         {hub.Headers{"error-class": "rejected", "error-reason": "sold_out"}, "<html>", "rejected sold_out: answered with rejected sold_out"},
		"a strange class": {hub.Headers{"error-class": "java.lang.Error: x\x1b[2J", "error-reason": "a b"}, `{"detail":"x"}`, "rejected rejected: x"},
		"bytes":           {hub.Headers{"error-class": "late"}, "{\"detail\":\"a\xff\"}", "late late: a"},
		"our own reasons": {hub.Headers{"error-class": "unavailable", "error-reason": "breaker_open"}, `{"detail":"x"}`, "unavailable unavailable: x"},
	} {
		t.Run(name, func(t *testing.T) {
			e := hub.AsError(hub.ReplyError(c.headers.Get, []byte(c.body)))
			if got := fmt.Sprintf("%s %s: %s", e.Class, e.Reason, e); !strings.HasPrefix(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
	if err := hub.ReplyError(hub.Headers{"status": "409"}.Get, nil); err != nil {
		t.Errorf("a reply without an error class: %v", err)
	}
}

func TestClip(t *testing.T) {
	for _, c := range [][2]string{{"abc", "abc"}, {"abcdef", "abcde"}, {"abcdž", "abcd"}, {"ab€", "ab€"}, {"abc€", "abc"}, {"\x80\x80\x80\x80\x80\x80", ""}} {
		if got := hub.Clip(c[0], 5); got != c[1] {
			t.Errorf("%q: %q, want %q", c[0], got, c[1])
		}
	}
}

// A message's ID that is cut stays text.
func TestFault_P4_CutInsideARune(t *testing.T) {
	id := hub.DeriveID("a"+strings.Repeat("ž", 100), "call")
	if !utf8.ValidString(id) || len(id) > 200 {
		t.Errorf("%q", id)
	}
}

// A stored request that has expired where it is answered is a timeout for who asked, though its own timer runs on.
func TestFault_R1_ExpiredAtTheAnswerer(t *testing.T) {
	var ran atomic.Int64
	b := newBench(t, &engine.Stage{Name: "answerer", Queue: "answerer", Replies: true, Run: func(context.Context, *hub.Exchange) error { ran.Add(1); return nil }})
	b.start()
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	_, err := b.Ask(ctx, "answerer", &hub.Message{ID: "q", Expires: time.Now().Add(-time.Second)})
	if e := hub.AsError(err); e.Class != hub.Timeout || e.Reason != "timeout" || ran.Load() != 0 {
		t.Errorf("%v, ran %d times", err, ran.Load())
	}
	if d := b.dead(); len(d) != 0 {
		t.Errorf("a request became a dead letter: %+v", d[0].Error)
	}
	b.put("answerer", "command", "")
	b.eventually("a command that has not expired runs", func() bool { return ran.Load() == 1 })
	if err := b.Commit(t.Context(), &hub.Unit{Puts: []hub.Put{{Queue: "answerer", Msg: &hub.Message{ID: "late", Expires: time.Now().Add(-time.Second)}}}}); err != nil {
		t.Fatal(err)
	}
	b.eventually("a command that has expired is a dead letter", func() bool { d := b.dead(); return len(d) == 1 && d[0].Error.Reason == "expired" })
}

// A request that was tried again until it expired is a timeout that says what failed.
func TestFault_R1_TriedUntilItExpired(t *testing.T) {
	answerer := &engine.Stage{Name: "answerer", Queue: "answerer", Replies: true, React: func(*hub.Error) hub.Reaction {
		return hub.Reaction{Retry: &hub.Retry{Times: 99, Min: 50 * time.Millisecond, Max: 50 * time.Millisecond}}
	}, Run: func(context.Context, *hub.Exchange) error {
		return hub.Fail(hub.Unavailable, "away", "the bank is away")
	}}
	b := newBench(t, answerer)
	b.start()
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	_, err := b.Ask(ctx, "answerer", &hub.Message{ID: "q", Expires: time.Now().Add(400 * time.Millisecond)})
	e := hub.AsError(err)
	if e.Class != hub.Timeout || e.Reason != "timeout" || e.Cause == nil || e.Cause.Error() != "the bank is away" {
		t.Errorf("%+v", e)
	}
	if d := b.dead(); len(d) != 0 {
		t.Errorf("dead letters %+v", d[0].Error)
	}
}

// replying is what a source of a broker, or of who waits, gets of a stage whose run fails with err.
func replying(t *testing.T, s *engine.Stage, err error) (*bench, *hub.Message, error) {
	s.Name, s.Queue = "s", "q"
	s.Run = func(context.Context, *hub.Exchange) error { return err }
	b := newBench(t, s)
	reply, err := b.entry(s).(hub.Caller).Call(t.Context(), &hub.Message{ID: "m", Headers: hub.Headers{hub.HeaderReplyTo: "there"}})
	return b, reply, err
}

// What became of a request from a broker is told by a reply; what failed for now comes again, unless the stage itself reacts.
func TestRequestsOfBrokers(t *testing.T) {
	steps := func(ran *int) hub.Policy {
		return func(*hub.Error) hub.Reaction {
			return hub.Reaction{Steps: func(context.Context, *hub.Exchange) error { *ran++; return nil }}
		}
	}
	for _, class := range append([]hub.Class{"sold_out"}, hub.Classes...) {
		t.Run(string(class), func(t *testing.T) {
			b, reply, err := replying(t, &engine.Stage{Replies: true}, hub.Fail(class, "why", "why"))
			switch {
			case class.Transient():
				if e := hub.AsError(err); reply != nil || e.Class != hub.Unavailable || e.After <= 0 {
					t.Errorf("%+v %v", reply, err)
				}
			case err != nil || reply.Headers[hub.HeaderErrorClass] != string(class) || reply.Headers[hub.HeaderErrorReason] != "why":
				t.Errorf("%+v %v", reply, err)
			}
			if d := b.dead(); len(d) != map[bool]int{true: 1}[class == hub.Bug] {
				t.Errorf("%d dead letters", len(d))
			}
			ran := 0
			b, reply, err = replying(t, &engine.Stage{Replies: true, React: steps(&ran)}, hub.Fail(class, "why", "why"))
			if err != nil || reply.Headers[hub.HeaderErrorClass] != string(class) || ran != 1 || len(b.dead()) != 0 {
				t.Errorf("%+v %v, reacted %d times, %d dead letters", reply, err, ran, len(b.dead()))
			}
		})
	}
}

// The reaction to a request's error fails: who asked is told the first error.
func TestFault_V9_AskerIsToldTheFirst(t *testing.T) {
	broken := func(*hub.Error) hub.Reaction {
		return hub.Reaction{Steps: func(context.Context, *hub.Exchange) error { return errors.New("the reaction is wrong") }}
	}
	_, _, err := replying(t, &engine.Stage{Answers: true, React: broken}, hub.Fail(hub.Invalid, "schema", "no sku"))
	if e := hub.AsError(err); e.Class != hub.Invalid || e.Error() != "no sku" {
		t.Errorf("who waits: %v", err)
	}
	_, reply, err := replying(t, &engine.Stage{Replies: true, React: broken}, hub.Fail(hub.Invalid, "schema", "no sku"))
	if err != nil || reply.Headers[hub.HeaderErrorClass] != "invalid" {
		t.Errorf("a broker's: %+v %v", reply, err)
	}
}
