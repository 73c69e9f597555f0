package httpclient

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"orderhub/hub"
	"orderhub/hub/figures"
	"orderhub/hub/hubtest"
	"orderhub/hub/trust"
)

// A private authority, our own certificate, and its renewal without a restart.
func TestCertificates(t *testing.T) {
	dir := t.TempDir()
	known := x509.NewCertPool()
	known.AddCert(hubtest.Certificate(t, nil, dir, "client").Leaf)
	pair := hubtest.Certificate(t, nil, dir, "server.example")
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		io.WriteString(w, r.TLS.PeerCertificates[0].SerialNumber.String())
	}))
	srv.Config.ErrorLog = nil
	srv.TLS = &tls.Config{Certificates: []tls.Certificate{*pair}, ClientAuth: tls.RequireAnyClientCert, ClientCAs: known}
	srv.StartTLS()
	defer srv.Close()
	ends := &figures.Ends{}
	ask := func(files trust.TLS) (string, *hub.Error) {
		cfg := defaultConfig()
		cfg.URL, cfg.TLS = srv.URL, files
		c, err := definition().New(cfg, &hub.Env{Name: "far", Dir: dir, Ends: ends})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close(context.Background())
		reply, bad := call(t, c, "GET /", message(`{}`))
		if bad != nil {
			return "", bad
		}
		return string(reply.Body.Bytes()), nil
	}
	whole := trust.TLS{CA: "server.example.pem", Cert: "client.pem", Key: "client.key", ServerName: "server.example"}
	first, bad := ask(whole)
	if bad != nil || first == "" {
		t.Fatal(bad)
	}
	hubtest.Certificate(t, nil, dir, "client")
	if second, bad := ask(whole); bad != nil || second == first {
		t.Errorf("after its renewal: %s %v", second, bad)
	}
	told := &figures.Set{}
	if err := ends.Tell(told, "far"); err != nil {
		t.Error(err)
	}
	if now := told.Snapshot(); len(now) != 2 || now.Sum(figures.Expiry, "far", "server.example") != float64(pair.Leaf.NotAfter.Unix()) || now.Sum(figures.Expiry, "far", "client.pem") == 0 {
		t.Errorf("of the ends of certificates is told: %v", now)
	}
	for name, files := range map[string]trust.TLS{"another authority": {CA: "client.pem", Cert: "client.pem", Key: "client.key", ServerName: "server.example"},
		"no certificate": {CA: "server.example.pem", ServerName: "server.example"}, "another name": {CA: "server.example.pem", Cert: "client.pem", Key: "client.key", ServerName: "other.example"}} {
		if _, bad := ask(files); bad == nil || bad.Class != hub.Unavailable {
			t.Errorf("%s: %v", name, bad)
		}
	}
}

// Calls go through the proxy that is named, with its login.
func TestProxy(t *testing.T) {
	got := ""
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = fmt.Sprintf("%s %s", r.RequestURI, r.Header.Get("Proxy-Authorization"))
		w.WriteHeader(204)
	}))
	defer proxy.Close()
	c := newClient(t, "http://partner.invalid/v1", func(cfg *Config) { cfg.Proxy = strings.Replace(proxy.URL, "://", "://me:pw@", 1) })
	_, err := call(t, c, "GET /x", message(`{}`))
	if want := "http://partner.invalid/v1/x Basic " + base64.StdEncoding.EncodeToString([]byte("me:pw")); err != nil || got != want {
		t.Errorf("%q, want %q, %v", got, want, err)
	}
}

// Keys stand where the service wants them.
func TestAPIKeys(t *testing.T) {
	for in, want := range map[string]string{"header": "/x?a=1 k-1  ", "query": "/x?a=1&X-Key=k-1   ", "cookie": "/x?a=1  X-Key=k-1 "} {
		got := ""
		_, err := ask(t, func(_ http.ResponseWriter, r *http.Request) {
			got = fmt.Sprintf("%s %s %s %s", r.RequestURI, r.Header.Get("X-Key"), r.Header.Get("Cookie"), r.Header.Get("Authorization"))
		}, "GET /x", message(`{"a":1}`), func(cfg *Config) { cfg.APIKey = APIKey{In: in, Name: "X-Key", Value: "k-1"} })
		if err != nil || got != want {
			t.Errorf("%s: %q, want %q, %v", in, got, want, err)
		}
	}
}
