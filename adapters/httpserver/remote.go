package httpserver

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"orderhub/hub/signature"
)

const (
	remoteTimeout = 5 * time.Second
	remoteLimit   = 1 << 20
	remoteMost    = 100         // addresses that are kept
	remoteKeep    = time.Hour   // after that it is asked again; what is kept serves until there is an answer
	remoteAgain   = time.Minute // until then nobody asks again, whatever comes
)

// remote keeps what senders publish: certificates and sets of keys. The zero remote is empty.
type remote struct {
	transport http.RoundTripper // nil: the usual one
	roots     *x509.CertPool    // of certificates; nil: the machine's

	mu   sync.Mutex
	kept map[string]*fetched
}

// fetched is what an address gave last. Only one request asks at a time.
type fetched struct {
	mu   sync.Mutex
	body []byte // nil: nothing yet
	at   time.Time
	err  error
}

// get is what lies at an address, not much older than most.
func (m *remote) get(ctx context.Context, address string, now time.Time, most time.Duration) ([]byte, error) {
	m.mu.Lock()
	f := m.kept[address]
	if f == nil {
		if m.kept == nil || len(m.kept) >= remoteMost {
			m.kept = map[string]*fetched{}
		}
		f = &fetched{}
		m.kept[address] = f
	}
	m.mu.Unlock()
	f.mu.Lock()
	defer f.mu.Unlock()
	if age := now.Sub(f.at); f.at.IsZero() || age >= max(most, remoteAgain) {
		body, err := m.fetch(ctx, address)
		if f.at, f.err = now, err; err == nil {
			f.body = body
		}
	}
	if f.body == nil {
		return nil, f.err
	}
	return f.body, nil
}

func (m *remote) fetch(ctx context.Context, address string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), remoteTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	client := http.Client{Transport: m.transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answers %s", address, resp.Status)
	}
	return io.ReadAll(io.LimitReader(resp.Body, remoteLimit))
}

// keyUnavailable is the answer while the sender's key can't be had: the sender will try again.
func keyUnavailable(err error) *problem {
	p := newProblem(http.StatusServiceUnavailable, "sender_key_unavailable", "the sender's key can't be had now: "+err.Error())
	p.retryAfter = int(remoteAgain.Seconds())
	return p
}

// certificateKey is the key of the certificate at an address that begins as one of those allowed. Its name ends so, and somebody
// whom this machine trusts has issued it.
func (m *remote) certificateKey(ctx context.Context, address string, allowed []string, name string, now time.Time) (signature.Key, *problem) {
	if !slices.ContainsFunc(allowed, func(begin string) bool { return strings.HasPrefix(address, begin) }) {
		return signature.Key{}, unproven("certificate_not_allowed", "the certificate lies at %q, which is no address of the vendor", address)
	}
	raw, err := m.get(ctx, address, now, remoteKeep)
	if err != nil {
		return signature.Key{}, keyUnavailable(err)
	}
	cert, err := m.certificate(raw, name, now)
	if err != nil {
		return signature.Key{}, unproven("certificate_invalid", "the certificate at %s: %v", address, err)
	}
	return signature.CertificateKey(cert), nil
}

// certificate reads a chain in PEM, and checks it.
func (m *remote) certificate(raw []byte, name string, now time.Time) (*x509.Certificate, error) {
	var chain []*x509.Certificate
	between := x509.NewCertPool()
	for block, rest := pem.Decode(raw); block != nil; block, rest = pem.Decode(rest) {
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		chain = append(chain, cert)
		between.AddCert(cert)
	}
	if len(chain) == 0 {
		return nil, errors.New("it is no certificate (PEM)")
	}
	if !slices.ContainsFunc(namesOf(chain[0]), func(n string) bool { return strings.HasSuffix(strings.ToLower(n), name) }) {
		return nil, fmt.Errorf("it is of %s", strings.Join(namesOf(chain[0]), ", "))
	}
	_, err := chain[0].Verify(x509.VerifyOptions{Roots: m.roots, Intermediates: between, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
	return chain[0], err
}
