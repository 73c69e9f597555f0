package aggregate_test

import (
	"fmt"
	"testing"

	"orderhub/pipelines/idempotent"
	"orderhub/pipelines/patterntest"
)

// Units that read two records, of which all share one, get through without a
// durable retry: after a conflict they wait for both.
func TestBehindAnIdempotentReceiver(t *testing.T) {
	for _, url := range []string{"memory:", "sqlite:" + t.TempDir() + "/hub.db"} {
		t.Run(url[:6], func(t *testing.T) {
			c := config("- idempotent: body.n\n- aggregate: {by: body.g, until: size == 200, idle: 10h, give: =size}\n- send: out")
			c.Registry.Patterns = append(c.Registry.Patterns, idempotent.Pattern())
			c.Store = url
			h := patterntest.Start(t, c)
			for n := range 200 {
				h.Put("rows", h.Message("", fmt.Sprintf(`{"g":"g","n":%d}`, n)))
			}
			h.Settle()
			want(t, "aggregates", bodies(h), []string{"200"})
			if n := len(h.Waiting("rows")); n != 0 {
				t.Errorf("%d members wait for a retry", n)
			}
		})
	}
}
