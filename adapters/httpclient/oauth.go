package httpclient

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"orderhub/hub"
)

// OAuth2 is how access tokens are got: RFC 6749.
type OAuth2 struct {
	TokenURL     string            `yaml:"token_url" required:"true" doc:"Address at which tokens are given."`
	Grant        string            `yaml:"grant" oneof:"client_credentials|refresh_token|password|jwt" default:"client_credentials" doc:"What a token is given for. jwt: for a token of jwt (RFC 7523)."`
	ClientID     string            `yaml:"client_id" doc:"Our name there."`
	ClientSecret hub.Secret        `yaml:"client_secret" doc:"Our secret there."`
	ClientAuth   string            `yaml:"client_auth" oneof:"auto|header|params|jwt" default:"auto" doc:"How name and secret are sent: as Basic, or as client_id and client_secret of the form; auto: as the server takes them. jwt: a token of jwt stands for the secret (private_key_jwt)."`
	Scopes       []string          `yaml:"scopes" doc:"What tokens are to be good for."`
	Params       map[string]string `yaml:"params" doc:"Further fields of the request for a token, such as audience."`
	RefreshToken hub.Secret        `yaml:"refresh_token" doc:"For grant: refresh_token. A newer one that the server gives is used from then on."`
	RefreshFile  string            `yaml:"refresh_file" doc:"File that keeps the newest refresh token over restarts, for a server that gives a new one each time."`
	User         string            `yaml:"user" doc:"For grant: password."`
	Password     hub.Secret        `yaml:"password" doc:"For grant: password."`
}

// Grants by their names in the configuration.
const (
	grantClient   = "client_credentials"
	grantRefresh  = "refresh_token"
	grantPassword = "password"
	grantJWT      = "jwt"
)

// token is a proof that is good for a time.
type token struct {
	text   string    // as Authorization has it
	until  time.Time // zero: until it is refused
	renew  time.Time // from then on another one is got beside the calls
	worked bool      // the service took it
}

// tokens gets tokens and keeps the last one for all lanes. One lane gets a new one when the time comes; while the old one
// is good the others go on with it.
type tokens struct {
	get   func(ctx context.Context) (text string, life time.Duration, err error) // life 0: not known
	clock hub.Clock
	turn  chan struct{} // held by the lane that gets one

	mu   sync.Mutex
	last token
}

// tokens are those of oauth2, or those that jwt makes.
func (c *Config) tokens(env *hub.Env, transport http.RoundTripper) (*tokens, error) {
	t := &tokens{clock: env.Clock, turn: make(chan struct{}, 1)}
	var maker *jwtMaker
	if c.JWT.Key != "" {
		var err error
		if maker, err = newJWT(&c.JWT, env.Clock); err != nil {
			return nil, err
		}
	}
	if c.OAuth2.TokenURL == "" {
		t.get = func(context.Context) (string, time.Duration, error) {
			text, err := maker.token(nil)
			if err != nil {
				return "", 0, hub.Fail(hub.Unavailable, hub.AuthFailed, "no token can be made: %w", err)
			}
			return "Bearer " + text, c.JWT.Lifetime, nil
		}
		return t, nil
	}
	a := &authority{cfg: c.OAuth2, maker: maker, timeout: c.Timeout, refresh: c.OAuth2.RefreshToken.Reveal()}
	a.conf = clientcredentials.Config{ClientID: a.cfg.ClientID, ClientSecret: a.cfg.ClientSecret.Reveal(), TokenURL: a.cfg.TokenURL, Scopes: a.cfg.Scopes,
		AuthStyle: map[string]oauth2.AuthStyle{"header": oauth2.AuthStyleInHeader, "params": oauth2.AuthStyleInParams, "jwt": oauth2.AuthStyleInParams}[a.cfg.ClientAuth]}
	if a.cfg.ClientID == "" { // there is nothing to send in a header
		a.conf.AuthStyle = oauth2.AuthStyleInParams
	}
	a.client = &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	if file := c.OAuth2.RefreshFile; file != "" {
		a.file = env.Path(file)
		kept, err := os.ReadFile(a.file)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("oauth2.refresh_file: %w", err)
		}
		a.refresh = cmp.Or(strings.TrimSpace(string(kept)), a.refresh)
	}
	t.get = a.token
	return t, nil
}

// margin is how long before its end a token is renewed.
func margin(life time.Duration) time.Duration { return min(life/5, time.Minute) }

const retryRenewal = 5 * time.Second // after one that failed, while the old token is good

func (t *tokens) sign(r *http.Request, _ []byte) error {
	if r.Header.Get("Authorization") != "" {
		return nil
	}
	text, err := t.token(r.Context())
	if err == nil {
		r.Header.Set("Authorization", text)
	}
	return err
}

// held is the last token, and whether it is good, and needs no other yet.
func (t *tokens) held() (text string, good, fresh bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.clock.Now()
	good = t.last.text != "" && (t.last.until.IsZero() || now.Before(t.last.until))
	return t.last.text, good, good && (t.last.renew.IsZero() || now.Before(t.last.renew))
}

