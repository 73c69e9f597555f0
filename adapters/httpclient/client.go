package httpclient

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strings"

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
