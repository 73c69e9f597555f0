package amqp

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"orderhub/hub"
	"orderhub/hub/broker"
)

// certificate makes one that signs itself, for the name and for both ends.
func certificate(t *testing.T, dir, name string) (pair tls.Certificate) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{name + ".crt": {Type: "CERTIFICATE", Bytes: cert}, name + ".key": {Type: "PRIVATE KEY", Bytes: der}} {
		if err := os.WriteFile(filepath.Join(dir, file), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if pair, err = tls.LoadX509KeyPair(filepath.Join(dir, name+".crt"), filepath.Join(dir, name+".key")); err != nil {
		t.Fatal(err)
	}
	return pair
}

// The real server behind an end of TLS that wants our certificate too.
func TestTLS(t *testing.T) {
	t.Parallel()
	r := newRabbit(t)
	dir := t.TempDir()
	pool := x509.NewCertPool()
	ours := certificate(t, dir, "hub")
	pool.AddCert(ours.Leaf)
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{certificate(t, dir, "rabbit.test")}, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert})
	if err != nil {
		t.Fatal(err)
	}
	plain := newProxy(t, r.url)
	var group sync.WaitGroup
	t.Cleanup(func() { l.Close(); plain.down(true); group.Wait() })
	group.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			group.Go(func() {
				defer conn.Close()
				server, err := net.Dial("tcp", plain.l.Addr().String())
				if err != nil {
					return
				}
				defer server.Close()
				group.Go(func() { io.Copy(server, conn); server.Close() })
				io.Copy(conn, server)
			})
		}
	})
	url := strings.Replace(strings.Replace(plain.url, "amqp://", "amqps://", 1), plain.l.Addr().String(), l.Addr().String(), 1)
	good := broker.TLS{CA: filepath.Join(dir, "rabbit.test.crt"), Cert: filepath.Join(dir, "hub.crt"), Key: filepath.Join(dir, "hub.key"), ServerName: "rabbit.test"}
	q := r.queue("q", nil)
	r.ok(openAdapter(t, url, func(c *Config) { c.TLS = good }).target("queue "+q).Send(background(t), message1("1", "{}")))
	if d := r.get(q); d.MessageId != "1" {
		t.Error(d)
	}
	for name, change := range map[string]func(*broker.TLS){
		"authority": func(c *broker.TLS) { c.CA = "" },
		"name":      func(c *broker.TLS) { c.ServerName = "other.test" },
		"ours":      func(c *broker.TLS) { c.Cert, c.Key = "", "" },
	} {
		bad := good
		change(&bad)
		err := openAdapter(t, url, func(c *Config) { c.TLS = bad }).target("queue "+q).Send(background(t), message1("1", "{}"))
		if e := wantError(t, err, hub.Unavailable, hub.NotConnected); !strings.Contains(e.Error(), "certificate") {
			t.Errorf("%s: %v", name, e)
		}
	}
	cfg := defaultConfig()
	cfg.URL, cfg.TLS = "amqps://x", broker.TLS{CA: filepath.Join(dir, "none.crt")}
	if _, err := open(cfg, &hub.Env{Name: "rabbit"}); err == nil || !strings.Contains(err.Error(), "tls.ca") {
		t.Errorf("a missing file is found at the start: %v", err)
	}
}
