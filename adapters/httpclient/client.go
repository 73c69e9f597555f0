package httpclient

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/netip"
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
	ops       map[string]*op
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
	c := &Client{cfg: *cfg, env: env, base: strings.TrimRight(cfg.URL, "/"), ops: map[string]*op{}}
	maps.Copy(c.ops, cfg.described)
	for name, v := range cfg.Ops {
		c.ops[name], _, _ = parseOp(name, v) // checked above
	}
	if t, _ := parseThrottle(cfg.Limits.Throttle); t.n > 0 {
		c.pace = rate.NewLimiter(rate.Limit(float64(t.n)/t.per.Seconds()), 1)
	}
	if b, _ := parseBreaker(cfg.Limits.CircuitBreaker); b.failures > 0 {
		c.breaker = newBreaker(env.Name, b)
	}
	c.turns = make(chan struct{}, cfg.Limits.MaxInFlight)
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

func (c *Client) authorize() {
	for name, value := range c.cfg.Headers {
		c.resty.SetHeader(name, value)
	}
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
func (c *Client) OpenCaller(name string) (hub.Caller, error) {
	o, err := c.op(name)
	if err != nil {
		return nil, err
	}
	return &Caller{c, o}, nil
}

// OpenTarget finds an operation, by its name or as "POST /path".
func (c *Client) OpenTarget(arg string) (hub.Target, error) {
	o, err := c.op(arg)
	if err != nil {
		return nil, err
	}
	return &Target{Caller{c, o}}, nil
}

func (c *Client) op(name string) (*op, error) {
	if o := c.ops[name]; o != nil {
		return o, nil
	}
	if !strings.Contains(name, " ") {
		return nil, fmt.Errorf("http-client %q: no operation %q", c.env.Name, name)
	}
	o, err := lineOp(name, name)
	if err != nil {
		return nil, fmt.Errorf("http-client %q: %w", c.env.Name, err)
	}
	return o, nil
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
	for _, p := range allowed {
		if p.Contains(ip) {
			return nil
		}
	}
	if ip.IsPrivate() || ip.IsLoopback() || ip.IsLinkLocalUnicast() || ip.IsMulticast() || ip.IsUnspecified() || !ip.IsGlobalUnicast() {
		return errForbidden
	}
	for _, p := range reserved {
		if p.Contains(ip) {
			return errForbidden
		}
	}
	return nil
}
