package recipientlist_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"orderhub/hub"
	"orderhub/pipelines"
	"orderhub/pipelines/count"
	"orderhub/pipelines/filter"
	"orderhub/pipelines/patterntest"
	"orderhub/pipelines/recipientlist"
	"orderhub/pipelines/reply"
	"orderhub/pipelines/translate"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func config(step string) patterntest.Config {
	return patterntest.Config{
		Registry: pipelines.Registry{Patterns: []pipelines.Pattern{recipientlist.Pattern(), count.Pattern(), filter.Pattern(), reply.Pattern(), translate.Pattern()}},
		YAML: `
adapters:
  web: {type: fake-web}
  a: {type: fake, ops: [reserve]}
  b: {type: fake, ops: [reserve]}
channels:
  north: {type: direct}
pipelines:
  p:
    from: web
    steps:
      - recipient_list: ` + step + `
      - reply: {body: =body}
  mine:
    from: call
    steps: [{count: {name: asked}}, {translate: {from: mine, n: =body.n}}]
  kept: {from: north, steps: [{count: {name: north, by: body.n}}]}
`}
}

// counted answers with what it was asked, and who it is.
func counted(name string) patterntest.Answer {
	return func(_ context.Context, m *hub.Message) (*hub.Message, error) {
		return &hub.Message{Body: hub.NewBody([]byte(`{"of":"` + name + `","asked":` + string(m.Body.Bytes()) + `}`))}, nil
	}
}

func run(t *testing.T, step, body string) (*patterntest.Hub, string, error) {
	t.Helper()
	c := config(step)
	c.Answers = map[string]patterntest.Answer{"a.reserve": counted("a"), "b.reserve": counted("b")}
	h := patterntest.Start(t, c)
	r, err := h.In("p", h.Message("M", body))
	if err != nil {
		return h, "", err
	}
	h.Settle()
	return h, string(r.Body.Bytes()), nil
}

const among = `among: {east: a.reserve, west: {call: b.reserve, with: {half: =body.n / 2}}, own: mine, north: {send: north, with: {n: =body.n + 1}}}`

// TestRecipients: those that the formula names are asked, once each, in the order in which they are declared, each with its own body.
func TestRecipients(t *testing.T) {
	for name, tc := range map[string]struct{ step, body, want string }{
		"two, one of them twice": {`{to: =body.to, ` + among + `}`, `{"n":4,"to":["west","east","west"]}`,
			`[{"of":"a","asked":{"n":4,"to":["west","east","west"]}},{"of":"b","asked":{"half":2}}]`},
		"one, by a text": {`{to: =body.to, ` + among + `}`, `{"n":4,"to":"own"}`, `[{"from":"mine","n":4}]`},
		"nobody":         {`{to: =body.to, ` + among + `}`, `{"n":4,"to":[]}`, `[]`},
		"nothing":        {`{to: =body.to, ` + among + `}`, `{"n":4,"to":null}`, `[]`},
		"answers by name": {`{to: =body.to, with: =body.n, ` + among + `, give: {east: =answers.east.asked, west: "=answers.west?.asked?.half", size: =size}}`,
			`{"n":4,"to":["east","north"]}`, `{"east":4,"size":1}`},
	} {
		t.Run(name, func(t *testing.T) {
			h, got, err := run(t, tc.step, tc.body)
			if err != nil || got != tc.want {
				t.Errorf("%s %v, want %s", got, err, tc.want)
			}
			north := h.Counters(count.Kind("north"))["5"]
			if sent := int64(strings.Count(tc.body, "north")); north != sent {
				t.Errorf("north got %d messages, want %d", north, sent)
			}
		})
	}
}

// TestUnknownRecipient: a name that stands for nobody fails the message before anybody is asked. The name is data, and masked.
func TestUnknownRecipient(t *testing.T) {
	for to, want := range map[string]string{`["east","wets"]`: `no recipient is called "[to]": did you mean "west"?`, `[7]`: "a recipient is named by a text, and this is number"} {
		h, _, err := run(t, `{to: =body.to, `+among+`}`, `{"n":4,"to":`+to+`}`)
		if e := hub.AsError(err); e.Class != hub.Invalid || !strings.Contains(e.Error(), want) {
			t.Errorf("error %v, want %s", err, want)
		}
		if len(h.Called("a.reserve")) > 0 {
			t.Error("the others were asked all the same")
		}
	}
}

// TestTooFew: a recipient that fails fails the step, unless it needs fewer.
func TestTooFew(t *testing.T) {
	for step, want := range map[string]string{`{to: [east, west], ` + among + `}`: "1 of 2 answered, 2 needed: east: closed", `{to: [east, west], need: 1, ` + among + `, give: =size}`: ""} {
		c := config(step)
		c.Answers = map[string]patterntest.Answer{"a.reserve": func(context.Context, *hub.Message) (*hub.Message, error) {
			return nil, hub.Fail(hub.Rejected, "x", "closed")
		}, "b.reserve": counted("b")}
		h := patterntest.Start(t, c)
		_, err := h.In("p", h.Message("M", `{"n":4}`))
		if told := err != nil && strings.Contains(err.Error(), want); want != "" && !told || want == "" && err != nil {
			t.Errorf("%s: %v, want %q", step, err, want)
		}
	}
}

func TestProblems(t *testing.T) {
	for step, want := range map[string]string{
		`{among: {east: a.reserve}}`:                                `needs "to"`,
		`{to: =body.to}`:                                            `needs "among"`,
		`{to: =body.to, among: [a.reserve]}`:                        `write among: {east: east.reserve`,
		`{to: =body.to, among: {}}`:                                 `among`,
		`{to: =body.to, among: {east: a.reserv}}`:                   `did you mean "a.reserve"`,
		`{to: =body.to, among: {east: {with: 1}}}`:                  `says nothing of whom is asked`,
		`{to: =body.to, among: {east: {call: a.reserve, wiht: 1}}}`: `did you mean "with"`,
		`{to: =body.to, among: {east: {send: nort}}}`:               `did you mean "north"`,
		`{to: [east, wets], among: {east: a.reserve, west: mine}}`:  `did you mean "west"`,
		`{to: =body.to, among: {east: mine}, give: =answers.west}`:  `did you mean "east"`,
	} {
		if got := patterntest.Problems(t, config(step)); !strings.Contains(strings.ToLower(got), strings.ToLower(want)) || !strings.Contains(got, "error") {
			t.Errorf("%s: want %s, got\n%s", step, want, got)
		}
	}
}

// TestKeys: each recipient has an Idempotency-Key of its own.
func TestKeys(t *testing.T) {
	h, _, err := run(t, `{to: [east, west], among: {east: a.reserve, west: a.reserve}}`, `{"n":1}`)
	if err != nil {
		t.Fatal(err)
	}
	var keys []string
	for _, m := range h.Called("a.reserve") {
		keys = append(keys, m.Headers.Get(hub.HeaderIdempotency))
	}
	if slices.Sort(keys); !slices.Equal(keys, []string{"M/p/recipient_list.east", "M/p/recipient_list.west"}) {
		t.Errorf("keys %q", keys)
	}
}
