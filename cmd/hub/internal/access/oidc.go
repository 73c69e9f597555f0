package access

import (
	"context"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"orderhub/cmd/hub/internal/api"
)

const (
	// Callback is the path that the provider sends people back to.
	Callback = "/login/back"

	loginCookie  = "__Host-hub-login" // what the hub must know again of a login under way
	loginFor     = 10 * time.Minute
	providerTime = 10 * time.Second
)

// provider is the provider of OpenID Connect, found when the first one wants to log in: a hub starts also where it is away.
type provider struct {
	mu    sync.Mutex
	found *oidc.Provider
}

// underway is a login that is at the provider: only the browser that began it can end it.
type underway struct {
	State, Nonce, Verifier, To string
}

func (u *Users) oauth(ctx context.Context, r *http.Request) (*oidc.Provider, *oauth2.Config, error) {
	cfg := u.Config.Users.OIDC
	if cfg == nil {
		return nil, nil, api.NotFoundf("this hub knows no provider to log in at (hub.console.users.oidc)")
	}
	u.provider.mu.Lock()
	defer u.provider.mu.Unlock()
	if u.provider.found == nil {
		p, err := oidc.NewProvider(ctx, cfg.Issuer)
		if err != nil {
			return nil, nil, api.Problemf(http.StatusBadGateway, "provider_away", "the provider can't be asked", "%s can't be asked who you are: %v", cfg.Issuer, err)
		}
		u.provider.found = p
	}
	scheme := "https://"
	if u.Config.TLS.Cert == "" && u.Config.Proxy == nil {
		scheme = "http://" // of loopback
	}
	scopes := cfg.Scopes
	if len(scopes) == 0 {
		scopes = []string{"email"}
	}
	return u.provider.found, &oauth2.Config{ClientID: cfg.Client, ClientSecret: cfg.Secret.Reveal(), Endpoint: u.provider.found.Endpoint(),
		RedirectURL: scheme + r.Host + Callback, Scopes: append([]string{oidc.ScopeOpenID}, scopes...)}, nil
}

// asking is the context of questions to the provider. It is not the request's own: what is found serves the next ones.
func asking(r *http.Request) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), providerTime)
	return oidc.ClientContext(ctx, &http.Client{Timeout: providerTime}), cancel
}

// Begin sends a browser to the provider. to is the page that it wants.
func (u *Users) Begin(w http.ResponseWriter, r *http.Request, to string) error {
	if err := u.attempt(r); err != nil {
		return err
	}
	ctx, cancel := asking(r)
	defer cancel()
	_, client, err := u.oauth(ctx, r)
	if err != nil {
		return err
	}
	l := underway{oauth2.GenerateVerifier(), oauth2.GenerateVerifier(), oauth2.GenerateVerifier(), to}
	raw, err := json.Marshal(l)
	if err != nil {
		return err
	}
	setCookie(w, loginCookie, base64.RawURLEncoding.EncodeToString(raw), loginFor)
	http.Redirect(w, r, client.AuthCodeURL(l.State, oidc.Nonce(l.Nonce), oauth2.S256ChallengeOption(l.Verifier)), http.StatusSeeOther)
	return nil
}

// End opens a session for whom the provider has sent back, and gives the page that they wanted.
func (u *Users) End(w http.ResponseWriter, r *http.Request) (to string, err error) {
	refused := func(why string, args ...any) (string, error) {
		return "", api.Problemf(http.StatusUnauthorized, "unauthorized", "unauthorized", why, args...)
	}
	var l underway
	k, err := r.Cookie(loginCookie)
	if err == nil {
		var raw []byte
		if raw, err = base64.RawURLEncoding.DecodeString(k.Value); err == nil {
			err = json.Unmarshal(raw, &l)
		}
	}
	setCookie(w, loginCookie, "", -time.Second)
	query := r.URL.Query()
	switch {
	case err != nil || l.State == "" || subtle.ConstantTimeCompare([]byte(l.State), []byte(query.Get("state"))) != 1:
		return refused("this browser has begun no such login, or more than %s ago: begin again", loginFor)
	case query.Get("error") != "":
		return refused("the provider says: %s %s", query.Get("error"), query.Get("error_description"))
	}
	ctx, cancel := asking(r)
	defer cancel()
	p, client, err := u.oauth(ctx, r)
	if err != nil {
		return "", err
	}
	tokens, err := client.Exchange(ctx, query.Get("code"), oauth2.VerifierOption(l.Verifier))
	if err != nil {
		return refused("the provider does not take the login back: %v", err)
	}
	raw, _ := tokens.Extra("id_token").(string)
	id, err := p.Verifier(&oidc.Config{ClientID: client.ClientID, Now: u.Clock.Now}).Verify(ctx, raw)
	if err != nil || subtle.ConstantTimeCompare([]byte(id.Nonce), []byte(l.Nonce)) != 1 {
		return refused("the provider's ID token is not for this login (%v)", err)
	}
	c, err := u.person(id)
	if err != nil {
		return "", err
	}
	return l.To, u.open(w, r, c, "OpenID Connect")
}

// person is who an ID token names; they have a role.
func (u *Users) person(id *oidc.IDToken) (*credential, error) {
	cfg, claims := u.Config.Users.OIDC, map[string]any{}
	if err := id.Claims(&claims); err != nil {
		return nil, err
	}
	name, _ := claims[cfg.Name].(string)
	switch verified, _ := claims["email_verified"].(bool); {
	case name == "":
		return nil, api.Forbiddenf("the provider's ID token has no claim %q: name another under hub.console.users.oidc.name, or ask for its scope", cfg.Name)
	case cfg.Name == "email" && !verified:
		return nil, api.Forbiddenf("the provider has not verified the address %s (email_verified)", name)
	}
	c := &credential{Name: name}
	list, _ := claims[cfg.Groups].([]any)
	for _, g := range list {
		if text, ok := g.(string); ok {
			c.Groups = append(c.Groups, text)
		}
	}
	slices.Sort(c.Groups)
	if u.Config.Users.Roles.Of(c.Name, c.Groups) == 0 {
		return nil, api.Forbiddenf("%s has no role at this hub: an admin gives one under hub.console.users.roles", name)
	}
	return c, nil
}
