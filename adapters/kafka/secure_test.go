package kafka

import (
	"strings"
	"testing"

	"orderhub/hub"
	"orderhub/hub/hubtest"
)

// TestSecure: TLS and passwords against a real broker, good ones and bad ones.
func TestSecure(t *testing.T) {
	t.Parallel()
	b := ownBroker(t)
	s := serverAt(t, b.addr)
	topic := topicName()
	s.create(topic, 1)
	put := b.login
	for i, mechanism := range mechanisms {
		a := s.adapter(func(c *Config) { put(c, mechanism) })
		target := s.target(a, "topic "+topic)
		hubtest.Until(t, mechanism+": nothing is sent", func() bool { return target.Send(t.Context(), message("1", "", "x", nil)) == nil })
		var got seen
		stop, _ := start(t, s.source(a, "topic "+topic, "g."+mechanism, nil), got.take)
		hubtest.Until(t, mechanism+": nothing is read", func() bool { return len(got.all()) == i+1 })
		if err := stop(); err != nil {
			t.Error(err)
		}
		target.Close()
	}
	for _, c := range []struct {
		name, want string // of a Run; a Send is not even tried
		change     func(*Config)
	}{
		{"wrong password", "unavailable auth", func(c *Config) { put(c, mechanismSHA512); c.SASL.Password = "verraten" }},
		{"wrong password, plain", "unavailable auth", func(c *Config) { put(c, mechanismPlain); c.SASL.Password = "verraten" }},
		{"unknown authority", "unavailable tls", func(c *Config) { put(c, mechanismPlain); c.TLS = TLS{Enabled: true} }},
		{"another name", "unavailable tls", func(c *Config) { put(c, mechanismPlain); c.TLS.ServerName = "kafka.example.com" }},
		{"no TLS", "unavailable connection", func(c *Config) { put(c, mechanismPlain); c.TLS = TLS{} }},
	} {
		a := s.adapter(c.change)
		target := s.target(a, "topic "+topic)
		err := target.Send(t.Context(), message("1", "", "x", nil))
		run := s.source(a, "topic "+topic, "g.bad", nil).Run(t.Context(), hub.HandlerFunc((&seen{}).take))
		if reason(err) != "unavailable not_connected" || reason(run) != c.want {
			t.Errorf("%s: Send %s (%v), Run %s (%v), want %s", c.name, reason(err), err, reason(run), run, c.want)
		}
		if text := err.Error() + run.Error(); strings.Contains(text, "verraten") || strings.Contains(text, "geheim") {
			t.Errorf("%s: the password is told: %s", c.name, text)
		}
		target.Close()
	}
}
