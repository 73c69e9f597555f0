package amqp

import (
	"testing"
	"time"

	"orderhub/hub"
	"orderhub/hub/hubtest/rabbittest"
)

func TestFault_B6_ConsumerTimeout(t *testing.T) {
	t.Parallel()
	rabbittest.ConsumerTimeout(t, "customer", func(byAMQP, _ string) rabbittest.Reader {
		return func(queue string, timeout time.Duration) hub.Source {
			return openAdapter(t, byAMQP, func(c *Config) { c.ConsumerTimeout = timeout }).source("queue "+queue, func(c *SourceConfig) { c.Key = "customer" })
		}
	})
}
