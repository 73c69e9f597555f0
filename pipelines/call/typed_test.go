package call_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"orderhub/hub"
	"orderhub/pipelines"
	"orderhub/pipelines/call"
	"orderhub/pipelines/patterntest"
)

// typed asks an operation, or a channel, whose answers are declared.
const typed = `schemas: {charge: DIR/charge.json, declined: DIR/declined.json}
adapters: {web: {type: fake-web}, out: {type: fake, ops: {ask: OP}}}
channels: {a: {type: direct}, asked: {type: direct, reply: declined, VIA}}
pipelines:
  p: {from: web, steps: [{call: CALL, with: {amount: =body.n}, as: got}, {translate: {result: =got.result}}, {send: a}]}
  READER
`

func typedHub(t *testing.T, op, via, call, reader string, answers map[string]patterntest.Answer) *patterntest.Hub {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"charge.json":   `{"type":"object","required":["result","amount"],"properties":{"result":{"const":"approved"},"amount":{"type":"number"}}}`,
		"declined.json": `{"type":"object","required":["result"],"properties":{"result":{"enum":["declined","expired"]},"amount":{"type":"number"}}}`,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c := config("")
	c.YAML = strings.NewReplacer("DIR", dir, "OP", op, "VIA", via, "CALL", call, "READER", reader).Replace(typed)
	c.Answers = answers
	return patterntest.Start(t, c)
}

// saysWith answers with a status.
func saysWith(status, body string) patterntest.Answer {
	return func(context.Context, *hub.Message) (*hub.Message, error) {
		return &hub.Message{Body: hub.NewBody([]byte(body)), Headers: hub.Headers{hub.HeaderStatus: status}}, nil
	}
}

const byStatus = `{reply: {200: charge, 204: none, 402: declined}, check: [{rule: 'reply?.result != "approved" or reply.amount == request.amount', say: another amount}]}`

// What does not fit is an error with its place, whatever it is; what fits is the value.
func TestFault_M1_AnswersByStatus(t *testing.T) {
	for name, c := range map[string]struct{ status, body, sent, fails string }{
		"it fits":                 {"200", `{"result":"approved","amount":7.0}`, `{"result":"approved"}`, ""},
		"another status":          {"402", `{"result":"expired"}`, `{"result":"expired"}`, ""},
		"a field is missing":      {"200", `{"result":"approved"}`, "", "out.ask answered what does not fit schema charge: /amount: is required"},
		"that of another one":     {"402", `{"result":"approved","amount":7}`, "", "/result"},
		"no status that is named": {"201", `{"result":"approved","amount":7}`, "", "out.ask answered 201, which its `reply` says nothing of"},
		"a body too much":         {"204", `{}`, "", "with a body, and there should be none"},
		"a list":                  {"200", `[]`, "", "must be an object"},
		"nothing":                 {"200", ``, "", "must be an object"},
		"no JSON":                 {"200", `<html>`, "", "not JSON"},
		"a key twice":             {"200", `{"result":"approved","amount":7,"amount":7}`, "", "duplicate"},
		"another amount":          {"200", `{"result":"approved","amount":7.01}`, "", "the answer does not fit the request: another amount"},
	} {
		t.Run(name, func(t *testing.T) {
			h := typedHub(t, byStatus, "", "out.ask", "", map[string]patterntest.Answer{"out.ask": saysWith(c.status, c.body)})
			if c.fails != "" {
				_, err := h.In("p", h.Message("m1", `{"n":7}`))
				if e := hub.AsError(err); err == nil || e.Class != hub.Rejected || e.Reason != hub.BadResponse || !strings.Contains(e.Error(), c.fails) {
					t.Errorf("%v", err)
				}
				return
			}
			h.Must("p", `{"n":7}`)
			patterntest.Want(t, "sent", h.WaitingBodies("a"), c.sent)
		})
	}
}

