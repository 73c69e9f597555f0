package stub

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"maps"
	"net"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/emersion/go-smtp"
)

// Options say how the partners behave. The zero value is a world in memory on free ports.
type Options struct {
	HTTPPort      int           // 0: a free one
	MailPort      int           // 0: a free one
	LedgerPath    string        // file of the ledger; "": in memory
	Latency       time.Duration // of every answer, after its effect
	Slow          time.Duration // what tok_slow and zip 00000 take; 0: 10 s
	Webhook       string        // URL of the hub's shipping webhook; "": none yet, see SetWebhook
	WebhookSecret string        // signs it; "": unsigned
	WebhookDelay  time.Duration // from booking to picked_up, delivered comes after three times as much; 0: 200 ms
}

// World is all partners, serving on 127.0.0.1. Who started it closes it.
type World struct {
	ledger *Ledger
	env    Env
	end    context.CancelFunc // of all waiting, and of the connections of the mail server
	http   *http.Server
	smtp   *smtp.Server
	mail   net.Listener
	hooks  *hooks
	urls   map[string]string
	served sync.WaitGroup // the accept loops
	calls  sync.RWMutex   // held for reading inside a handler
	once   sync.Once
	closed error
}

func carriers() []string { return []string{"shipping", "shipping-new"} }

func serviceNames() []string {
	return []string{"billing", "shipping", "shipping-new", "courier", "catalog", "stock", "mail"}
}

// add puts a fault in force when it names a service there is.
func (e Env) add(f Fault) error {
	if f.Service != "" && !slices.Contains(serviceNames(), f.Service) {
		return fmt.Errorf("no service %q: one of %q", f.Service, serviceNames())
	}
	return e.Faults.Add(f)
}

// Start listens and serves; when it returns every URL answers. On an error nothing is left behind.
func Start(o Options) (*World, error) {
	if o.Slow == 0 {
		o.Slow = 10 * time.Second
	}
	if o.WebhookDelay == 0 {
		o.WebhookDelay = 200 * time.Millisecond
	}
	web, err := listen(o.HTTPPort)
	if err != nil {
		return nil, err
	}
	mail, err := listen(o.MailPort)
	if err != nil {
		return nil, errors.Join(err, web.Close())
	}
	ledger, err := OpenLedger(o.LedgerPath)
	if err != nil {
		return nil, errors.Join(err, web.Close(), mail.Close())
	}
	ctx, end := context.WithCancel(context.Background())
	w := &World{ledger: ledger, end: end, mail: cutting{mail, ctx}, urls: map[string]string{}}
	w.hooks = startHooks(ledger, o.Webhook, o.WebhookSecret, o.WebhookDelay)
	w.env = Env{Ledger: ledger, Faults: &Faults{}, Latency: o.Latency, Slow: o.Slow, Done: ctx.Done(), Told: w.hooks.told}
	w.urls["mail"] = "smtp://" + mail.Addr().String()
	w.http = &http.Server{Handler: w.handler("http://" + web.Addr().String()), ReadHeaderTimeout: 10 * time.Second,
		ErrorLog: log.New(io.Discard, "", 0)}
	w.smtp = NewMail(w.env)
	w.served.Go(func() { _ = w.http.Serve(web) }) // ends with ErrServerClosed
	w.served.Go(func() { _ = w.smtp.Serve(w.mail) })
	return w, nil
}

func listen(port int) (net.Listener, error) {
	l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return nil, fmt.Errorf("stub: %w", err)
	}
	return l, nil
}

// handler is the HTTP side: each service under its name, the pages and the desk of all at the root.
func (w *World) handler(base string) http.Handler {
	mux := http.NewServeMux()
	var shown []pageService
	var roots []string
	for _, s := range []*service{newBilling(w.env), newShipping(w.env, "shipping"), newShipping(w.env, "shipping-new"),
		newCourier(w.env), newCatalog(w.env), newStock(w.env)} {
		w.urls[s.name] = base + "/" + s.name
		mux.Handle("/"+s.name+"/", http.StripPrefix("/"+s.name, s))
		shown = append(shown, pageService{s.name, w.urls[s.name], s.patterns()})
		roots = append(roots, "/"+s.name+"/...")
	}
	shown = append(shown, pageService{"mail", w.urls["mail"], []string{"GET /mail", "GET /mail/{n}"}})
	mountDesk(mux, w.env, "")
	mountPages(mux, w.ledger, shown)
	roots = append(roots, "GET /", "GET /mail", "GET /mail/{n}", "GET /_ledger", "POST /_fault")
	mux.HandleFunc("/", func(rw http.ResponseWriter, r *http.Request) { noRoute(r, roots).write(rw) })
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.calls.RLock()
		defer w.calls.RUnlock()
		mux.ServeHTTP(rw, r)
	})
}

// URLs gives where each service answers, by name; mail is smtp://host:port.
func (w *World) URLs() map[string]string { return maps.Clone(w.urls) }

// Ledger is the record of all effects; it can be read after Close.
func (w *World) Ledger() *Ledger { return w.ledger }

// Fault puts a fault in force.
func (w *World) Fault(f Fault) error { return w.env.add(f) }

// ClearFaults ends all faults.
func (w *World) ClearFaults() { w.env.Faults.Clear() }

// SetWebhook sets where and with what secret carriers call back, from now on and for bookings nobody was told of yet; "" stops it.
func (w *World) SetWebhook(url, secret string) { w.hooks.aim(url, secret) }

// Close stops everything: requests that wait are cut, callbacks not made are left to the next start on the same ledger file. After it
// no goroutine of the world runs, unless ctx ended first. More calls give the first result.
func (w *World) Close(ctx context.Context) error {
	w.once.Do(func() { w.closed = w.close(ctx) })
	return w.closed
}

func (w *World) close(ctx context.Context) error {
	w.end()
	w.hooks.stop()
	quick, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	if w.http.Shutdown(quick) != nil {
		_ = w.http.Close() // cuts what is left; the listener is closed
	}
	w.calls.Lock() // waits for the last handler
	defer w.calls.Unlock()
	err := w.mail.Close()
	w.served.Wait()
	if downErr := w.smtp.Shutdown(ctx); downErr != nil && !errors.Is(downErr, net.ErrClosed) {
		err = errors.Join(err, downErr)
	}
	return errors.Join(err, w.ledger.Close())
}

// cutting is a listener whose connections end with the world.
type cutting struct {
	net.Listener
	world context.Context
}

func (l cutting) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return cut{c, context.AfterFunc(l.world, func() { _ = c.Close() })}, nil
}

type cut struct {
	net.Conn
	spare func() bool
}

func (c cut) Close() error {
	c.spare()
	return c.Conn.Close()
}
