package httpclient

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"syscall"
	"time"

	"orderhub/hub"
)

// errForbidden: the address is of a network that the configuration forbids.
var errForbidden = errors.New("the address is in a forbidden network")

// errSwitched: the service answered 101, which nobody asked for.
var errSwitched = errors.New("the service switched protocols")

// newTransport makes the connections of one adapter.
func newTransport(cfg *Config, env *hub.Env) (*http.Transport, error) {
	allowed, err := parseNetworks(cfg.AllowNetworks)
	if err != nil {
		return nil, err
	}
	certificates, err := cfg.tls(env)
	if err != nil {
		return nil, err
	}
	proxy, err := cfg.proxy()
	if err != nil {
		return nil, err
	}
	dialer := &net.Dialer{Timeout: cfg.Timeout, KeepAlive: 30 * time.Second}
	if cfg.ForbidPrivate {
		dialer.ControlContext = func(_ context.Context, _, address string, _ syscall.RawConn) error {
			return guard(address, allowed)
		}
	}
	return &http.Transport{
		Proxy:                  proxy,
		TLSClientConfig:        certificates,
		DialContext:            dialer.DialContext,
		ForceAttemptHTTP2:      true,
		MaxIdleConns:           idleConnections,
		MaxIdleConnsPerHost:    idleConnections,
		IdleConnTimeout:        60 * time.Second,
		TLSHandshakeTimeout:    cfg.Timeout,
		MaxResponseHeaderBytes: maxResponseHeader,
	}, nil
}

// tls has the certificates of the configuration; nil: those of the system will do.
func (c *Config) tls(env *hub.Env) (*tls.Config, error) {
	t := &c.TLS
	if *t == (TLS{}) {
		return nil, nil
	}
	out := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: t.ServerName}
	if t.CA != "" {
		src, err := env.ReadFile(t.CA)
		if err != nil {
			return nil, fmt.Errorf("tls.ca: %w", err)
		}
		if out.RootCAs = x509.NewCertPool(); !out.RootCAs.AppendCertsFromPEM(src) {
			return nil, fmt.Errorf("tls.ca: %s holds no certificate (PEM)", t.CA)
		}
	}
	if (t.Cert == "") != (t.Key == "") {
		return nil, errors.New("tls: one of cert and key is missing")
	}
	if t.Cert == "" {
		return out, nil
	}
	load := func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		pair, err := tls.LoadX509KeyPair(env.Path(t.Cert), env.Path(t.Key))
		return &pair, err
	}
	if _, err := load(nil); err != nil {
		return nil, fmt.Errorf("tls.cert: %w", err)
	}
	out.GetClientCertificate = load
	return out, nil
}

// onlyAnswers drops the connection of an answer that is none.
type onlyAnswers struct{ http.RoundTripper }

func (o onlyAnswers) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := o.RoundTripper.RoundTrip(r)
	if err == nil && resp.StatusCode == http.StatusSwitchingProtocols {
		resp.Body.Close()
		return nil, errSwitched
	}
	return resp, err
}

// reserved are the networks that net/netip has no name for.
var reserved = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("198.18.0.0/15"), netip.MustParsePrefix("198.51.100.0/24"),
	netip.MustParsePrefix("203.0.113.0/24"), netip.MustParsePrefix("240.0.0.0/4"), netip.MustParsePrefix("64:ff9b::/96"),
	netip.MustParsePrefix("64:ff9b:1::/48"), netip.MustParsePrefix("100::/64"), netip.MustParsePrefix("2001:db8::/32"), netip.MustParsePrefix("2002::/16"),
}

// guard decides on the address that is really connected to, so that no name,
// spelling or rebinding gets around it.
func guard(address string, allowed []netip.Prefix) error {
	ap, err := netip.ParseAddrPort(address)
	if err != nil {
		return errForbidden
	}
	ip := ap.Addr().Unmap().WithZone("")
	holds := func(p netip.Prefix) bool { return p.Contains(ip) }
	if !slices.ContainsFunc(allowed, holds) && (ip.IsPrivate() || !ip.IsGlobalUnicast() || slices.ContainsFunc(reserved, holds)) {
		return errForbidden
	}
	return nil
}
