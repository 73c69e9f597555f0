package stomp

import (
	"testing"
	"time"

	"orderhub/hub"
	"orderhub/hub/hubtest/rabbittest"
)

func TestFault_B6_ConsumerTimeout(t *testing.T) {
	t.Parallel()
	rabbittest.ConsumerTimeout(t, headerKey, func(_, byStomp string) rabbittest.Reader {
		return func(queue string, timeout time.Duration) hub.Source {
			return openAdapter(t, byStomp, func(c *Config) { c.ConsumerTimeout = timeout }).source("/queue/"+queue, nil)
		}
	})
}
