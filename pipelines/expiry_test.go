package pipelines_test

import (
	"testing"
	"time"

	"orderhub/hub"
)

const expiring = fakes + `
channels: {entry: {type: direct}, plain: {type: direct}, child: {type: direct}, hour: {type: direct, keep: 1h}, free: {type: direct}, other: {type: direct}, parts: {type: direct}, whole: {type: direct}, failed: {type: direct},
  asked: {type: direct}, audit: {type: direct}}
pipelines:
  enter:
    from: {web: enter}
    steps: [{send: entry}]
  in:
    from: entry
    steps:
      - send: plain
      - {send: child, with: {x: 1}}
      - send: hour
      - {send: free, expires: never}
      - {send: other, expires: 3h}
      - send: {far: mail}
      - {split: {each: body.parts, steps: [{send: parts}]}}
  together:
    from: parts
    steps:
      - {aggregate: {by: correlation, until: size == 2}}
      - send: whole
  fails:
    from: {web: fails}
    errors: {rejected: {send: failed}}
    steps: [{fail: {class: rejected, say: "no"}}]
  asks:
    from: {web: asks}
    steps: [{call: asked, timeout: 20s}]
  answers:
    from: asked
    steps: [{send: audit}, {reply: {body: {ok: true}}}]
`

// An expiry that came from outside goes along with the message and all that is made of it, until a step says otherwise.
func TestFault_B4_ExpiryGoesAlong(t *testing.T) {
	h := start(t, expiring, nil)
	names := []string{"together", "@far mail"}
	for _, n := range names {
		h.Runtime.Pause(map[string]bool{n: true}, true)
	}
	now := h.Clock.Now()
	end := now.Add(2 * time.Hour)
	m := h.Message("m1", `{"parts":[{"n":1},{"n":2}]}`)
	m.Expires, m.Correlation = end, "c"
	if err := h.Runtime.Commit(t.Context(), &hub.Unit{Puts: []hub.Put{{Queue: "entry", Msg: m}}}); err != nil {
		t.Fatal(err)
	}
	await(t, "it was handled", func() bool { return len(h.Waiting("parts")) == 2 })
	for queue, want := range map[string]time.Time{"plain": end, "child": end, "hour": now.Add(time.Hour), "free": {}, "other": now.Add(3 * time.Hour), "@far mail": end, "parts": end} {
		for _, d := range h.Waiting(queue) {
			if !d.Msg.Expires.Equal(want) {
				t.Errorf("%s: expires %s, want %s", queue, d.Msg.Expires, want)
			}
		}
		if len(h.Waiting(queue)) == 0 {
			t.Errorf("%s: nothing", queue)
		}
	}
	h.Clock.Advance(time.Minute)
	for _, n := range names {
		h.Runtime.Pause(map[string]bool{n: true}, false)
	}
	h.Settle()
	if w := h.Waiting("whole"); len(w) != 1 || !w[0].Msg.Expires.Equal(end) {
		t.Errorf("the aggregate of its parts: %+v", w)
	}
}

// An aggregate lives as long as one of its members.
func TestFault_B4_ExpiryOfAnAggregate(t *testing.T) {
	h := start(t, expiring, nil)
	now := h.Clock.Now()
	for correlation, c := range map[string]struct{ a, b, want time.Time }{
		"both":     {now.Add(time.Hour), now.Add(2 * time.Hour), now.Add(2 * time.Hour)},
		"one only": {now.Add(time.Hour), time.Time{}, time.Time{}},
		"the last": {time.Time{}, now.Add(time.Hour), time.Time{}},
	} {
		for id, at := range map[string]time.Time{"a": c.a, "b": c.b} {
			m := h.Message(correlation+id, `{}`)
			m.Expires, m.Correlation = at, correlation
			if err := h.Runtime.Commit(t.Context(), &hub.Unit{Puts: []hub.Put{{Queue: "parts", Msg: m}}}); err != nil {
				t.Fatal(err)
			}
		}
		h.Settle()
		w := h.Waiting("whole")
		if got := w[len(w)-1].Msg; got.Correlation != correlation || !got.Expires.Equal(c.want) {
			t.Errorf("%s: %s expires %s, want %s", correlation, got.Correlation, got.Expires, c.want)
		}
	}
}

// What tells of a message that failed does not end with it, and neither does what a request leaves behind.
func TestFault_B4_ExpiryEndsWithItsMeaning(t *testing.T) {
	h := start(t, expiring, nil)
	m := h.Message("m1", `{}`)
	m.Expires = h.Clock.Now().Add(time.Hour)
	_, _ = h.In("fails", m)
	h.Settle()
	if w := h.Waiting("failed"); len(w) != 1 || !w[0].Msg.Expires.IsZero() {
		t.Errorf("what failed: %+v", w)
	}
	if _, err := h.In("asks", h.Message("m2", `{}`)); err != nil {
		t.Fatal(err)
	}
	if w := h.Waiting("audit"); len(w) != 1 || !w[0].Msg.Expires.IsZero() {
		t.Errorf("what the request left: %+v", w)
	}
}
