// Package console is the web page of the hub: pages for people over the calls of the admin API, which it is a client of as the
// command line is. It knows no other way to the hub, so what it shows and does is what the verbs of `hub` show and do.
package console

import (
	"bytes"
	"context"
	"embed"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"orderhub/cmd/hub/internal/access"
	"orderhub/cmd/hub/internal/api"
	"orderhub/pipelines/graph"
)

//go:embed static
var static embed.FS

// Console answers requests of browsers.
type Console struct {
	hub   *api.Client
	users *access.Users
	mux   *http.ServeMux
	looks map[string]look         // the pages that are kept up to date, by their path
	needs map[string]api.Declared // the calls that acts make, and pages that are not for everybody, by their path
	kept  kept
}

// New is a console of the hub that answers the calls, for its users. Under /api/ it passes the calls on themselves.
func New(calls http.Handler, users *access.Users) http.Handler {
	c := &Console{hub: api.Within(calls), users: users, mux: http.NewServeMux(), looks: map[string]look{}, needs: map[string]api.Declared{}}
	c.routes()
	c.mux.HandleFunc("GET /live", c.live)
	c.mux.Handle("GET /static/", http.FileServerFS(static))
	c.mux.HandleFunc("GET /static/graph.css", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/css; charset=utf-8")
		w.Write([]byte(graph.Style())) // the client may be gone
	})
	c.mux.Handle("GET /api/", http.StripPrefix("/api", calls))
	c.mux.Handle("POST /api/", http.StripPrefix("/api", calls))
	if !users.Open() {
		c.logins()
	}
	return c.guarded(http.NewCrossOriginProtection().Handler(c.asked(c.mux)))
}

// policy lets a page load what this server has, and nothing else: no script, no style and no form of anybody else works in it.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// guarded sets what every answer tells browsers, and refuses requests under names that are not the console's: a page of somebody else
// whose name suddenly leads to this machine (DNS rebinding) gets nothing.
func (c *Console) guarded(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for name, value := range map[string]string{"Content-Security-Policy": policy, "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer",
			"Cross-Origin-Opener-Policy": "same-origin", "Cache-Control": "no-store"} {
			w.Header().Set(name, value)
		}
		if !c.known(r.Host) {
			http.Error(w, "The console is not reached under the name "+r.Host+": use 127.0.0.1, or add the name to hub: {console: {hosts: […]}}.", http.StatusMisdirectedRequest)
			return
		}
		if !strings.HasPrefix(r.URL.Path, "/api/") { // calls bound what they read
			r.Body = http.MaxBytesReader(w, r.Body, 1<<20)
		}
		if r.TLS != nil {
			w.Header().Set("Strict-Transport-Security", "max-age=31536000")
		}
		h.ServeHTTP(w, r)
	})
}

func (c *Console) known(host string) bool {
	name, _, err := net.SplitHostPort(host)
	if err != nil {
		name = host
	}
	name = strings.ToLower(strings.Trim(name, "[]"))
	return name == "localhost" || net.ParseIP(name).IsLoopback() || slices.Contains(c.users.Config.Hosts, name)
}

// view is what a page shows.
type view struct {
	Page  string // the name of its template
	Title string
	Data  any // what the template is given
}

// look makes the view of a request, of a hub in a state.
type look func(r *http.Request, st *api.Status) (*view, error)

// page answers a path with a page that is kept up to date while it is open. needs are those calls of it that not everybody may make.
func (c *Console) page(path string, l look, needs ...api.Declared) {
	c.looks[path] = l
	for _, call := range needs {
		c.needs[path] = call
	}
	pattern := path
	if path == "/" {
		pattern = "/{$}"
	}
	c.mux.HandleFunc("GET "+pattern, func(w http.ResponseWriter, r *http.Request) {
		if _, err := r.Cookie(saidCookie); err == nil {
			c.alone(w, r, l)
			return
		}
		send(w, c.current(r.URL, r.Context()))
	})
}

// once answers a path with a page that is made for each request alone, since that somebody looks at it is recorded.
func (c *Console) once(path string, l look) {
	c.mux.HandleFunc("GET "+path, func(w http.ResponseWriter, r *http.Request) { c.alone(w, r, l) })
}

// alone makes a page for one request, with what an act before it had to say.
func (c *Console) alone(w http.ResponseWriter, r *http.Request, l look) {
	f := c.frame(r, l)
	f.Said = takeSaid(w, r)
	send(w, made(f))
}

// lookFor bounds how long a page may take to be made.
const lookFor = 10 * time.Second

// current is the page at an address, as it is now or was a moment ago. Whoever else asks for it meanwhile gets it too, so it
// depends on nothing but the address and who looks.
func (c *Console) current(at *url.URL, ctx context.Context) *sent {
	who := api.WhoOf(ctx)
	return c.kept.get(fmt.Sprint(who.Role, " ", who.Name, " ", at), func() *sent {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookFor)
		defer cancel()
		r := (&http.Request{Method: http.MethodGet, URL: at}).WithContext(ctx)
		return made(c.frame(r, c.looks[at.Path]))
	})
}

// sent is a page as it is sent.
type sent struct {
	status int
	body   []byte
}

func made(f *frame) *sent {
	var b bytes.Buffer
	status := f.write(&b)
	return &sent{status, f.without(b.Bytes())}
}

func send(w http.ResponseWriter, s *sent) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(s.status)
	w.Write(s.body) // the client may be gone
}

// ask makes a call that looks at the hub.
func ask[A any](c *Console, r *http.Request, call api.Call[A], query url.Values) (A, error) {
	a, _, err := call.Ask(r.Context(), c.hub, query, nil)
	return a, err
}
