package sql

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"
	"github.com/jackc/pgx/v5/pgxpool"

	"orderhub/hub"
	"orderhub/hub/trust"
)

// Adapter is an opened entry of `adapters:`: one pool of connections.
type Adapter struct {
	cfg    Config
	env    *hub.Env
	pool   *pgxpool.Pool
	listen *pgx.ConnConfig // of connections that only listen
	ops    map[string]*op
	types  *types
	writer *writer
	setup  *setup

	applied, claims pgx.Identifier // the hub's own tables

	ctx   context.Context // ends with Close
	end   context.CancelFunc
	group sync.WaitGroup // what runs until then

	mu      sync.Mutex
	inserts []place // what the configuration uses, for Inspect
	polls   []*Source

	sweeping  bool
	nextSweep time.Time
}

const (
	idleConnection = 5 * time.Minute
	oldConnection  = 30 * time.Minute
	cancelPatience = time.Second // for the server to give up a statement; then the connection is closed
)

func open(c *Config, env *hub.Env) (*Adapter, error) {
	if c.URL == "" {
		return nil, errors.New("url is missing")
	}
	a := &Adapter{cfg: *c, env: env, ops: map[string]*op{}, types: newTypes()}
	a.applied, _ = parseTable(c.Tables + "applied") // checked above, as all of these
	a.claims, _ = parseTable(c.Tables + "claims")
	for name, o := range c.Ops {
		a.ops[name], _, _, _ = compile(name, o)
	}
	a.writer, a.setup = &writer{a: a}, &setup{a: a}
	a.ctx, a.end = context.WithCancel(context.Background())
	pc, err := parseURL(c.URL)
	if err == nil {
		watch(env, pc.ConnConfig)
		a.listen = pc.ConnConfig.Copy()
		a.pool, err = pgxpool.NewWithConfig(a.ctx, a.configure(pc))
	}
	if err != nil {
		a.end()
		return nil, err
	}
	return a, nil
}

// watch makes env learn when the certificates of encrypted connections end. The library reads ours when it opens.
func watch(env *hub.Env, c *pgx.ConnConfig) {
	all := []*tls.Config{c.TLSConfig}
	for _, f := range c.Fallbacks {
		all = append(all, f.TLSConfig)
	}
	for _, t := range all {
		if t == nil {
			continue
		}
		trust.Watch(env, t)
		for _, ours := range t.Certificates {
			end := ours.Leaf.NotAfter.Unix()
			env.Ends.Learn("client certificate", func() (int64, error) { return end, nil })
		}
	}
}

// configure sets what the library's defaults leave to chance.
func (a *Adapter) configure(pc *pgxpool.Config) *pgxpool.Config {
	pc.MaxConns, pc.MinConns = int32(a.cfg.Pool.Max), 0
	pc.MaxConnIdleTime, pc.MaxConnLifetime, pc.MaxConnLifetimeJitter = idleConnection, oldConnection, idleConnection
	pc.PingTimeout = a.cfg.Timeout
	c := pc.ConnConfig
	c.ConnectTimeout = a.cfg.Timeout
	c.DefaultQueryExecMode = pgx.QueryExecModeExec // statements are prepared by session alone
	preset(c.RuntimeParams, "application_name", "orderhub "+a.env.Name)
	preset(c.RuntimeParams, "datestyle", "ISO")
	c.BuildContextWatcherHandler = func(conn *pgconn.PgConn) ctxwatch.Handler { // what we give up, the server gives up too
		return &canceller{pgconn.CancelRequestContextWatcherHandler{Conn: conn, DeadlineDelay: cancelPatience}}
	}
	return pc
}

// preset sets a parameter that the URL does not.
func preset(params map[string]string, name, value string) {
	for have := range params {
		if strings.EqualFold(have, name) {
			return
		}
	}
	params[name] = value
}

// OpenSource makes the source of a table: "poll orders".
func (a *Adapter) OpenSource(arg string, c *SourceConfig) (hub.Source, error) {
	if faults := checkSource(arg, c); len(faults) > 0 {
		return nil, fmt.Errorf("%s; %s", faults[0].Message, faults[0].Help)
	}
	s, err := newSource(a, arg, *c)
	if err != nil {
		return nil, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.polls = append(a.polls, s)
	return s, nil
}

// OpenTarget makes the target that inserts rows ("insert orders"), or runs an operation ("exec cancel").
func (a *Adapter) OpenTarget(arg string) (hub.Target, error) {
	p, err := parsePlace(arg)
	if err != nil {
		return nil, err
	}
	t := &Target{a: a, place: p, once: a.scope(p.String())}
	if p.table == nil {
		if t.op, err = a.op(p.op); err != nil {
			return nil, err
		}
		if t.op.reads {
			return nil, fmt.Errorf("the operation %q is a query, which changes nothing: call it", p.op)
		}
		return t, nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.inserts = append(a.inserts, p)
	return t, nil
}

// OpenCaller finds an operation of `ops:`.
func (a *Adapter) OpenCaller(name string) (hub.Caller, error) {
	o, err := a.op(name)
	if err != nil {
		return nil, err
	}
	return &Caller{a: a, op: o, once: a.scope("call " + name)}, nil
}

func (a *Adapter) op(name string) (*op, error) {
	if o := a.ops[name]; o != nil {
		return o, nil
	}
	return nil, fmt.Errorf("no operation %q; there are %s", name, strings.Join(slices.Sorted(maps.Keys(a.ops)), ", "))
}

// scope is where an ID is applied once: at one place of one hub.
func (a *Adapter) scope(what string) string {
	return strings.TrimSpace(a.env.Hub + " " + a.env.Name + " " + what)
}

// address is where the database is, for people.
func (a *Adapter) address() string {
	c := a.listen
	return net.JoinHostPort(c.Host, strconv.Itoa(int(c.Port))) + "/" + c.Database
}

// Close ends the connections. Its sources have returned and its targets are closed.
func (a *Adapter) Close(ctx context.Context) error {
	a.end()
	closed := make(chan struct{})
	go func() {
		a.group.Wait()
		a.pool.Close()
		close(closed)
	}()
	select {
	case <-closed:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("sql %q: connections are still in use: %w", a.env.Name, ctx.Err())
	}
}

// Probe tells whether the database answers.
func (a *Adapter) Probe(ctx context.Context) error { return a.pool.Ping(ctx) }