func (t *tokens) token(ctx context.Context) (string, error) {
	text, good, fresh := t.held()
	if fresh {
		return text, nil
	}
	if good {
		select {
		case t.turn <- struct{}{}:
		default: // another lane gets one
			return text, nil
		}
	} else {
		select {
		case t.turn <- struct{}{}:
		case <-ctx.Done():
			return "", hub.Fail(hub.Unavailable, hub.NotConnected, "no access token came in time: %w", ctx.Err())
		}
	}
	defer func() { <-t.turn }()
	if text, good, fresh = t.held(); fresh {
		return text, nil
	}
	next, life, err := t.get(ctx)
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.clock.Now()
	switch {
	case err != nil && good:
		t.last.renew = now.Add(retryRenewal)
		return text, nil
	case err != nil:
		return "", err
	}
	t.last = token{text: next}
	if life > 0 {
		t.last.until, t.last.renew = now.Add(life), now.Add(life-margin(life))
	}
	return next, nil
}

// answered gives up a token that is refused. One that never worked is no reason to try another at once.
func (t *tokens) answered(r *http.Request, status int) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	same := t.last.text == r.Header.Get("Authorization")
	switch {
	case status != http.StatusUnauthorized:
		t.last.worked = t.last.worked || same
		return false
	case !same:
		return t.last.text != ""
	}
	worked := t.last.worked
	t.last = token{}
	return worked
}

func (t *tokens) conceal(text []byte) []byte {
	t.mu.Lock()
	_, secret, _ := strings.Cut(t.last.text, " ")
	t.mu.Unlock()
	if len(secret) < 5 {
		return text
	}
	return bytes.ReplaceAll(text, []byte(secret), []byte("[redacted]"))
}

// authority is the server that gives access tokens. Whoever asks it holds the turn of its tokens.
type authority struct {
	cfg     OAuth2
	conf    clientcredentials.Config // knows how the server took name and secret
	maker   *jwtMaker                // nil: there is no jwt
	client  *http.Client
	timeout time.Duration
	refresh string // the newest refresh token
	file    string // that keeps it; "": none does
}

// token asks for one. The time of ctx counts, not what it traces: that is of the call.
func (a *authority) token(ctx context.Context) (string, time.Duration, error) {
	own, cancel := context.WithTimeout(context.WithValue(context.Background(), oauth2.HTTPClient, a.client), a.timeout)
	defer cancel()
	defer context.AfterFunc(ctx, cancel)()
	got, err := a.ask(own)
	if err != nil {
		return "", 0, a.failure(ctx, err)
	}
	if got.RefreshToken != "" && got.RefreshToken != a.refresh {
		a.refresh = got.RefreshToken
		if err := a.keep(); err != nil {
			return "", 0, hub.Fail(hub.Unavailable, hub.NotConnected, "the new refresh token can't be kept: %w", err)
		}
	}
	life := time.Duration(0)
	if !got.Expiry.IsZero() {
		life = max(time.Until(got.Expiry), time.Second)
	}
	return "Bearer " + got.AccessToken, life, nil // whatever the server calls the type: all that clients send is Bearer
}

func (a *authority) ask(ctx context.Context) (*oauth2.Token, error) {
	form := url.Values{}
	for name, value := range a.cfg.Params {
		form.Set(name, value)
	}
	if a.cfg.ClientAuth == "jwt" {
		assertion, err := a.maker.token(map[string]any{"iss": a.cfg.ClientID, "sub": a.cfg.ClientID, "aud": a.cfg.TokenURL})
		if err != nil {
			return nil, err
		}
		form.Set("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
		form.Set("client_assertion", assertion)
	}
	switch a.cfg.Grant {
	case grantRefresh:
		form.Set("grant_type", "refresh_token")
		form.Set("refresh_token", a.refresh)
	case grantPassword:
		form.Set("grant_type", "password")
		form.Set("username", a.cfg.User)
		form.Set("password", a.cfg.Password.Reveal())
	case grantJWT:
		assertion, err := a.maker.token(map[string]any{"aud": a.cfg.TokenURL})
		if err != nil {
			return nil, err
		}
		form.Set("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer")
		form.Set("assertion", assertion)
	}
	a.conf.EndpointParams = form
	return a.conf.Token(ctx)
}

// keep writes the refresh token to its file, whole or not at all.
func (a *authority) keep() error {
	if a.file == "" {
		return nil
	}
	f, err := os.CreateTemp(filepath.Dir(a.file), "."+filepath.Base(a.file)+"-*")
	if err != nil {
		return err
	}
	_, err = f.WriteString(a.refresh + "\n")
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), a.file)
	}
	if err != nil {
		os.Remove(f.Name())
	}
	return err
}

// failure is the error of a call that got no token: it was not sent.
func (a *authority) failure(ctx context.Context, err error) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return stopped(ctx.Err())
	}
	if e, ok := errors.AsType[*oauth2.RetrieveError](err); ok {
		status := 0
		if e.Response != nil {
			status = e.Response.StatusCode
		}
		reason := hub.AuthFailed
		if status >= 500 || status == http.StatusTooManyRequests {
			reason = hub.NotConnected
		}
		return hub.Fail(hub.Unavailable, reason, "no access token: the server of tokens answered %d: %w", status, hub.Said(plain(e.Body)))
	}
	if e, ok := errors.AsType[*url.Error](err); ok {
		err = e.Err
	}
	return hub.Fail(hub.Unavailable, hub.NotConnected, "no access token: %w", err)
}
