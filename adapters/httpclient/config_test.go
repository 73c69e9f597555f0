package httpclient

import (
	"encoding/json"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"orderhub/hub"
	"orderhub/hub/trust"
	"orderhub/hub/units"
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
		{"networks", func(c *Config) { c.AllowNetworks = []string{"10.0.0.0/40"} }, []string{"allow_networks"}},
		{"header", func(c *Config) { c.Headers = map[string]string{"X-A": "a\r\nb"} }, []string{"headers.X-A"}},
		{"ops", func(c *Config) {
			c.Ops = map[string]Op{"a": {HTTP: "charge"}, "c": {HTTP: "GET /{"}, "d": {HTTP: "GET /x", Expect: []any{"nope"}}, "e": {HTTP: "GET /x", Headers: map[string]string{"host": "x"}},
				"f": {HTTP: "GET /x", SuccessIf: map[string]any{"a": []any{}}}, "g": {HTTP: "GET /x", Expect: []any{json.Number("200"), "4xx"}}, "h": {HTTP: "GET /x", Params: map[string]Param{"a": {In: "header", Style: "form"}}},
				"i": {HTTP: "GET /x", Params: map[string]Param{"a": {In: "path"}}}, "j": {HTTP: "POST /x", Idempotency: Idempotency{Form: "uuid", Length: 20}}, "k": {HTTP: "GET /x", Paging: &Paging{By: "cursor", Next: "next"}}}
		}, []string{"ops.a.http", "ops.c.http", "ops.d.expect", "ops.e.headers.host", "ops.f.success_if", "ops.h.params.a", "ops.i.params.a", "ops.j.idempotency", "ops.k.paging"}},
		{"the connection's header", func(c *Config) { c.Headers = map[string]string{"Content-Length": "1"} }, []string{"headers.Content-Length"}},
		{"proxy", func(c *Config) { c.Proxy = "ftp://x" }, []string{"proxy"}},
		{"a proxy that hides addresses", func(c *Config) { c.Proxy, c.ForbidPrivate = "http://proxy:3128", true }, []string{"proxy"}},
		{"certificates", func(c *Config) { c.TLS.Cert = "a.pem" }, []string{"tls"}},
		{"no such authority", func(c *Config) { c.TLS.CA = "nowhere.pem" }, []string{"tls"}},
		{"two logins", func(c *Config) { c.Bearer, c.Basic.User = "t", "u" }, []string{"basic"}},
		{"OAuth2 without a name", func(c *Config) { c.OAuth2.TokenURL = "https://t" }, []string{"oauth2"}},
		{"OAuth2 at no address", func(c *Config) { c.OAuth2.TokenURL, c.OAuth2.ClientID = "t", "me" }, []string{"oauth2.token_url"}},
		{"servers of no file", func(c *Config) { c.URL = "openapi" }, []string{"url"}},
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
	cfg.Ops = map[string]Op{"refund": {HTTP: "POST /refunds"}, "charge": {HTTP: "POST /charges"}}
	if got := Component().Ops(cfg); !slices.Equal(got, []string{"charge", "refund"}) {
		t.Fatal(got)
	}
}

func TestGuard(t *testing.T) {
	allowed, _ := trust.Networks([]string{"10.1.0.0/16"})
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

// The page of the adapter names every option of an operation, which the generated table has no place for.
func TestOptionsOfOperationsAreDocumented(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, options := range []any{Op{}, Param{}, Idempotency{}, Paging{}} {
		of := reflect.TypeOf(options)
		for i := range of.NumField() {
			if name := of.Field(i).Tag.Get("yaml"); !strings.Contains(string(readme), "`"+name+"`") || of.Field(i).Tag.Get("doc") == "" {
				t.Errorf("%s: README.md does not name `%s`, or it has no doc", of.Name(), name)
			}
		}
	}
}

func defaultConfig() *Config { return units.Defaults[Config]() }
