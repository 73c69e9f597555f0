package idempotent_test

import (
	"fmt"
	"testing"
	"time"

	"orderhub/hub"
	"orderhub/pipelines/patterntest"
	"orderhub/pipelines/validate"
)

// The shape of an intake: a door that claims the number and answers, and the
// pipeline behind it that may find the order wrong.
func door(t *testing.T) *patterntest.Hub {
	r := registry()
	r.Patterns = append(r.Patterns, validate.Pattern())
	return patterntest.Start(t, patterntest.Config{Registry: r, YAML: `
adapters:
  web: {type: fake-web}
  sales: {type: fake-web}
  feed: {type: fake}
  out: {type: fake}
channels:
  orders: {type: direct}
  invalid: {type: direct}
pipelines:
  web:
    from: web
    steps:
      - idempotent: {key: body.id, scope: numbers, keep: 1y, duplicate: same_reply}
      - reply: {status: 202, body: {id: =body.id}}
      - send: orders
  sales-orders:
    from: sales
    steps:
      - idempotent: {key: body.reference, scope: numbers, keep: 1y, duplicate: same_reply}
      - reply: {status: 202, body: {id: =body.reference}}
      - send: orders
        with: {id: =body.reference, total: =body.total}
  desk:
    from: feed
    steps:
      - idempotent: {key: body.id, scope: numbers, keep: 1y}
      - send: orders
    errors: {rejected: {send: invalid}}
  intake:
    from: orders
    steps:
      - idempotent: {key: body.id, keep: 1y}
      - validate: [{rule: body.total > 0, say: the total is wrong}]
      - send: out
    errors:
      invalid:
        - send: invalid
        - idempotent: {key: body.id, scope: numbers, release: true}
`})
}

func post(t *testing.T, h *patterntest.Hub, pipeline, body string) (replayed bool, err error) {
	t.Helper()
	r, err := h.In(pipeline, h.Message("", body))
	return err == nil && r.Headers.Get("idempotent-replayed") == "true", err
}

// A wrong order, its repeats, and the corrected one under its number.
func TestFault_M3_RejectedFreesItsNumber(t *testing.T) {
	h := door(t)
	step := func(what, body string, replayed bool, reason string) {
		t.Helper()
		again, err := post(t, h, "web", body)
		switch {
		case reason != "":
			isError(t, err, hub.Rejected, reason)
		case err != nil || again != replayed:
			t.Errorf("%s: replayed %v, %v", what, again, err)
		}
	}
	const wrong, stillWrong, right = `{"id":"W-1","total":-1}`, `{"id":"W-1","total":-2}`, `{"id":"W-1","total":5}`
	step("the wrong one", wrong, false, "")
	h.Settle()
	step("the wrong one again, written otherwise", `{ "total": -1.0, "id": "W-1" }`, true, "")
	h.Settle()
	step("the wrong one after it was rejected", wrong, true, "")
	step("a second attempt", stillWrong, false, "")
	h.Settle()
	step("the corrected one", right, false, "")
	step("the corrected one again", right, true, "")
	h.Settle()
	step("the corrected one once it is accepted", right, true, "")
	step("another one", stillWrong, false, "key_conflict")
	step("the wrong one, much later", wrong, false, "key_conflict")
	h.Settle()
	want(t, "accepted", bodies(h), []string{right})
	want(t, "invalid", patterntest.Bodies(messages(h.Waiting("invalid"))), []string{wrong, stillWrong})
	if dead := h.Dead(); len(dead) != 0 {
		t.Errorf("dead letters %q", failures(dead))
	}
}

// A number of one way in is no number of another; where nobody waits, the message that has it is not dropped either.
func TestFault_M4_OneNumberOneOrder(t *testing.T) {
	h := door(t)
	if _, err := post(t, h, "web", `{"id":"A-1","total":5}`); err != nil {
		t.Fatal(err)
	}
	h.Settle()
	_, err := post(t, h, "sales-orders", `{"reference":"A-1","total":5}`)
	isError(t, err, hub.Rejected, "key_conflict")
	h.Must("desk", `{"id":"A-1","total":7}`)
	h.Settle()
	want(t, "accepted", bodies(h), []string{`{"id":"A-1","total":5}`})
	want(t, "invalid", patterntest.Bodies(messages(h.Waiting("invalid"))), []string{`{"id":"A-1","total":7}`})
	h.Must("desk", `{"id":"A-2","total":7}`)
	if _, err := post(t, h, "sales-orders", `{"reference":"A-3","total":7}`); err != nil {
		t.Error(err)
	}
	_, err = post(t, h, "web", `{"id":"A-2","total":8}`)
	isError(t, err, hub.Rejected, "key_conflict")
	h.Settle()
	if n := len(bodies(h)); n != 3 {
		t.Errorf("%d accepted, want 3", n)
	}
}

