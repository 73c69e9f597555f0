package httpclient

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/go-resty/resty/v2"
	"golang.org/x/time/rate"
	"orderhub/hub"
)

const (
	maxResponseHeader = 64 << 10
	idleConnections   = 64
	agent             = "orderhub"
)

// Client is one HTTP service: one set of connections, one pace, one circuit
// breaker. It never retries: retries are the hub's, and durable.
type Client struct {
	cfg       Config
	env       *hub.Env
	base      string
	resty     *resty.Client
	transport *http.Transport
	pace      *rate.Limiter // nil: none
	turns     chan struct{} // calls in flight
	breaker   *breaker      // nil: none
}

// open makes a client; the service need not be there.
func open(cfg *Config, env *hub.Env) (*Client, error) {
	if cfg.URL == "" {
		return nil, errors.New("url is missing")
	}
	c := &Client{cfg: *cfg, env: env, base: strings.TrimRight(cfg.URL, "/"), turns: make(chan struct{}, cfg.Limits.MaxInFlight)}
	if q, _ := cfg.Limits.throttle(); q.n > 0 {
		c.pace = rate.NewLimiter(rate.Limit(float64(q.n)/q.per.Seconds()), 1)
	}
	if q, _ := cfg.Limits.breaker(); q.n > 0 {
		c.breaker = newBreaker(env.Name, q)
	}
	networks, _ := parseNetworks(cfg.AllowNetworks)
	c.transport = newTransport(cfg, networks)
	c.resty = resty.NewWithClient(&http.Client{Transport: onlyAnswers{c.transport}}).
		SetRetryCount(0).
		SetResponseBodyLimit(cfg.Limits.MaxResponse).
		SetRedirectPolicy(resty.RedirectPolicyFunc(func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse })).
		SetLogger(silent{}).
		SetDisableWarn(true).
		SetHeader("User-Agent", agent)
	c.authorize()
	return c, nil
}

// authorize makes every request have the headers and the login of the configuration.
func (c *Client) authorize() {
	c.resty.SetHeaders(c.cfg.Headers)
	if c.cfg.Bearer != "" {
		c.resty.SetAuthToken(c.cfg.Bearer.Reveal())
	}
	if c.cfg.Basic.User != "" {
		c.resty.SetBasicAuth(c.cfg.Basic.User, c.cfg.Basic.Password.Reveal())
	}
}

// Close drops the idle connections.
func (c *Client) Close(context.Context) error {
	c.transport.CloseIdleConnections()
	return nil
}

// OpenCaller finds an operation, by its name or as "POST /path".
func (c *Client) OpenCaller(name string) (hub.Caller, error) { return c.operation(name) }

// OpenTarget finds an operation, likewise.
func (c *Client) OpenTarget(name string) (hub.Target, error) { return c.operation(name) }

func (c *Client) operation(name string) (*Operation, error) {
	o := c.cfg.op(name)
	if o == nil && !strings.Contains(name, " ") {
		return nil, fmt.Errorf("http-client %q: no operation %q", c.env.Name, name)
	}
	if o == nil {
		var err error
		if o, err = lineOp(name, name); err != nil {
			return nil, fmt.Errorf("http-client %q: %w", c.env.Name, err)
		}
	}
	return &Operation{c, o}, nil
}

// silent keeps resty from logging: errors are returned.
type silent struct{}

func (silent) Errorf(string, ...any) {}
func (silent) Warnf(string, ...any)  {}
func (silent) Debugf(string, ...any) {}

// Probe asks HEAD on the service's own URL. An answer below 500 says that it is
// back, whichever it is: then the circuit breaker lets a call through.
func (c *Client) Probe(ctx context.Context) error {
	resp, err := c.resty.R().SetContext(ctx).Head(c.base)
	if err != nil {
		return err
	}
	if resp.StatusCode() >= http.StatusInternalServerError {
		return fmt.Errorf("answered %d", resp.StatusCode())
	}
	c.breaker.reset()
	return nil
}

// errForbidden: the address is of a network that the configuration forbids.
var errForbidden = errors.New("the address is in a forbidden network")

// errSwitched: the service answered 101, which nobody asked for.
var errSwitched = errors.New("the service switched protocols")

// newTransport makes the connections of one adapter.
func newTransport(cfg *Config, allowed []netip.Prefix) *http.Transport {
	dialer := &net.Dialer{Timeout: cfg.Timeout, KeepAlive: 30 * time.Second}
	if cfg.ForbidPrivate {
		dialer.ControlContext = func(_ context.Context, _, address string, _ syscall.RawConn) error {
			return guard(address, allowed)
		}
	}
	t := &http.Transport{
		DialContext:            dialer.DialContext,
		ForceAttemptHTTP2:      true,
		MaxIdleConns:           idleConnections,
		MaxIdleConnsPerHost:    idleConnections,
		IdleConnTimeout:        60 * time.Second,
		TLSHandshakeTimeout:    cfg.Timeout,
		MaxResponseHeaderBytes: maxResponseHeader,
	}
	if cfg.Proxy == "env" {
		t.Proxy = http.ProxyFromEnvironment
	}
	return t
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
