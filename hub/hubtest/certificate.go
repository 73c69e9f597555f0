package hubtest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// Certificate makes a certificate of an authority (nil: of itself) for a name and 127.0.0.1, good for both ends and to issue others, and
// writes name.pem and name.key.
func Certificate(t testing.TB, by *tls.Certificate, dir, name string) *tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	form := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth}}
	out := &tls.Certificate{PrivateKey: key}
	issuer := by
	if issuer == nil {
		issuer = &tls.Certificate{Leaf: form, PrivateKey: key}
	}
	raw, err := x509.CreateCertificate(rand.Reader, form, issuer.Leaf, &key.PublicKey, issuer.PrivateKey)
	if err == nil {
		out.Certificate = [][]byte{raw}
		out.Leaf, err = x509.ParseCertificate(raw)
	}
	secret, bad := x509.MarshalPKCS8PrivateKey(key)
	if err != nil || bad != nil {
		t.Fatal(err, bad)
	}
	for file, block := range map[string]*pem.Block{name + ".pem": {Type: "CERTIFICATE", Bytes: raw}, name + ".key": {Type: "PRIVATE KEY", Bytes: secret}} {
		if err := os.WriteFile(filepath.Join(dir, file), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return out
}
