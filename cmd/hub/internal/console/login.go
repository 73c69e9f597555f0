package console

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"

	"orderhub/cmd/hub/internal/access"
	"orderhub/cmd/hub/internal/api"
)

// login is what the page asks with.
type login struct {
	To           string // the page that is wanted
	Tokens, OIDC bool
	Refused      *api.Problem
}

func (l *login) refused() *api.Problem { return l.Refused }

// logins are the pages at which people say who they are.
func (c *Console) logins() {
	c.mux.HandleFunc("GET /login", func(w http.ResponseWriter, r *http.Request) { c.askLogin(w, r, nil) })
	c.mux.HandleFunc("POST /login", func(w http.ResponseWriter, r *http.Request) {
		c.loggedIn(w, r, r.PostFormValue("to"), c.users.LogIn(w, r, r.PostFormValue("token")))
	})
	c.mux.HandleFunc("GET /login/oidc", func(w http.ResponseWriter, r *http.Request) {
		if err := c.users.Begin(w, r, r.FormValue("to")); err != nil {
			c.askLogin(w, r, err)
		}
	})
	c.mux.HandleFunc("GET "+access.Callback, func(w http.ResponseWriter, r *http.Request) {
		to, err := c.users.End(w, r)
		c.loggedIn(w, r, to, err)
	})
	c.mux.HandleFunc("POST /logout", func(w http.ResponseWriter, r *http.Request) {
		if err := c.users.LogOut(w, r); err != nil {
			c.askLogin(w, r, err)
			return
		}
		http.Redirect(w, r, "/login", http.StatusSeeOther)
	})
}

func (c *Console) askLogin(w http.ResponseWriter, r *http.Request, refused error) {
	l := &login{To: r.FormValue("to"), Tokens: c.users.Config.Users.Tokens, OIDC: c.users.Config.Users.OIDC != nil}
	f := &frame{view: &view{"login", "Log in", l}}
	if refused != nil {
		l.Refused = api.ProblemOf(refused)
	}
	send(w, made(f))
}

// loggedIn leads to the page that was wanted, which is one of this console.
func (c *Console) loggedIn(w http.ResponseWriter, r *http.Request, to string, err error) {
	if err != nil {
		c.askLogin(w, r, err)
		return
	}
	if at, err := url.Parse(to); err != nil || at.Host != "" || at.Scheme != "" || !strings.HasPrefix(to, "/") || strings.ContainsAny(to, "\\\r\n") {
		to = "/"
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
}

// asked finds out who asks, for h. Whom nobody knows gets the log-in and the files that it needs, and nothing else.
func (c *Console) asked(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		remote := strings.HasPrefix(r.URL.Path, "/api/")
		if err := c.users.Direct(r); err != nil {
			c.refuse(w, r, err)
			return
		}
		if open := strings.HasPrefix(r.URL.Path, "/static/") || !c.users.Open() && (r.URL.Path == "/login" || strings.HasPrefix(r.URL.Path, "/login/") || r.URL.Path == "/logout"); open {
			h.ServeHTTP(w, r)
			return
		}
		find := func() (api.Who, error) { return c.users.Visitor(r) }
		switch {
		case remote:
			find = func() (api.Who, error) { return c.users.Caller(r) }
		case c.users.Open():
			find = func() (api.Who, error) { return api.Everybody, nil }
		}
		who, err := find()
		if err == nil && who.Role == 0 {
			err = unknown(r, who)
		}
		if err != nil {
			c.refuse(w, r, err)
			return
		}
		ctx := r.Context()
		if r.Method == http.MethodGet && (remote || !c.users.Open()) {
			bounded, cancel := c.users.While(ctx, who, find)
			defer cancel()
			ctx = bounded
		}
		h.ServeHTTP(w, r.WithContext(api.As(ctx, who)))
	})
}

// unknown is the problem of somebody without a role.
func unknown(r *http.Request, who api.Who) error {
	switch {
	case who.Name != "":
		return api.Forbiddenf("%s has no role at this hub: an admin gives one under hub.console.users.roles", who.Name)
	case r.Header.Get("Authorization") != "":
		return api.Problemf(http.StatusUnauthorized, "unauthorized", "unauthorized", "this token is not known, or its time is over: ask an admin of the hub for one (hub token add NAME --role viewer)")
	}
	return new(api.Declared).Allow(who, "", nil)
}

// refuse answers who may not have what they ask for: programs with a problem, people with a page, or with the log-in that leads there.
func (c *Console) refuse(w http.ResponseWriter, r *http.Request, err error) {
	p := api.ProblemOf(err)
	switch {
	case strings.HasPrefix(r.URL.Path, "/api/"):
		if p.Status == http.StatusUnauthorized {
			w.Header().Set("WWW-Authenticate", "Bearer")
		}
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(p.Status)
		json.NewEncoder(w).Encode(p) // the client may be gone
	case p.Status == http.StatusUnauthorized && r.Method == http.MethodGet && r.URL.Path != "/live":
		http.Redirect(w, r, "/login?"+query("to", r.URL.RequestURI()).Encode(), http.StatusSeeOther)
	default:
		send(w, made(&frame{view: &view{Page: "problem", Title: "This can't be shown"}, Problem: p}))
	}
}
