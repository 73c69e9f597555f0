package httpclient

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"syscall"
	"time"

	"orderhub/hub"
	"orderhub/hub/trust"
)

// errForbidden: the address is of a network that the configuration forbids.
var errForbidden = errors.New("the address is in a forbidden network")

// errSwitched: the service answered 101, which nobody asked for.
var errSwitched = errors.New("the service switched protocols")

// newTransport makes the connections of one adapter.
func newTransport(cfg *Config, env *hub.Env) (*http.Transport, error) {
	allowed, err := trust.Networks(cfg.AllowNetworks)
	if err != nil {
		return nil, err
	}
	certificates, err := cfg.TLS.Load(env, "")
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
	if !trust.Contain(allowed, ip) && (ip.IsPrivate() || !ip.IsGlobalUnicast() || trust.Contain(reserved, ip)) {
		return errForbidden
	}
	return nil
}
