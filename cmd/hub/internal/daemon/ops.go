package daemon

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"syscall"
	"time"

	"orderhub/cmd/hub/internal/api"
	"orderhub/cmd/hub/internal/config"
	"orderhub/cmd/hub/internal/doctor"
	"orderhub/cmd/hub/internal/otlp"
	"orderhub/cmd/hub/internal/prometheus"
	"orderhub/hub"
	"orderhub/hub/figures"
	"orderhub/hub/trust"
	"orderhub/pipelines/console"
)

// openOps listens where the configuration says that the hub is watched; nil: nowhere.
func openOps(address string) (net.Listener, error) {
	if address == "" {
		return nil, nil
	}
	l, err := net.Listen("tcp", address)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("hub.ops.address: %s is used by another program; write another port, or port 0 to take a free one: %w", address, err)
	}
	if err != nil {
		return nil, fmt.Errorf("hub.ops.address: %w", err)
	}
	return l, nil
}

// openConsole listens where the configuration says that the console is, or on a free port when another program uses that; nil: there is none.
// A console that is elsewhere is better than none, and no reason for a hub to take no orders.
func openConsole(l *config.Loaded, log *slog.Logger) (net.Listener, error) {
	c := &l.Plan.Console
	if c.Address == console.None || c.Address == "" {
		return nil, nil
	}
	var certs *trust.Certificates
	if c.TLS.Cert != "" {
		var err error
		beside := &hub.Env{Dir: l.Plan.Dir}
		if certs, err = trust.NewCertificates(beside.Path(c.TLS.Cert), beside.Path(c.TLS.Key), log); err != nil {
			return nil, fmt.Errorf("hub.console.%w", err)
		}
	}
	at, err := net.Listen("tcp", c.Address)
	if host, _, _ := net.SplitHostPort(c.Address); errors.Is(err, syscall.EADDRINUSE) && trust.Local(host) {
		at, err = net.Listen("tcp", net.JoinHostPort(host, "0"))
	}
	if err != nil {
		return nil, fmt.Errorf("hub.console.address: %w", err)
	}
	if certs != nil {
		at = &secured{at, &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: certs.Get}}
	}
	return at, nil
}

// secured is a listener whose connections are HTTPS.
type secured struct {
	net.Listener
	config *tls.Config
}

// tellConsole says where the console is, and where it should be if another program is there.
func (d *Daemon) tellConsole(r *api.Ready) {
	if d.console == nil {
		return
	}
	at, wanted := d.console.Addr().String(), d.Config.Plan.Console.Address
	r.Console = "http://" + at + "/"
	if d.Config.Plan.Console.TLS.Cert != "" {
		r.Console = "https://" + at + "/"
	}
	_, port, _ := net.SplitHostPort(at)
	if _, p, _ := net.SplitHostPort(wanted); p != port && p != "0" {
		r.Moved = wanted
	}
}

// opsURL is where the hub is watched; "": on the control socket alone.
func (d *Daemon) opsURL() string {
	if d.ops == nil {
		return ""
	}
	return "http://" + d.ops.Addr().String()
}

// openly lets everybody whom h answers do all: they are asked for no name.
func openly(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.ServeHTTP(w, r.WithContext(api.As(r.Context(), api.Everybody)))
	})
}

// serve answers what comes to l until Close.
func (d *Daemon) serve(l net.Listener, h http.Handler) {
	s := &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second, MaxHeaderBytes: 64 << 10,
		ErrorLog: slog.NewLogLogger(d.Log.Handler(), slog.LevelError)}
	d.servers = append(d.servers, s)
	if by, ok := l.(*secured); ok {
		s.TLSConfig = by.config
		go s.ServeTLS(l, "", "")
		return
	}
	go s.Serve(l)
}

// watched adds what whoever watches the hub asks for. It shows numbers and names, and changes nothing.
func (d *Daemon) watched(mux *http.ServeMux) *http.ServeMux {
	mux.Handle("GET /metrics", prometheus.Handler(func(r *http.Request) figures.Snapshot { return d.gather(r.Context()).Figures }))
	mux.HandleFunc("GET /livez", d.livez)
	mux.HandleFunc("GET /readyz", d.readyz)
	return mux
}

// ready tells why the hub takes nothing from outside now; nil: it does. A partner that is away does not count: traffic to another hub would meet the same.
func (d *Daemon) ready() error { return d.current.Load().rt.Ready() }

// alive returns if the hub is: it takes the lock of each stage and source. Whether the store and the partners answer is not asked: a new start would mend neither.
func (d *Daemon) alive() { d.current.Load().rt.Status() }

func (d *Daemon) livez(w http.ResponseWriter, r *http.Request) {
	d.alive()
	d.tell(w, r, http.StatusOK, "application/json", state{"ok"})
}

func (d *Daemon) readyz(w http.ResponseWriter, r *http.Request) {
	if err := d.ready(); err != nil {
		p := api.ProblemOf(err)
		p.Status = http.StatusServiceUnavailable
		d.tell(w, r, p.Status, "application/problem+json", p)
		return
	}
	d.tell(w, r, http.StatusOK, "application/json", state{"ready"})
}

// state is what whoever watches reads of a hub that is well.
type state struct {
	Status string `json:"status"`
}

// examine examines this hub, and the configuration as its file is now.
func (a *admin) examine(r *http.Request) (*api.Checkup, error) {
	g, stubs := a.current.Load(), &config.Stubs{Off: a.Stubs.Off, Asked: a.Stubs.Asked, Strict: true, Warn: true}
	l := config.Load(g.Path, a.Fresh(), stubs, g.Sets...)
	return &api.Checkup{Running: true, Checks: doctor.Examine(r.Context(), &doctor.Patient{Loaded: l, Stubs: stubs, Store: a.storage.Store,
		Runs: g.Plan.Version, Serves: g.opened.Addresses})}, nil
}

// observe makes the generation tell the collector of its runs. The exporter is its own: a reload may name another collector.
// The work that it gives ends with its context.
func (d *Daemon) observe(g *generation) (work func(ctx context.Context)) {
	to := g.Plan.OTLP
	if to.Endpoint == "" {
		return nil
	}
	c := otlp.Config{Endpoint: to.Endpoint, Sample: to.Sample, Headers: map[string]string{}, Hub: g.Plan.Name, Version: d.Version.Version,
		Systems: map[string]string{}, Sources: map[string]string{}, Mask: d.Registry.Mask.Text, Figures: d.health.Figures, Log: d.Log}
	for name, value := range to.Headers {
		c.Headers[name] = value.Reveal()
	}
	for _, a := range g.Plan.Adapters {
		c.Systems[a.Name] = a.Type.Name
	}
	for _, p := range g.Plan.Pipelines {
		c.Sources[p.Name] = p.From.Arg
	}
	e := otlp.New(c)
	g.rt.Observed(e)
	return e.Run
}
