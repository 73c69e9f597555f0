package pipelines_test

import (
	"testing"
	"time"

	"orderhub/hub/store"
	"orderhub/pipelines/patterntest"
)

const retained = fakes + `
channels: {left: {type: direct}, behind: {type: direct}}
pipelines:
  usual: {from: {web: usual}, steps: [{send: left}]}
  short: {from: {web: short}, retention: {history: 10m}, steps: [{reply: 202}, {send: left}]}
  long: {from: {web: long}, retention: {history: 90d, dead_letters: 2d}, steps: [{send: left}]}
  passes: {from: {web: passes}, retention: {history: 10m}, steps: [{filter: body.n == 2}]}
`

// History goes when the time of its pipeline is over, or else that of the hub: what stages did, behind a reply too, and what only passed through.
func TestRetention(t *testing.T) {
	h := start(t, "hub: {retention: {history: 1h}}\n"+retained, nil)
	for _, p := range []string{"usual", "short", "long", "passes"} {
		m := h.Message(p, `{"n":1}`)
		if _, err := h.In(p, m); err != nil {
			t.Fatal(p, err)
		}
	}
	patterntest.Until(t, "all history is written", func() bool {
		return len(h.Waiting("left")) == 3 && len(h.History("passes")) > 0 && len(h.History("short")) > 2
	})
	keep := store.Retention{History: h.Plan.Retention.History}
	for _, step := range []struct {
		after time.Duration
		left  []string
		gone  []string
	}{
		{9 * time.Minute, []string{"usual", "short", "long", "passes"}, nil},
		{2 * time.Minute, []string{"usual", "long"}, []string{"short", "passes"}},
		{50 * time.Minute, []string{"long"}, []string{"usual"}},
		{89 * 24 * time.Hour, []string{"long"}, nil},
		{24 * time.Hour, nil, []string{"long"}},
	} {
		h.Advance(step.after)
		if _, _, err := h.Store.Sweep(t.Context(), keep, 100); err != nil {
			t.Fatal(err)
		}
		for _, id := range step.left {
			if len(h.History(id)) == 0 {
				t.Errorf("after %s more: the history of %s is gone", step.after, id)
			}
		}
		for _, id := range step.gone {
			if got := h.History(id); len(got) > 0 {
				t.Errorf("after %s more: the history of %s is there: %v", step.after, id, got)
			}
		}
	}
}

// The dead letters of a pipeline are kept as long as it says, others as the hub says, or for ever.
func TestRetentionOfDeadLetters(t *testing.T) {
	for hubs, want := range map[string]struct{ long, usual, least time.Duration }{
		"":                                {48 * time.Hour, 0, 48 * time.Hour},
		"retention: {dead_letters: 1d}":   {48 * time.Hour, 24 * time.Hour, 24 * time.Hour},
		"retention: {dead_letters: 100d}": {48 * time.Hour, 2400 * time.Hour, 48 * time.Hour},
	} {
		plan := start(t, "hub: {"+hubs+"}\n"+retained, nil).Plan
		keep, least := plan.DeadLetters()
		of := map[string]time.Duration{}
		for _, p := range plan.Pipelines {
			of[p.Name] = keep(p.Stages[0].Queue)
		}
		if of["long"] != want.long || of["usual"] != want.usual || least != want.least {
			t.Errorf("%s: %v, the least %v", hubs, of, least)
		}
	}
}
