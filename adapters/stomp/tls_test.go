package stomp

import (
	"strings"
	"testing"

	"orderhub/hub"
	"orderhub/hub/hubtest"
	"orderhub/hub/trust"
)

// The real server behind an end of TLS that wants our certificate too.
func TestTLS(t *testing.T) {
	t.Parallel()
	r := newRabbit(t)
	q := r.queue("q", nil)
	to, err := parseURL(hub.Secret(r.url))
	r.ok(err)
	hubtest.BrokerTLS(t, to.address, func(address string, certificates trust.TLS) error {
		url := strings.Replace(strings.Replace(r.url, "stomp://", "stomp+ssl://", 1), to.address, address, 1)
		return openAdapter(t, url, func(c *Config) { c.TLS = certificates }).target("/queue/"+q).Send(background(t), message1("1", "{}"))
	})
	if d := r.get(q); d.MessageId != "1" {
		t.Error(d)
	}
}
