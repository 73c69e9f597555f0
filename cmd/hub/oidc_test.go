package main

import (
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/oauth2-proxy/mockoidc"

	"orderhub/cmd/hub/internal/access"
)

// redirected gives where an answer leads, and what it sets.
func redirected(t *testing.T, res *http.Response, body string) (to string, cookies []*http.Cookie) {
	t.Helper()
	if to = res.Header.Get("Location"); res.StatusCode != 303 && res.StatusCode != 302 || to == "" {
		t.Fatalf("%d, and leads nowhere\n%s", res.StatusCode, body)
	}
	return to, res.Cookies()
}

// TestOpenIDConnect: people log in at a provider, which is asked as the standard has it, and have the role that the configuration gives them and their
// groups. A login that another browser began, that somebody changed on the way, or that is used twice opens nothing.
func TestOpenIDConnect(t *testing.T) {
	provider, err := mockoidc.NewServer(nil)
	if err != nil {
		t.Fatal(err)
	}
	var tamper atomic.Pointer[string] // what somebody changes in the request to log in
	provider.AddMiddleware(func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if name := tamper.Load(); name != nil && strings.HasSuffix(r.URL.Path, "/authorize") {
				q := r.URL.Query()
				q.Set(*name, "0123456789012345678901234567890123456789012")
				r.URL.RawQuery = q.Encode()
			}
			next.ServeHTTP(w, r)
		})
	})
	at, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := provider.Start(at, nil); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { provider.Shutdown() })
	t.Setenv("HUB_SECRET_OIDC", provider.ClientSecret)
	s := guarded(t, fmt.Sprintf(`{tokens: false, oidc: {issuer: %q, client_id: %q, client_secret: secret:oidc, scopes: [email, groups]},
  roles: {operator: {groups: [order-desk]}, admin: {users: [ada@example.com]}}}`, provider.Issuer(), provider.ClientID))
	begin := func() (at string, cookies []*http.Cookie) {
		t.Helper()
		res, body := s.reach().do("GET", "/login/oidc?to="+url.QueryEscape("/errors"), "")
		return redirected(t, res, body)
	}
	// back is the answer to whom the provider sent back to a browser.
	back := func(at string, cookies []*http.Cookie) (*http.Response, string) {
		t.Helper()
		away := &visitor{t, "", s.reach().client, http.Header{}}
		res, body := away.do("GET", at, "")
		to, _ := redirected(t, res, body)
		u, err := url.Parse(to)
		if err != nil || u.Path != access.Callback || !strings.HasPrefix(s.ready.Console, u.Scheme+"://"+u.Host+"/") {
			t.Fatalf("the provider sends people to %s", to)
		}
		v := s.reach()
		for _, k := range cookies {
			v = v.with("Cookie", k.Name+"="+k.Value)
		}
		return v.do("GET", u.RequestURI(), "")
	}
	for _, test := range []struct {
		name   string
		user   mockoidc.MockUser
		status int
		part   string // of the overview, or of why not
	}{
		{"an admin by name", mockoidc.MockUser{Subject: "1", Email: "ada@example.com", EmailVerified: true}, 303, "ada@example.com, admin"},
		{"an operator by group", mockoidc.MockUser{Subject: "2", Email: "otto@example.com", EmailVerified: true, Groups: []string{"x", "order-desk"}}, 303, "otto@example.com, operator"},
		{"no role", mockoidc.MockUser{Subject: "3", Email: "eve@example.com", EmailVerified: true, Groups: []string{"ada@example.com"}}, 403, "eve@example.com has no role at this hub"},
		{"an address of somebody else", mockoidc.MockUser{Subject: "4", Email: "ada@example.com"}, 403, "has not verified the address"},
		{"no address", mockoidc.MockUser{Subject: "5", EmailVerified: true}, 403, "has no claim"},
	} {
		t.Run(test.name, func(t *testing.T) {
			provider.QueueUser(&test.user)
			at, cookies := begin()
			res, body := back(at, cookies)
			if res.StatusCode != test.status {
				t.Fatalf("%d\n%s", res.StatusCode, body)
			}
			if test.status == 303 {
				if to := res.Header.Get("Location"); to != "/errors" {
					t.Errorf("it leads to %s", to)
				}
				for _, k := range res.Cookies() {
					if k.Value != "" {
						_, body = s.reach("Cookie", k.Name+"="+k.Value).do("GET", "/", "")
					}
				}
			}
			has(t, body, test.part)
		})
	}
	refused := func(name string, res *http.Response, body, part string) {
		t.Helper()
		if res.StatusCode != 401 || !strings.Contains(body, part) {
			t.Errorf("%s: %d\n%s", name, res.StatusCode, body)
		}
		for _, k := range res.Cookies() {
			if k.Value != "" {
				t.Errorf("%s opens %s", name, k.Name)
			}
		}
	}
	s.stop() // the attempts of one address are counted anew
	s.start()
	wanted, cookies := begin()
	res, body := back(wanted, nil)
	refused("a login that another browser began", res, body, "this browser has begun no such login")
	_, others := begin()
	res, body = back(wanted, others)
	refused("a login with the state of another", res, body, "this browser has begun no such login")
	for name, part := range map[string]string{"nonce": "ID token is not for this login", "code_challenge": "does not take the login back"} {
		tamper.Store(&name)
		provider.QueueUser(&mockoidc.MockUser{Subject: "1", Email: "ada@example.com", EmailVerified: true})
		res, body = back(wanted, cookies)
		refused("a changed "+name, res, body, part)
	}
	tamper.Store(nil)
	if res, body := s.reach().do("POST", "/login", "token="+s.token("vera", "viewer")); res.StatusCode != 403 {
		t.Errorf("a token where none is taken: %d\n%s", res.StatusCode, body)
	}
	provider.QueueUser(&mockoidc.MockUser{Subject: "1", Email: "ada@example.com", EmailVerified: true})
	wanted, cookies = begin()
	res, _ = back(wanted, cookies)
	session := ""
	for _, k := range res.Cookies() {
		if k.Value != "" {
			session = k.Name + "=" + k.Value
		}
	}
	if res, _ := s.reach("Cookie", session).do("GET", "/reload", ""); session == "" || res.StatusCode != 200 {
		t.Errorf("an admin: %d", res.StatusCode)
	}
	has(t, s.hub(0, "token", "list"), "ada@example.com", "session", "otto@example.com")
	has(t, s.hub(0, "token", "revoke", "ada@example.com"), "0 tokens and 2 sessions ended")
	if res, _ := s.reach("Cookie", session).do("GET", "/reload", ""); res.StatusCode != 303 {
		t.Errorf("a session that was revoked: %d", res.StatusCode)
	}
	has(t, s.hub(0, "audit"), "ada@example.com", "log in", "revoke token")
	if res, body := s.reach().do("GET", "/login?to=//evil.example.com", ""); res.StatusCode != 200 || !strings.Contains(body, "Log in with your account") || strings.Contains(body, `name="token"`) {
		t.Errorf("the page: %d\n%s", res.StatusCode, body)
	}
	provider.Shutdown()
	s.stop()
	s.start()
	if res, body := s.reach().do("GET", "/login/oidc", ""); res.StatusCode != 502 || !strings.Contains(body, "can&#39;t be asked who you are") {
		t.Errorf("a provider that is away: %d\n%s", res.StatusCode, body)
	}
}
