package httpclient

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"orderhub/hub"
)

// handClock is a clock that a test sets.
type handClock struct {
	hub.RealClock
	ahead atomic.Int64
}

func (c *handClock) Now() time.Time { return c.RealClock.Now().Add(time.Duration(c.ahead.Load())) }

// bank is a service that takes tokens of its own server.
type bank struct {
	mu      sync.Mutex
	given   int      // tokens
	forms   []string // of the requests for tokens, with their Authorization
	valid   string   // the token that is taken; "": the last one
	calls   []string // Authorization of each
	life    any      // expires_in
	refresh bool     // a new refresh token each time
	broken  int      // status of the server of tokens; 0: it works
}

func (b *bank) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	defer b.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	if r.URL.Path != "/token" {
		b.calls = append(b.calls, r.Header.Get("Authorization"))
		if want := fmt.Sprint("t", b.given); r.Header.Get("Authorization") != "Bearer "+want || b.valid != "" && b.valid != want {
			w.WriteHeader(401)
			fmt.Fprintf(w, `{"error":"the token %s is no good"}`, r.Header.Get("Authorization"))
			return
		}
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, `{"got":%q}`, body)
		return
	}
	r.ParseForm()
	b.forms = append(b.forms, r.Form.Encode()+" "+r.Header.Get("Authorization"))
	if b.broken != 0 {
		w.WriteHeader(b.broken)
		io.WriteString(w, `{"error":"invalid_client","error_description":"who?"}`)
		return
	}
	b.given++
	next := ""
	if b.refresh {
		next = fmt.Sprintf(`,"refresh_token":"r%d"`, b.given)
	}
	life, _ := b.life.(string)
	if life == "" {
		life = "3600"
	}
	fmt.Fprintf(w, `{"access_token":"t%d","token_type":"bearer","expires_in":%s%s}`, b.given, life, next)
}

// account is a client of b with a clock of its own.
func account(t *testing.T, b *bank, change func(*Config)) (*Client, *handClock) {
	t.Helper()
	srv := httptest.NewServer(b)
	t.Cleanup(srv.Close)
	clock := &handClock{}
	cfg := defaultConfig()
	cfg.URL = srv.URL
	cfg.OAuth2.TokenURL, cfg.OAuth2.ClientID, cfg.OAuth2.ClientSecret = srv.URL+"/token", "me", "a secret&"
	if change != nil {
		change(cfg)
	}
	c, err := definition().New(cfg, &hub.Env{Name: "bank", Clock: clock, Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close(context.Background()) })
	return c, clock
}

// try calls once, and gives what came as a text.
func try(t *testing.T, c *Client) string {
	t.Helper()
	caller, err := c.OpenCaller("POST /pay")
	if err != nil {
		t.Fatal(err)
	}
	reply, err := caller.Call(t.Context(), message(`{"n":1}`))
	if err != nil {
		e := hub.AsError(err)
		return string(e.Class) + " " + e.Reason
	}
	return string(reply.Body.Bytes())
}

const paid = `{"got":"{\"n\":1}"}`

// One token serves all lanes until shortly before its end.
func TestOAuthOneTokenForAll(t *testing.T) {
	b := &bank{}
	c, clock := account(t, b, func(cfg *Config) {
		cfg.OAuth2.Scopes, cfg.OAuth2.Params, cfg.OAuth2.ClientAuth = []string{"pay", "read"}, map[string]string{"audience": "x"}, "header"
	})
	var lanes sync.WaitGroup
	for range 20 {
		lanes.Go(func() {
			if got := try(t, c); got != paid {
				t.Error(got)
			}
		})
	}
	lanes.Wait()
	basic := "Basic " + base64.StdEncoding.EncodeToString([]byte("me:a+secret%26"))
	if len(b.forms) != 1 || b.forms[0] != "audience=x&grant_type=client_credentials&scope=pay+read "+basic {
		t.Fatalf("%q", b.forms)
	}
	clock.ahead.Store(int64(58 * time.Minute))
	if try(t, c); len(b.forms) != 1 {
		t.Errorf("a token that is good for two minutes is renewed: %d", len(b.forms))
	}
	clock.ahead.Store(int64(59*time.Minute + 30*time.Second))
	if got := try(t, c); got != paid || len(b.forms) != 2 {
		t.Errorf("before its end: %s, %d tokens", got, len(b.forms))
	}
}

// A token that the service takes no more is renewed at its 401, and the call is made again, once.
func TestOAuthRenewsAt401(t *testing.T) {
	b := &bank{}
	c, _ := account(t, b, nil)
	if got := try(t, c); got != paid {
		t.Fatal(got)
	}
	b.given++ // the token of before is worth nothing
	if got := try(t, c); got != paid || b.calls[len(b.calls)-1] != "Bearer t3" {
		t.Fatalf("%s with %q", got, b.calls)
	}
	b.valid = "another" // no token helps: each call asks for one, and is made once more at most
	calls := len(b.calls)
	if got := try(t, c); got != "unavailable auth_failed" || len(b.calls) > calls+2 {
		t.Fatalf("%s with %q", got, b.calls[calls:])
	}
	calls = len(b.calls)
	if got := try(t, c); got != "unavailable auth_failed" || len(b.calls) != calls+1 {
		t.Fatalf("%s with %q", got, b.calls[calls:])
	}
}

