package amqp

import (
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"

	"orderhub/hub/figures"
	"orderhub/hub/hubtest"
)

// What waits in the queue of a source is told, whether it runs or not; a queue that is not there tells nothing, and harms no other.
func TestFiguresCountWhatWaits(t *testing.T) {
	r := newRabbit(t)
	q := r.queue("q", nil)
	a := openAdapter(t, r.url, func(c *Config) { c.CheckOnly = true })
	a.source("queue "+r.name+".none", nil)
	a.source("queue "+q, nil)
	for _, id := range []string{"1", "2", "3"} {
		r.put("", q, amqp.Publishing{MessageId: id})
	}
	hubtest.Until(t, "three wait", func() bool {
		to := &figures.Set{}
		if err := a.Figures(t.Context(), to); err != nil {
			t.Fatal(err)
		}
		now := to.Snapshot()
		return len(now) == 1 && now.Sum(figures.Lag, "rabbit", "queue "+q) == 3
	})
}
