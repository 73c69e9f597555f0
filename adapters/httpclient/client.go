package httpclient

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/go-resty/resty/v2"
	"golang.org/x/time/rate"
	"orderhub/hub"
	"orderhub/hub/figures"
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
	logins    []login
	pace      *rate.Limiter // nil: none
	turns     chan struct{} // calls in flight
	breaker   *breaker      // nil: none
}

// open makes a client; the service need not be there.
func open(cfg *Config, env *hub.Env) (*Client, error) {
	if cfg.URL == "" {
		return nil, errors.New("url is missing")
	}
	c := &Client{cfg: *cfg, env: env, base: strings.TrimRight(cmp.Or(cfg.server, cfg.URL), "/"), turns: make(chan struct{}, cfg.Limits.MaxInFlight)}
	if q, _ := cfg.Limits.throttle(); q.n > 0 {
		c.pace = rate.NewLimiter(rate.Limit(float64(q.n)/q.per.Seconds()), 1)
	}
	if q, _ := cfg.Limits.breaker(); q.n > 0 {
		c.breaker = newBreaker(env.Name, q)
	}
	var err error
	if c.transport, err = newTransport(cfg, env); err != nil {
		return nil, err
	}
	if c.logins, err = cfg.logins(env, c.transport); err != nil {
		return nil, err
	}
	c.resty = resty.NewWithClient(&http.Client{Transport: onlyAnswers{signed{c.transport, c.logins}}}).
		SetRetryCount(0).
		SetResponseBodyLimit(cfg.Limits.MaxResponse).
		SetRedirectPolicy(resty.RedirectPolicyFunc(func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse })).
		SetLogger(silent{}).
		SetDisableWarn(true).
		SetHeader("User-Agent", agent)
	return c, nil
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
	resp, err := c.resty.R().SetContext(ctx).SetHeaders(c.cfg.Headers).Head(c.base)
	if err != nil {
		return err
	}
	if date, err := http.ParseTime(resp.Header().Get("Date")); err == nil && c.env.Met != nil {
		c.env.Met(hub.Peer{Ahead: date.Sub(c.env.Clock.Now().Truncate(time.Second)), Dated: true})
	}
	if resp.StatusCode() >= http.StatusInternalServerError {
		return fmt.Errorf("answered %d", resp.StatusCode())
	}
	c.breaker.reset()
	return nil
}

// Figures tells the state of the circuit breaker.
func (c *Client) Figures(_ context.Context, to *figures.Set) error {
	c.breaker.tell(to)
	return nil
}
