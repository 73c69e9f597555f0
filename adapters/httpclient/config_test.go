package httpclient

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"orderhub/hub"
)

func TestCheck(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*Config)
		want   []string
	}{
		{"good", func(c *Config) {}, nil},
		{"userinfo", func(c *Config) { c.URL = "http://me:pw@partner" }, []string{"url"}},
		{"file", func(c *Config) { c.URL = "file:///etc/passwd" }, []string{"url"}},
		{"gopher", func(c *Config) { c.URL = "gopher://x/" }, []string{"url"}},
		{"port 25", func(c *Config) { c.URL = "http://x:25" }, []string{"url"}},
		{"long", func(c *Config) { c.URL = "http://x/" + strings.Repeat("a", 2<<10) }, []string{"url"}},
		{"no host", func(c *Config) { c.URL = "https://" }, []string{"url"}},
		{"paces", func(c *Config) { c.Limits.Throttle, c.Limits.CircuitBreaker = "20", "5/soon" }, []string{"limits.throttle", "limits.circuit_breaker"}},
		{"zero pace", func(c *Config) { c.Limits.Throttle = "0/s" }, []string{"limits.throttle"}},
		{"networks", func(c *Config) { c.AllowNetworks = []string{"10.0.0.0"} }, []string{"allow_networks"}},
		{"header", func(c *Config) { c.Headers = map[string]string{"X-A": "a\r\nb"} }, []string{"headers.X-A"}},
		{"ops", func(c *Config) {
			c.Ops = map[string]any{"a": "charge", "b": json.Number("1"), "c": map[string]any{"http": "GET /{"}, "d": map[string]any{"http": "GET /x", "expect": []any{"nope"}},
				"e": map[string]any{"http": "GET /x", "wat": "x"}, "f": map[string]any{"http": "GET /x", "timeout": "5"}, "g": map[string]any{"http": "GET /x", "expect": []any{json.Number("200"), "4xx"}}}
		}, []string{"ops.a", "ops.b", "ops.c.http", "ops.d.expect", "ops.e.wat", "ops.f.timeout"}},
	} {
		cfg := defaultConfig()
		cfg.URL = "https://partner.example/v1"
		c.change(cfg)
		var got []string
		for _, f := range cfg.check(&hub.Env{}) {
			got = append(got, f.Path)
			if strings.Contains(f.Message, "pw") {
				t.Errorf("%s: the message holds the password: %s", c.name, f.Message)
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: faults at %q, want %q", c.name, got, c.want)
		}
	}
}

func TestOps(t *testing.T) {
	cfg := defaultConfig()
	cfg.Ops = map[string]any{"refund": "POST /refunds", "charge": "POST /charges"}
	if got := Component().Ops(cfg); !slices.Equal(got, []string{"charge", "refund"}) {
		t.Fatal(got)
	}
}

func TestGuard(t *testing.T) {
	allowed, _ := parseNetworks([]string{"10.1.0.0/16"})
	for _, ip := range []string{"127.0.0.1", "10.0.0.1", "169.254.169.254", "[::1]", "[fd00::8]", "100.64.0.1", "0.0.0.0", "[::ffff:10.0.0.1]", "[::ffff:100.64.0.1]", "[::ffff:127.0.0.1]", "[fe80::1%25lo]",
		"[64:ff9b::a00:1]", "[fe80::1]", "192.168.1.1", "172.16.0.1", "224.0.0.1", "255.255.255.255", "[2002:a00:1::]"} {
		if guard(ip+":80", allowed) == nil {
			t.Errorf("%s is let through", ip)
		}
	}
	for _, ip := range []string{"8.8.8.8", "[2606:4700::1111]", "10.1.2.3", "[::ffff:10.1.2.3]"} {
		if err := guard(ip+":80", allowed); err != nil {
			t.Errorf("%s: %v", ip, err)
		}
	}
}
