package amqp

import (
	"strings"
	"testing"

	"orderhub/hub/hubtest"
	"orderhub/hub/trust"
)

// The real server behind an end of TLS that wants our certificate too.
func TestTLS(t *testing.T) {
	t.Parallel()
	r := newRabbit(t)
	q, server := r.queue("q", nil), addressOf(t, r.url)
	hubtest.BrokerTLS(t, server, func(address string, certificates trust.TLS) error {
		url := strings.Replace(strings.Replace(r.url, "amqp://", "amqps://", 1), server, address, 1)
		return openAdapter(t, url, func(c *Config) { c.TLS = certificates }).target("queue "+q).Send(background(t), message1("1", "{}"))
	})
	if d := r.get(q); d.MessageId != "1" {
		t.Error(d)
	}
}