// Only who holds a key gives it back: an old message that is rejected once
// more takes nothing from the one that has its number now.
func TestFault_M3_OnlyItsHolderFreesANumber(t *testing.T) {
	h := door(t)
	first := h.Message("", `{"id":"W-1","total":-1}`)
	if _, err := h.In("web", first); err != nil {
		t.Fatal(err)
	}
	h.Settle()
	if _, err := post(t, h, "web", `{"id":"W-1","total":5}`); err != nil {
		t.Fatal(err)
	}
	h.Put("orders", first)
	h.Settle()
	_, err := post(t, h, "web", `{"id":"W-1","total":6}`)
	isError(t, err, hub.Rejected, "key_conflict")
}

// Of many different orders that race for one number one is taken, and the others are told.
func TestFault_M3_Race(t *testing.T) {
	for _, url := range []string{"memory:", "sqlite:" + t.TempDir() + "/hub.db"} {
		c := config("web", "- idempotent: {key: body.id, duplicate: same_reply}\n- reply: {body: =body.n}")
		c.Store = url
		h := patterntest.Start(t, c)
		results := make(chan error, 50)
		for i := range cap(results) {
			go func() {
				for {
					_, err := h.In("p", h.Message("", fmt.Sprintf(`{"id":"W-1","n":%d}`, i)))
					if err == nil || hub.AsError(err).Reason != "in_progress" {
						results <- err
						return
					}
					time.Sleep(time.Millisecond) // Retry-After
				}
			}()
		}
		taken := 0
		for range cap(results) {
			if err := <-results; err == nil {
				taken++
			} else {
				isError(t, err, hub.Rejected, "key_conflict")
			}
		}
		if taken != 1 {
			t.Errorf("%s: %d taken", url, taken)
		}
	}
}

// What is compared can be said; bodies that are no documents are compared by their bytes.
func TestCompare(t *testing.T) {
	for name, tc := range map[string]struct{ step, first, second, refused string }{
		"another body":       {"body.id", `{"id":"a","n":1}`, `{"id":"a","n":2}`, "key_conflict"},
		"the same document":  {"body.id", `{"id":"a","n":1.50}`, `{"n":1.5,"id":"a"}`, ""},
		"the key alone":      {"{key: body.id, compare: body.id}", `{"id":"a","n":1}`, `{"id":"a","n":2}`, ""},
		"some fields":        {"{key: body.id, compare: '{n: body.n}'}", `{"id":"a","n":1,"sent":1}`, `{"id":"a","n":1,"sent":2}`, ""},
		"fields that differ": {"{key: body.id, compare: '{n: body.n}'}", `{"id":"a","n":1,"sent":1}`, `{"id":"a","n":2,"sent":2}`, "key_conflict"},
		"bytes":              {`'"all"'`, `one`, `two`, "key_conflict"},
		"the same bytes":     {`'"all"'`, `one`, `one`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			h := start(t, "web", "- idempotent: "+tc.step+"\n- reply: 200")
			h.Must("p", tc.first)
			_, err := h.In("p", h.Message("", tc.second))
			if tc.refused == "" && err != nil {
				t.Error(err)
			} else if tc.refused != "" {
				isError(t, err, hub.Rejected, tc.refused)
			}
		})
	}
}

func messages(ds []*hub.Delivery) (out []*hub.Message) {
	for _, d := range ds {
		out = append(out, d.Msg)
	}
	return out
}

// A webhook that is sent again has no second effect: what proves it names it, whatever else the copy says.
func TestFault_S7_ReplayedWebhook(t *testing.T) {
	h := start(t, "web", "- send: out\n- reply: {status: 200, body: =body}")
	post := func(verified, own, body string) (*hub.Message, error) {
		m := h.Message("", body)
		m.Headers = hub.Headers{"verified-id": verified, "idempotency-key": own}
		return h.In("p", m)
	}
	for i, own := range []string{"", "a", "b", ""} {
		r, err := post("msg_1", own, `{"n":1}`)
		if err != nil || (r.Headers.Get("idempotent-replayed") == "true") != (i > 0) {
			t.Errorf("%d: %v %v", i, r, err)
		}
	}
	if _, err := post("msg_2", "", `{"n":2}`); err != nil {
		t.Error(err)
	}
	_, err := post("msg_2", "", `{"n":3}`)
	isError(t, err, hub.Invalid, "idempotency_key_reused")
	h.Settle()
	want(t, "effects", bodies(h), []string{`{"n":1}`, `{"n":2}`})
}
