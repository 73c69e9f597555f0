package main

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// behindReply has a pipeline that goes on from the store behind its reply.
const behindReply = `
hub: {name: shop, store: "sqlite:STORE", drain: 2s}
adapters:
  web: {type: http-server, listen: "127.0.0.1:0"}
channels:
  orders: {type: direct}
  done: {type: direct}
pipelines:
  intake: {from: {web: POST /orders}, steps: [{reply: 202}, {send: orders}]}
  ask: {from: {web: POST /ask}, steps: [{call: orders, as: answer}, {reply: {body: =answer}}]}
  work:
    from: orders
    steps:
      - validate: [{rule: body.total > 0, say: the total is not positive}]
      - reply: {body: {id: =body.id}}
      - send: done
`

// TestReplayFrom: a dead letter goes on behind the reply of its pipeline, past the step that it failed at, and nowhere else.
func TestReplayFrom(t *testing.T) {
	t.Cleanup(func() { goleak.VerifyNone(t) })
	text := behindReply
	s := newSite(t, text)
	s.start()
	s.hub(1, "send", "intake", `{"id":1,"total":-5}`, "--wait") // it leaves a dead letter
	seq := regexp.MustCompile(`(?m)^(\d+) `).FindStringSubmatch(s.hub(0, "dlq", "--group", s.group()))[1]
	has(t, s.hub(0, "replay", seq, "--dry-run"), "still fail 1", "the total is not positive (hub dlq show "+seq+")")
	has(t, s.hub(1, "replay", seq, "--from", "validate"), `can't go on at "validate": of work only work/send done, behind the reply, is a place to go on from`)
	has(t, s.hub(0, "replay", seq, "--from", "send done", "--dry-run"), "would succeed 1", "1 to done")

	with := strings.Replace(text, "      - reply: {body", "      - set: {checked: true}\n      - reply: {body", 1)
	s.write(with)
	s.hub(0, "reload")
	has(t, s.hub(1, "replay", seq, "--from", "send done"), "the variable checked is missing, which a step before work/send done sets")
	s.write(strings.Replace(text, "body.total > 0", "body.total > -9", 1))
	has(t, s.hub(0, "replay", seq, "--dry-run"), "would succeed 1", "which the file has and which does not run yet: hub reload")
	s.write(text)
	s.hub(0, "reload")
	has(t, s.hub(0, "dlq"), " 1 ") // all that changed nothing
	has(t, s.hub(0, "replay", seq, "--from", "send done"), "1 dead letter replayed")
	await(t, "it went on", func() bool { return !strings.Contains(s.hub(0, "channel", "show", "done"), "no messages") })
	has(t, s.hub(0, "dlq"), "no dead letters")
}

// TestPace: a rate is a portion and a pause.
func TestPace(t *testing.T) {
	for text, want := range map[string]pace{"": {}, "20/s": {20, time.Second}, "1/s": {1, time.Second}, "600/m": {10, time.Second}, "30/m": {1, 2 * time.Second}, "4/h": {1, 15 * time.Minute}} {
		if got, err := paceOf(text); got != want || err != nil {
			t.Errorf("%s is %+v, %v, expected %+v", text, got, err, want)
		}
	}
	for _, text := range []string{"20", "0/s", "-1/s", "x/s", "20/d", "/s"} {
		if got, err := paceOf(text); err == nil || !strings.Contains(err.Error(), "write 20/s, 100/m or 5/h") {
			t.Errorf("%s is %+v, %v", text, got, err)
		}
	}
}
