package httpserver

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"orderhub/hub"
	"orderhub/hub/trust"
)

// Server is one HTTP server. Its routes are the running sources. Close ends
// it; before that every Source.Run must have returned.
type Server struct {
	cfg      Config
	proxies  []netip.Prefix // whose X-Forwarded-For is believed
	remote   remote
	env      *hub.Env
	linkKeys [][]byte
	base     atomic.Pointer[string] // of links; nil: not known before Start
	http     *http.Server
	secure   bool // net/http writes http.TLSConfig itself: ask this
	routes   routes
	scratch  pools
	fresh    fresh

	inFlight atomic.Int64
	draining atomic.Bool
	failed   chan struct{} // closed when serving ended with failure
	failure  error         // set before failed is closed

	served sync.WaitGroup
}

// open makes a server that listens after Start.
func open(cfg *Config, env *hub.Env) (*Server, error) {
	keys, err := linkKeysOf(cfg)
	if err != nil {
		return nil, fmt.Errorf("link_key: %w", err)
	}
	s := &Server{cfg: *cfg, env: env, linkKeys: keys, failed: make(chan struct{})}
	if s.proxies, err = trust.Networks(cfg.Proxies); err != nil {
		return nil, fmt.Errorf("proxies: %w", err)
	}
	if base := strings.TrimSuffix(cfg.URL, "/"); base != "" {
		s.base.Store(&base)
	}
	l := cfg.Limits
	s.http = &http.Server{
		Handler:           s,
		ReadHeaderTimeout: l.ReadHeaderTimeout,
		ReadTimeout:       l.ReadTimeout,
		WriteTimeout:      l.ReadTimeout + l.WriteTimeout, // net/http counts it from the end of the headers
		IdleTimeout:       l.IdleTimeout,
		MaxHeaderBytes:    l.MaxHeader,
		ErrorLog:          slog.NewLogLogger(s.env.Log.Handler(), slog.LevelDebug),
	}
	s.http.ConnState = s.fresh.note
	if cfg.TLS.Cert != "" {
		trust.Ours(env, cfg.TLS.Cert)
		certs, err := trust.NewCertificates(env.Path(cfg.TLS.Cert), env.Path(cfg.TLS.Key), s.env.Log)
		if err != nil {
			return nil, err
		}
		s.secure = true
		s.http.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: certs.Get}
		if cfg.TLS.ClientCA != "" {
			s.http.TLSConfig.ClientCAs, s.http.TLSConfig.ClientAuth = x509.NewCertPool(), tls.VerifyClientCertIfGiven
			if err := trust.Add(s.http.TLSConfig.ClientCAs, env, cfg.TLS.ClientCA); err != nil {
				return nil, fmt.Errorf("tls: client_ca: %w", err)
			}
		}
	}
	return s, nil
}

// OpenSource declares the route that arg names, such as "POST /orders/{id}". It
// answers 503 until the source runs.
func (s *Server) OpenSource(arg string, cfg *SourceConfig) (hub.Source, error) {
	src, faults := routeOf(arg, cfg, s)
	if len(faults) > 0 {
		return nil, fmt.Errorf("http-server %q: route %q: %s; %s", s.env.Name, arg, faults[0].Message, faults[0].Help)
	}
	if s.cfg.OpenAPI != "" && src.pattern == "GET "+s.cfg.OpenAPI {
		return nil, fmt.Errorf("http-server %q: route %q: the OpenAPI description is served there", s.env.Name, arg)
	}
	if err := s.routes.declare(src); err != nil {
		return nil, fmt.Errorf("http-server %q: %w", s.env.Name, err)
	}
	return src, nil
}

// Start listens and serves. addr is the URL of the server.
func (s *Server) Start(ctx context.Context) (string, error) {
	ln, err := listen(ctx, s.cfg.Listen, s.env.AnyPort)
	if err != nil {
		return "", fmt.Errorf("http-server %q: %w", s.env.Name, err)
	}
	limited := newLimitedListener(ln, s.cfg.Limits.MaxConnections, s.cfg.Limits.PerIP, !s.secure)
	limited.refused = func() {
		s.env.Refused(hub.Refusal{Class: hub.Throttled, Reason: "too_many_connections", Text: "a connection past max_connections or per_ip"})
	}
	s.served.Go(func() { s.serve(limited) })
	addr := urlOf(ln.Addr(), s.secure)
	s.base.CompareAndSwap(nil, &addr)
	return addr, nil
}

func (s *Server) serve(ln net.Listener) {
	var err error
	if s.secure {
		err = s.http.ServeTLS(ln, "", "")
	} else {
		err = s.http.Serve(ln)
	}
	if !errors.Is(err, http.ErrServerClosed) {
		s.failure = fmt.Errorf("http-server %q: %w", s.env.Name, err)
		close(s.failed)
	}
}

// Close answers 503 to what still comes, finishes what is there, and frees the
// port. When ctx ends first, connections are cut.
func (s *Server) Close(ctx context.Context) error {
	s.draining.Store(true)
	silent := time.AfterFunc(freshGrace, s.fresh.close)
	defer silent.Stop()
	err := s.http.Shutdown(ctx)
	if err != nil {
		err = errors.Join(fmt.Errorf("http-server %q: %w", s.env.Name, err), s.http.Close())
	}
	s.served.Wait()
	return err
}

// handlerTimeout is the time that a pipeline has: what remains of the answer's
// time is for sending it.
func (s *Server) handlerTimeout() time.Duration {
	t := s.cfg.Limits.WriteTimeout
	return t - min(t/10, time.Second)
}
