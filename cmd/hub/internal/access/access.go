// Package access tells who asks the console and the remote API, and what they may do: by tokens, by sessions of browsers, by a provider of OpenID
// Connect, and by a proxy that has asked already. Whom nothing names may do nothing.
package access

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"orderhub/cmd/hub/internal/api"
	"orderhub/cmd/hub/internal/audit"
	"orderhub/hub"
	"orderhub/hub/trust"
	"orderhub/pipelines/console"
)

// Users are the users of a hub.
type Users struct {
	Config  console.Config
	Records hub.Records
	Commit  func(ctx context.Context, r audit.Record, u *hub.Unit) error // makes u durable with the record of what it does
	Clock   hub.Clock

	networks []netip.Prefix // of the proxy
	limit    limit
	provider provider
}

// New makes the users; the configuration is checked already.
func New(cfg console.Config, records hub.Records, clock hub.Clock, commit func(context.Context, audit.Record, *hub.Unit) error) *Users {
	u := &Users{Config: cfg, Records: records, Commit: commit, Clock: clock}
	if cfg.Proxy != nil {
		u.networks, _ = trust.Networks(cfg.Proxy.Networks) // was checked
	}
	return u
}

// Open tells that whoever reaches the console may do all.
func (u *Users) Open() bool { return u.Config.Users == nil }

// Direct is the problem of a request that comes around the proxy that stands in front; nil: it does not.
func (u *Users) Direct(r *http.Request) error {
	if u.Config.Proxy == nil || trust.Contain(u.networks, peer(r)) {
		return nil
	}
	return api.Forbiddenf("the hub answers its proxy alone (hub.console.proxy.networks): come by the proxy's address")
}

// peer is the address that the connection comes from.
func peer(r *http.Request) netip.Addr {
	a, _ := netip.ParseAddrPort(r.RemoteAddr) // the zero address is in no network
	return a.Addr().Unmap().WithZone("")
}

// from is the address that a request comes from: the one that the proxy saw.
func (u *Users) from(r *http.Request) netip.Addr {
	at := peer(r)
	if u.Config.Proxy == nil {
		return at
	}
	seen := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	if a, err := netip.ParseAddr(strings.TrimSpace(seen[len(seen)-1])); err == nil { // what stands before it, anybody may have written
		return a.Unmap().WithZone("")
	}
	return at
}

// sessionCookie holds the secret of a session: browsers send it to this host alone, over HTTPS (or to this machine), and show it to no script.
const sessionCookie = "__Host-hub"

// Caller is who shows a token (Authorization: Bearer).
func (u *Users) Caller(r *http.Request) (api.Who, error) {
	secret, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	return u.known(r.Context(), hashOf(secret), false)
}

// Visitor is who has a session, or whom the proxy names.
func (u *Users) Visitor(r *http.Request) (api.Who, error) {
	if p := u.Config.Proxy; p != nil && p.User != "" && len(r.Header.Values(p.User)) == 1 { // two: one is somebody else's
		name := r.Header.Get(p.User)
		var groups []string
		if p.Groups != "" {
			for g := range strings.SplitSeq(strings.Join(r.Header.Values(p.Groups), ","), ",") {
				groups = append(groups, strings.TrimSpace(g))
			}
		}
		return api.Who{Name: name, Role: u.Config.Users.Roles.Of(name, groups)}, nil
	}
	k, err := r.Cookie(sessionCookie)
	if err != nil {
		return api.Who{}, nil
	}
	return u.known(r.Context(), hashOf(k.Value), true)
}

// known is who is known by the hash of what they showed; the zero Who: nobody is.
func (u *Users) known(ctx context.Context, hash string, session bool) (api.Who, error) {
	c, err := find(ctx, u.Records, hash)
	switch {
	case err != nil || c == nil || c.Session != session:
		return api.Who{}, err
	case !session:
		return api.Who{Name: c.Name, Role: c.Role, Pipelines: c.Pipelines}, nil
	case c.Token != "" && u.Config.Users.Tokens: // a session is worth what its token is
		return u.known(ctx, c.Token, false)
	case c.Token != "":
		return api.Who{}, nil
	}
	return api.Who{Name: c.Name, Role: u.Config.Users.Roles.Of(c.Name, c.Groups)}, nil
}

