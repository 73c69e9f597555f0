package httpclient

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"orderhub/hub"
)

// certificate writes name.pem and name.key for one that signs itself.
func certificate(t *testing.T, dir, name string) *x509.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	like := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, NotAfter: time.Now().Add(time.Hour), DNSNames: []string{name},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth}, IsCA: true, BasicConstraintsValid: true}
	raw, err := x509.CreateCertificate(rand.Reader, like, like, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{name + ".pem": {Type: "CERTIFICATE", Bytes: raw}, name + ".key": {Type: "PRIVATE KEY", Bytes: secret}} {
		if err := os.WriteFile(filepath.Join(dir, file), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	out, err := x509.ParseCertificate(raw)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// A private authority, our own certificate, and its renewal without a restart.
func TestCertificates(t *testing.T) {
	dir := t.TempDir()
	known := x509.NewCertPool()
	known.AddCert(certificate(t, dir, "client"))
	certificate(t, dir, "server.example")
	pair, err := tls.LoadX509KeyPair(filepath.Join(dir, "server.example.pem"), filepath.Join(dir, "server.example.key"))
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		io.WriteString(w, r.TLS.PeerCertificates[0].SerialNumber.String())
	}))
	srv.Config.ErrorLog = nil
	srv.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequireAnyClientCert, ClientCAs: known}
	srv.StartTLS()
	defer srv.Close()
	ask := func(files TLS) (string, *hub.Error) {
		cfg := defaultConfig()
		cfg.URL, cfg.TLS = srv.URL, files
		c, err := definition().New(cfg, &hub.Env{Name: "far", Dir: dir})
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
	whole := TLS{CA: "server.example.pem", Cert: "client.pem", Key: "client.key", ServerName: "server.example"}
	first, bad := ask(whole)
	if bad != nil || first == "" {
		t.Fatal(bad)
	}
	certificate(t, dir, "client")
	if second, bad := ask(whole); bad != nil || second == first {
		t.Errorf("after its renewal: %s %v", second, bad)
	}
	for name, files := range map[string]TLS{"another authority": {CA: "client.pem", Cert: "client.pem", Key: "client.key", ServerName: "server.example"},
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
