package httpclient

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
)

func TestInspect(t *testing.T) {
	requests := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a request was sent") })
	plain := httptest.NewServer(requests)
	defer plain.Close()
	secure := httptest.NewUnstartedServer(requests)
	secure.Config.ErrorLog = nil
	secure.StartTLS()
	defer secure.Close()
	roots := x509.NewCertPool()
	roots.AddCert(secure.Certificate())
	gone, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gone.Close()
	silent, err := net.Listen("tcp", "127.0.0.1:0") // takes connections and says nothing
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	for _, c := range []struct {
		name, url     string
		change        func(*Config)
		trust         bool
		finding, fail string
	}{
		{"plain", plain.URL, nil, false, "", ""},
		{"with a path", plain.URL + "/v1", nil, false, "", ""},
		{"TLS", secure.URL, nil, true, "", ""},
		{"TLS that is not trusted", secure.URL, nil, false, "calls will fail: the certificate of 127.0.0.1:", ""},
		{"TLS with a plain server", strings.Replace(plain.URL, "http:", "https:", 1), nil, false, "does not speak TLS", ""},
		{"nobody", "http://" + gone.Addr().String(), nil, false, "", "connection refused"},
		{"TLS with nobody", "https://" + gone.Addr().String(), nil, false, "", "connection refused"},
		{"silence", "https://" + silent.Addr().String(), nil, false, "", "deadline"},
		{"forbidden", plain.URL, func(c *Config) { c.ForbidPrivate = true }, false, "", "forbidden network"},
	} {
		t.Run(c.name, func(t *testing.T) {
			client := newClient(t, c.url, c.change)
			if c.trust {
				client.transport.TLSClientConfig = &tls.Config{RootCAs: roots}
			}
			patience := 10 * time.Second
			if c.fail == "deadline" { // the only case that waits for it
				patience = 500 * time.Millisecond
			}
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			findings, err := client.Inspect(ctx)
			if got := strings.Join(findings, "\n"); !strings.Contains(got, c.finding) || c.finding == "" && got != "" {
				t.Errorf("findings %q, want %q", got, c.finding)
			}
			if (err == nil) != (c.fail == "") || err != nil && !strings.Contains(err.Error(), c.fail) {
				t.Errorf("error %v, want %q", err, c.fail)
			}
		})
	}
}

// TestInspectProxy: with a proxy before the service, the proxy is asked.
func TestInspectProxy(t *testing.T) {
	proxy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	client := newClient(t, "https://partner.invalid", nil)
	client.transport.Proxy = http.ProxyURL(&url.URL{Scheme: "http", Host: proxy.Addr().String()})
	if findings, err := client.Inspect(t.Context()); err != nil || len(findings) > 0 {
		t.Errorf("%v %v", findings, err)
	}
	proxy.Close()
	if _, err := client.Inspect(t.Context()); err == nil || !strings.Contains(err.Error(), "proxy: dial tcp "+proxy.Addr().String()) {
		t.Errorf("a proxy that is away: %v", err)
	}
}