// again is how often it is asked whether somebody who looks on for long still may.
const again = 2 * time.Second

// While is the context of a request of who that may go on for long: it ends when find finds somebody else.
func (u *Users) While(ctx context.Context, who api.Who, find func() (api.Who, error)) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		for hub.Pause(ctx, u.Clock, again) {
			if now, err := find(); err != nil || now.Role != who.Role || now.Name != who.Name {
				cancel()
			}
		}
	}()
	return ctx, cancel
}

// attempt counts an attempt to log in; an error: there were too many.
func (u *Users) attempt(r *http.Request) error {
	if u.limit.take(u.from(r)) {
		return nil
	}
	return api.Problemf(http.StatusTooManyRequests, "too_many_logins", "too many attempts", "too many attempts to log in: wait a minute")
}

// LogIn opens a session for who shows a token.
func (u *Users) LogIn(w http.ResponseWriter, r *http.Request, token string) error {
	if !u.Config.Users.Tokens {
		return api.Forbiddenf("nobody logs in here with a token (hub.console.users.tokens)")
	}
	if err := u.attempt(r); err != nil {
		return err
	}
	who, err := u.known(r.Context(), hashOf(strings.TrimSpace(token)), false)
	switch {
	case err != nil:
		return err
	case who.Role == 0:
		return api.Problemf(http.StatusUnauthorized, "unauthorized", "unauthorized", "this token is not known, or its time is over: ask an admin for one (hub token add NAME --role viewer)")
	case len(who.Pipelines) > 0:
		return api.Forbiddenf("this token is good for pipelines alone (%s): the pages need one without --pipelines", strings.Join(who.Pipelines, ", "))
	}
	return u.open(w, r, &credential{Name: who.Name, Token: hashOf(strings.TrimSpace(token))}, "token")
}

// open opens a session, with its record in the audit log.
func (u *Users) open(w http.ResponseWriter, r *http.Request, c *credential, how string) error {
	now := u.Clock.Now().UTC()
	c.Session, c.Made, c.Expires = true, now, now.Add(u.Config.Users.Session)
	secret, write := c.write()
	rec := audit.Record{Time: now, Who: c.Name, Act: "log in", On: "console", Asked: how + " from " + u.from(r).String(), Count: 1, Outcome: "done"}
	if err := u.Commit(r.Context(), rec, &hub.Unit{Writes: []hub.Write{write}}); err != nil {
		return err
	}
	setCookie(w, sessionCookie, secret, u.Config.Users.Session)
	return nil
}

// LogOut ends the session of a request.
func (u *Users) LogOut(w http.ResponseWriter, r *http.Request) error {
	k, err := r.Cookie(sessionCookie)
	if err != nil {
		return nil
	}
	setCookie(w, sessionCookie, "", -time.Second)
	hash := hashOf(k.Value)
	c, err := find(r.Context(), u.Records, hash)
	if err != nil || c == nil || !c.Session {
		return err
	}
	rec := audit.Record{Time: u.Clock.Now().UTC(), Who: c.Name, Act: "log out", On: "console", Count: 1, Outcome: "done"}
	err = u.Commit(r.Context(), rec, &hub.Unit{Writes: []hub.Write{{Kind: kind, Key: hash, IfVersion: hub.AnyVersion}}})
	if errors.Is(err, hub.ErrConflict) { // it has ended meanwhile
		return nil
	}
	return err
}

func setCookie(w http.ResponseWriter, name, value string, keep time.Duration) {
	http.SetCookie(w, &http.Cookie{Name: name, Value: value, Path: "/", MaxAge: int(keep.Seconds()), HttpOnly: true, Secure: true, SameSite: http.SameSiteLaxMode})
}