// What is said of a class of statuses is held to as well, and an exact status comes before its class.
func TestAnswersOfAClass(t *testing.T) {
	const approved, declined = `{"result":"approved","amount":7}`, `{"result":"declined"}`
	for _, c := range []struct {
		status, body string
		fits         bool
	}{{"200", approved, true}, {"201", approved, true}, {"201", declined, false}, {"299", `{}`, false}, {"202", "", false}, {"204", "", true}, {"204", approved, false}, {"402", declined, true}} {
		h := typedHub(t, `{reply: {2xx: charge, 204: none, 402: declined}}`, "", "out.ask", "", map[string]patterntest.Answer{"out.ask": saysWith(c.status, c.body)})
		_, err := h.In("p", h.Message("", `{"n":7}`))
		if fits := hub.AsError(err).Reason != hub.BadResponse; fits != c.fits {
			t.Errorf("%s %s: %v", c.status, c.body, err)
		}
		h.Stop()
	}
}

// Whoever reads a channel is held to its `reply`, in the store and at a broker; so is an operation that its adapter takes as a text.
func TestFault_M1_AnswersOfReaders(t *testing.T) {
	for name, c := range map[string]struct{ op, via, call, reader, body, fails string }{
		"the store": {"{}", "", "asked", `q: {from: asked, steps: [{reply: {body: =body.answer}}]}`, `{"n":1,"answer":{"result":"sold"}}`, "asked answered what does not fit schema declined"},
		"a broker":  {"{}", "via: out", "asked", "", `{"n":1}`, "asked answered what does not fit schema declined: /result"},
		"a text":    {"{to: queue a, reply: declined}", "", "out.ask", "", `{"n":1}`, "out.ask answered what does not fit schema declined: /result"},
	} {
		t.Run(name, func(t *testing.T) {
			h := typedHub(t, c.op, c.via, c.call, c.reader, map[string]patterntest.Answer{"out.asked": saysWith("200", `{"result":"sold"}`), "out.ask": saysWith("200", `{"result":"sold"}`)})
			_, err := h.In("p", h.Message("m1", c.body))
			if e := hub.AsError(err); err == nil || e.Class != hub.Rejected || e.Reason != hub.BadResponse || !strings.Contains(e.Error(), c.fails) {
				t.Errorf("%v", err)
			}
		})
	}
}

// What an answer that does not fit holds in confidence is told to nobody, though only its own schema marks it: not where
// a rule says it, and not in the history.
func TestFault_S2_AnswersThatDoNotFit(t *testing.T) {
	const pan, holder = "pan-4111-1111", "Ada Lovelace"
	dir := t.TempDir()
	schema := `{"type":"object","properties":{"pan":{"x-secret":true},"holder":{"x-pii":true},"ok":{"type":"boolean"}}}`
	if err := os.WriteFile(filepath.Join(dir, "card.json"), []byte(schema), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, answer := range map[string]patterntest.Answer{
		"a rule quotes it": saysWith("200", `{"ok":true,"pan":"`+pan+`","holder":"`+holder+`"}`),
		"the partner does": func(context.Context, *hub.Message) (*hub.Message, error) {
			return nil, hub.Fail(hub.Rejected, "http_400", "answered 400: %w", hub.Said(`{"pan":"`+pan+`","holder":"`+holder+`"}`))
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := patterntest.Start(t, patterntest.Config{Registry: pipelines.Registry{Patterns: []pipelines.Pattern{call.Pattern()}}, Answers: map[string]patterntest.Answer{"out.ask": answer}, YAML: `schemas: {card: ` + dir + `/card.json}
adapters: {in: {type: fake}, out: {type: fake, ops: {ask: {reply: card, check: [{rule: reply.ok == false, say: '="not the card " + reply.pan + " of " + reply.holder'}]}}}}
pipelines: {p: {from: in, steps: [{call: out.ask, as: got}]}}
`})
			h.In("p", h.Message("m1", `{"n":1}`))
			h.Settle()
			dead := h.Dead()
			if len(dead) != 1 {
				t.Fatalf("dead letters %v", dead)
			}
			said := dead[0].Error.Message + strings.Join(h.History("m1"), "\n")
			if strings.Contains(said, pan) || strings.Contains(said, holder) || !strings.Contains(said, "[pan]") {
				t.Error(said)
			}
		})
	}
}
