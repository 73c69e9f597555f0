package httpserver

import (
	"context"
	"crypto/tls"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"orderhub/hub"
	"orderhub/hub/hubtest"
	"orderhub/hub/trust"
)

func TestCertificateIsReadAgain(t *testing.T) {
	dir := t.TempDir()
	first := hubtest.Certificate(t, nil, dir, "web").Leaf.SerialNumber.Int64()
	cfg := defaultConfig()
	cfg.Listen, cfg.TLS = "127.0.0.1:0", TLS{Cert: "web.pem", Key: "web.key"}
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
	if n := serial(); n != first {
		t.Fatal(n)
	}
	second := hubtest.Certificate(t, nil, dir, "web").Leaf.SerialNumber.Int64()
	for deadline := time.Now().Add(10 * time.Second); serial() != second; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the new certificate is never used")
		}
	}
	os.WriteFile(filepath.Join(dir, "web.pem"), []byte("broken"), 0o600)
	time.Sleep(trust.CertificateCheck)
	if n := serial(); n != second {
		t.Fatal(n)
	}
}