// While the old token is good, a server of tokens that is away stops nobody.
func TestOAuthServerAway(t *testing.T) {
	b := &bank{life: `"100"`} // as a text, as PayPal had it
	c, clock := account(t, b, nil)
	try(t, c)
	b.broken = 503
	clock.ahead.Store(int64(85 * time.Second))
	for range 3 {
		if got := try(t, c); got != paid {
			t.Fatal(got)
		}
	}
	if len(b.forms) != 2 {
		t.Errorf("%d requests for tokens", len(b.forms))
	}
	clock.ahead.Store(int64(101 * time.Second))
	if got := try(t, c); got != "unavailable not_connected" {
		t.Error(got)
	}
	b.broken = 401
	if got := try(t, c); got != "unavailable auth_failed" {
		t.Error(got)
	}
	if n := len(b.calls); n != 4 {
		t.Errorf("%d calls reached the service", n)
	}
}

// A refresh token that the server replaces is used from then on, and is kept over restarts.
func TestOAuthRefreshTokens(t *testing.T) {
	b := &bank{refresh: true}
	file := filepath.Join(t.TempDir(), "refresh")
	change := func(cfg *Config) {
		cfg.OAuth2.Grant, cfg.OAuth2.RefreshToken, cfg.OAuth2.RefreshFile, cfg.OAuth2.ClientAuth = grantRefresh, "r0", file, "params"
	}
	c, clock := account(t, b, change)
	try(t, c)
	clock.ahead.Store(int64(2 * time.Hour))
	try(t, c)
	c, _ = account(t, b, change)
	try(t, c)
	for i, form := range b.forms {
		if want := fmt.Sprintf("client_id=me&client_secret=a+secret%%26&grant_type=refresh_token&refresh_token=r%d ", i); form != want {
			t.Errorf("%d: %q, want %q", i, form, want)
		}
	}
	kept, err := os.ReadFile(file)
	if info, _ := os.Stat(file); err != nil || string(kept) != "r3\n" || info.Mode().Perm() != 0o600 {
		t.Errorf("%q %v", kept, err)
	}
}

func TestOAuthOtherGrants(t *testing.T) {
	b := &bank{}
	c, _ := account(t, b, func(cfg *Config) {
		cfg.OAuth2.Grant, cfg.OAuth2.User, cfg.OAuth2.Password, cfg.OAuth2.ClientAuth = grantPassword, "u", "p", "params"
	})
	if got := try(t, c); got != paid || b.forms[0] != "client_id=me&client_secret=a+secret%26&grant_type=password&password=p&username=u " {
		t.Errorf("%s %q", got, b.forms)
	}
	for _, change := range []func(*Config){
		func(cfg *Config) { cfg.OAuth2.Grant, cfg.OAuth2.ClientID, cfg.OAuth2.ClientSecret = grantJWT, "", "" },
		func(cfg *Config) { cfg.OAuth2.ClientAuth, cfg.OAuth2.ClientSecret = "jwt", "" },
	} {
		b := &bank{}
		c, _ := account(t, b, func(cfg *Config) {
			cfg.JWT = JWT{Algorithm: "HS256", Key: "shared", Lifetime: time.Minute, Claims: map[string]any{"iss": "hub"}}
			change(cfg)
		})
		if got := try(t, c); got != paid || !strings.Contains(b.forms[0], "assertion=eyJ") || !strings.HasSuffix(b.forms[0], " ") {
			t.Errorf("%s %q", got, b.forms)
		}
	}
}

// A token that nobody wrote into the configuration is masked where a service repeats it.
func TestTokensAreConcealed(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/token" {
			w.Header().Set("Content-Type", "application/json")
			io.WriteString(w, `{"access_token":"a-long-access-token","expires_in":60}`)
			return
		}
		w.WriteHeader(400)
		io.WriteString(w, "you said "+r.Header.Get("Authorization"))
	}))
	defer srv.Close()
	c := newClient(t, srv.URL, func(cfg *Config) { cfg.OAuth2.TokenURL, cfg.OAuth2.ClientID = srv.URL+"/token", "me" })
	_, err := call(t, c, "POST /x", message(`{}`))
	if err == nil || strings.Contains(err.Error(), "a-long-access-token") || !strings.Contains(err.Error(), "you said Bearer [redacted]") {
		t.Error(err)
	}
}

// A call that ends while it waits for a token was not made.
func TestOAuthServerHangs(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body) // only then the server sees that the client has gone
		<-r.Context().Done()
	}))
	defer srv.Close()
	c := newClient(t, srv.URL, func(cfg *Config) {
		cfg.OAuth2.TokenURL, cfg.OAuth2.ClientID, cfg.Timeout = srv.URL+"/token", "me", 300*time.Millisecond
		cfg.Ops = map[string]Op{"pay": {HTTP: "POST /pay", OnAmbiguous: hub.ParkAmbiguous}}
	})
	if _, err := call(t, c, "pay", message(`{}`)); err == nil || err.Reason != hub.NotConnected || !err.Untried() {
		t.Errorf("%v", err)
	}
}
