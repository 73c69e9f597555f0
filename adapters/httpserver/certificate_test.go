package httpserver

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"orderhub/hub"
)

// writeCertificate makes a self-signed pair of files with that serial number.
func writeCertificate(t *testing.T, dir string, serial int64, changed time.Time) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(serial), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{"cert.pem": {Type: "CERTIFICATE", Bytes: der}, "key.pem": {Type: "PRIVATE KEY", Bytes: raw}} {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(file, changed, changed); err != nil {
			t.Fatal(err)
		}
	}
}

func TestCertificateIsReadAgain(t *testing.T) {
	dir := t.TempDir()
	writeCertificate(t, dir, 1, time.Now().Add(-time.Hour))
	cfg := defaultConfig()
	cfg.Listen, cfg.TLS = "127.0.0.1:0", TLS{Cert: "cert.pem", Key: "key.pem"}
	s, err := definition().New(cfg, &hub.Env{Name: "web", Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	url, err := s.Start(context.Background())
	if err != nil || !strings.HasPrefix(url, "https://") {
		t.Fatal(url, err)
	}
	defer s.Close(context.Background())
	serial := func() int64 {
		c, err := tls.Dial("tcp", strings.TrimPrefix(url, "https://"), &tls.Config{InsecureSkipVerify: true}) // only the serial number matters
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		return c.ConnectionState().PeerCertificates[0].SerialNumber.Int64()
	}
	if n := serial(); n != 1 {
		t.Fatal(n)
	}
	writeCertificate(t, dir, 2, time.Now())
	for deadline := time.Now().Add(10 * time.Second); serial() != 2; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the new certificate is never used")
		}
	}
	os.WriteFile(filepath.Join(dir, "cert.pem"), []byte("broken"), 0o600)
	time.Sleep(certificateCheck)
	if n := serial(); n != 2 {
		t.Fatal(n)
	}
}
