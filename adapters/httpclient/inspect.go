package httpclient

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
)

// Inspect connects to the service, with TLS if its URL says so, or to the proxy
// before it. It sends no request.
func (c *Client) Inspect(ctx context.Context) ([]string, error) {
	u, err := parseURL(c.base)
	if err != nil {
		return nil, err
	}
	if c.transport.Proxy != nil {
		proxy, err := c.transport.Proxy(&http.Request{URL: u})
		if err != nil || proxy != nil {
			return nil, errors.Join(err, c.reach(ctx, proxy))
		}
	}
	conn, err := c.transport.DialContext(ctx, "tcp", address(u))
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	if u.Scheme == "http" {
		return nil, nil
	}
	cfg := c.transport.TLSClientConfig.Clone()
	if cfg == nil {
		cfg = &tls.Config{}
	}
	cfg.ServerName = cmp.Or(cfg.ServerName, u.Hostname())
	err = tls.Client(conn, cfg).HandshakeContext(ctx)
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return []string{fmt.Sprintf("%s does not speak TLS: correct the port, or write http://", address(u))}, nil
	}
	if e, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return []string{fmt.Sprintf("calls will fail: the certificate of %s is not good: %v", address(u), e.Err)}, nil
	}
	return nil, err
}

// reach tells whether the proxy takes connections.
func (c *Client) reach(ctx context.Context, proxy *url.URL) error {
	if proxy == nil {
		return nil
	}
	conn, err := c.transport.DialContext(ctx, "tcp", address(proxy))
	if err != nil {
		return fmt.Errorf("proxy: %w", err)
	}
	return conn.Close()
}

// address is the host and port that u means.
func address(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443", "socks5": "1080", "socks5h": "1080"}[u.Scheme]
	}
	return net.JoinHostPort(u.Hostname(), port)
}
