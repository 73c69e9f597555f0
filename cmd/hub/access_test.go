package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"orderhub/cmd/hub/internal/access"
	"orderhub/cmd/hub/internal/api"
	"orderhub/hub/hubtest"
	"orderhub/hub/hubtest/openapitest"
)

// visitor asks a console as a browser or a program does, with what it has to show.
type visitor struct {
	t      *testing.T
	base   string
	client *http.Client
	header http.Header
}

// reach is a console at its address, with the users of the configuration.
func (s *site) reach(header ...string) *visitor {
	pool := x509.NewCertPool()
	if text, err := os.ReadFile(filepath.Join(s.dir, "web.pem")); err == nil {
		pool.AppendCertsFromPEM(text)
	}
	v := &visitor{s.t, strings.TrimSuffix(s.ready.Console, "/"), &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: pool}},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}, http.Header{}}
	return v.with(header...)
}

// with is the same visitor, who shows these headers as well.
func (v *visitor) with(header ...string) *visitor {
	c := *v
	c.header = v.header.Clone()
	for i := 0; i < len(header); i += 2 {
		c.header.Add(header[i], header[i+1])
	}
	return &c
}

func (v *visitor) do(method, path, body string) (*http.Response, string) {
	v.t.Helper()
	req, err := http.NewRequestWithContext(v.t.Context(), method, v.base+path, strings.NewReader(body))
	if err != nil {
		v.t.Fatal(err)
	}
	req.Header = v.header.Clone()
	if req.Host = req.Header.Get("Host"); method == http.MethodPost && !strings.HasPrefix(path, "/api/") {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	res, err := v.client.Do(req)
	if err != nil {
		v.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		v.t.Fatal(err)
	}
	return res, string(text)
}

// login logs in with a token, and is the visitor with the session.
func (v *visitor) login(token string) *visitor {
	v.t.Helper()
	res, body := v.do("POST", "/login", url.Values{"token": {token}, "to": {"/errors"}}.Encode())
	if res.StatusCode != 303 || res.Header.Get("Location") != "/errors" || len(res.Cookies()) != 1 {
		v.t.Fatalf("log in: %d\n%s", res.StatusCode, body)
	}
	k := res.Cookies()[0]
	if k.Name != "__Host-hub" || !k.Secure || !k.HttpOnly || k.SameSite != http.SameSiteLaxMode || k.Path != "/" || k.Domain != "" {
		v.t.Errorf("the cookie of a session: %v", k)
	}
	return v.with("Cookie", k.Name+"="+k.Value)
}

// token makes a token of a name and a role.
func (s *site) token(name, role string, flags ...string) string {
	s.t.Helper()
	return asked[api.Token](s, append([]string{"token", "add", name, "--role", role}, flags...)...).Secret
}

// guarded is the shop with users, on a socket with TLS that every machine may reach.
func guarded(t *testing.T, users string) *site {
	t.Helper()
	s := newSite(t, strings.Replace(shop, "drain: 2s", `drain: 2s, console: {address: "127.0.0.1:0", tls: {cert: web.pem, key: web.key}, users: `+users+`}`, 1))
	hubtest.Certificate(t, nil, s.dir, "web")
	s.start()
	return s
}

// TestConsoleAddress: a console that others could reach is refused when the configuration is read, unless it has users and a certificate, and says what to write.
func TestConsoleAddress(t *testing.T) {
	for _, test := range []struct{ console, part string }{
		{`{address: "0.0.0.0:9465"}`, `has no users, and whoever reaches "0.0.0.0:9465" may do all`},
		{`{address: ":9465"}`, `write users: {tokens: true}`},
		{`{address: "hub.example.com:80"}`, `ssh -L 9465:127.0.0.1:9465`},
		{`{address: "127.0.0.1"}`, `write 127.0.0.1:9465`},
		{`{adress: none}`, `did you mean`},
		{`{address: "0.0.0.0:9465", users: {tokens: true}}`, `it has no certificate`},
		{`{address: "0.0.0.0:9465", tls: {cert: a.pem, key: a.key}}`, `has no users`},
		{`{address: "0.0.0.0:9465", users: {tokens: true}, tls: {cert: a.pem}}`, `one of cert and key is missing`},
		{`{users: {tokens: false}}`, `there is no way to log in`},
		{`{users: {oidc: {issuer: "https://login.example.com", client_id: hub}}}`, `may do nothing`},
		{`{users: {oidc: {issuer: "http://login.example.com", client_id: hub}, roles: {admin: {users: [ann]}}}}`, `no address of a provider over HTTPS`},
		{`{users: {oidc: {client_id: hub}}}`, `issuer`},
		{`{proxy: {networks: [proxy.example.com]}}`, `networks: [10.0.0.5]`},
		{`{proxy: {networks: [10.0.0.5], user: X-User}}`, `whom the proxy names has no role`},
		{`{proxy: {networks: [10.0.0.5], user: X-User}, users: {tokens: true}}`, `may do nothing`},
		{`{users: {roles: {boss: {users: [ann]}}}}`, `boss`},
	} {
		s := newSite(t, strings.Replace(shop, "drain: 2s", "drain: 2s, console: "+test.console, 1))
		has(t, strings.ReplaceAll(s.hub(1, "validate", s.config), "\n", " "), test.part)
	}
	for _, fine := range []string{`{address: "0.0.0.0:9465", users: {tokens: true}, tls: {cert: a.pem, key: a.key}}`,
		`{address: "0.0.0.0:9465", proxy: {networks: [10.0.0.5], user: X-User}, users: {roles: {viewer: {users: ["*"]}}}}`} {
		s := newSite(t, strings.Replace(shop, "drain: 2s", "drain: 2s, console: "+fine, 1))
		s.hub(0, "validate", s.config)
	}
}

// TestTokens: a token is shown once and kept as its hash, does what its role may and no more, by the pages and by every verb from elsewhere, under its own
// name; it ends when it is revoked or its time is over, and the sessions with it.
func TestTokens(t *testing.T) {
	s := guarded(t, "{tokens: true}")
	viewer, operator := s.token("vera", "viewer"), s.token("olga", "operator", "--expires", "1d")
	robot := s.token("robot", "operator", "--pipelines", "intake")
	if !strings.HasPrefix(viewer, access.Prefix) || len(viewer) < 40 {
		t.Fatalf("the token %q", viewer)
	}
	has(t, s.hub(1, "token", "add", "vera", "--role", "admin"), "there is a token vera already: hub token revoke vera")
	has(t, s.hub(2, "token", "add", "x"), "--role viewer, operator or admin")
	has(t, s.hub(1, "token", "add", "a b", "--role", "viewer"), "letters, digits")
	has(t, s.hub(1, "token", "add", "x", "--role", "viewer", "--pipelines", "nope"), "nope")
	if out := s.hub(0, "token", "list"); strings.Contains(out, viewer) || !strings.Contains(out, "olga") {
		t.Errorf("the list:\n%s", out)
	}
	files, err := filepath.Glob(filepath.Join(s.dir, "hub.db*"))
	if err != nil || len(files) == 0 {
		t.Fatal(err)
	}
	for _, file := range files {
		if raw, err := os.ReadFile(file); err != nil || bytes.Contains(raw, []byte(viewer)) || bytes.Contains(raw, []byte(viewer[len(access.Prefix):])) {
			t.Errorf("%s holds a token (%v)", file, err)
		}
	}
	away := func(want int, token string, args ...string) string {
		t.Helper()
		var out, talk bytes.Buffer
		code := run(context.Background(), append(args, "--hub", s.ready.Console, "--ca", filepath.Join(s.dir, "web.pem"), "--token", token), strings.NewReader(""), &out, &talk)
		if code != want {
			t.Errorf("hub %s: exit %d, expected %d\n%s%s", strings.Join(args, " "), code, want, out.String(), talk.String())
		}
		return out.String() + talk.String()
	}
	has(t, away(0, viewer, "status"), "intake")
	has(t, away(1, viewer, "pause", "work", "--by", "boss"), "this needs the role operator, and vera is viewer")
	has(t, away(1, viewer, "status", "--personal"), "this needs the role operator")
	has(t, away(0, operator, "pause", "work", "--by", "boss", "--why", "stocktaking"), "paused")
	has(t, away(0, operator, "resume", "work"), "work")
	has(t, away(1, operator, "reload"), "this needs the role admin, and olga is operator")
	has(t, away(1, operator, "token", "add", "me", "--role", "admin"), "this needs the role admin")
	has(t, away(0, robot, "send", "intake", `{"id": "W-1", "total": 3}`), "W-1")
	has(t, away(1, robot, "pause", "work"), "may send to, pause and resume intake, and do nothing else")
	has(t, away(1, robot, "status"), "do nothing else")
	has(t, away(1, "hub_nonsense", "status"), "this token is not known", "hub token add NAME")
	has(t, away(1, "", "status"), "ask an admin of the hub for a token")
	t.Setenv("HUB_TOKEN", viewer)
	has(t, away(0, "", "status"), "intake")
	file := filepath.Join(s.dir, "olga.token")
	if err := os.WriteFile(file, []byte(operator+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	has(t, away(0, "", "audit", "--token-file", file), "olga")
	var talk bytes.Buffer
	if code := run(t.Context(), []string{"status", "--hub", "http://hub.example.com"}, nil, io.Discard, &talk); code != 2 || !strings.Contains(talk.String(), "write https://") {
		t.Errorf("a token in the clear: exit %d\n%s", code, talk.String())
	}
	var lines []string
	for _, r := range asked[[]map[string]any](s, "audit") {
		lines = append(lines, fmt.Sprint(r["who"], " ", r["act"], " ", r["on"], " ", r["outcome"]))
	}
	for _, want := range []string{"olga pause work done", "vera pause work refused: this needs the role operator, and vera is viewer", "olga reload <nil> refused: this needs the role admin, and olga is operator"} {
		if !slices.Contains(lines, want) {
			t.Errorf("the audit log lacks %q:\n%s", want, strings.Join(lines, "\n"))
		}
	}
	if strings.Contains(strings.Join(lines, "\n"), "boss") {
		t.Error("somebody acted under another name")
	}

	browser := s.reach().login(operator)
	if res, body := browser.do("GET", "/", ""); res.StatusCode != 200 || !strings.Contains(body, "olga, operator") {
		t.Errorf("the overview: %d\n%s", res.StatusCode, body)
	}
	if res, body := browser.do("POST", "/pause?name=work", url.Values{"by": {"boss"}, "why": {"forged"}}.Encode()); res.StatusCode != 303 {
		t.Errorf("pause: %d\n%s", res.StatusCode, body)
	}
	has(t, s.hub(0, "audit", "--who", "olga"), "forged")
	if res, body := s.reach().do("POST", "/login", url.Values{"token": {robot}}.Encode()); res.StatusCode != 403 || !strings.Contains(body, "without --pipelines") {
		t.Errorf("a token for pipelines logs in: %d\n%s", res.StatusCode, body)
	}
	out := browser.with()
	if res, _ := out.do("POST", "/logout", ""); res.StatusCode != 303 {
		t.Errorf("log out: %d", res.StatusCode)
	}
	if res, _ := browser.do("GET", "/", ""); res.StatusCode != 303 {
		t.Errorf("a session goes on behind its end: %d", res.StatusCode)
	}
	browser = s.reach().login(operator)
	gone := make(chan string, 1)
	go func() {
		_, text := browser.do("GET", "/live?at=/", "")
		gone <- text
	}()
	hubtest.Until(t, "an open page", func() bool { res, _ := browser.do("GET", "/", ""); return res.StatusCode == 200 })
	has(t, s.hub(0, "token", "revoke", "olga"), "olga: 1 token and 1 session ended")
	if res, _ := browser.do("GET", "/", ""); res.StatusCode != 303 {
		t.Errorf("a session goes on without its token: %d", res.StatusCode)
	}
	<-gone // the open page ends by itself
	has(t, away(1, operator, "status"), "this token is not known")
	s.hub(1, "token", "revoke", "olga")
	if text := s.talk.String(); strings.Contains(text, access.Prefix) {
		t.Errorf("the log holds a token:\n%s", text)
	}
}

// TestLoginLimit: who guesses meets a bound soon, which those who are known do not feel.
func TestLoginLimit(t *testing.T) {
	s := guarded(t, "{tokens: true}")
	inside := s.reach().login(s.token("vera", "viewer"))
	last := 0
	for range 8 {
		res, _ := s.reach().do("POST", "/login", url.Values{"token": {"hub_guess"}}.Encode())
		last = res.StatusCode
	}
	if last != 429 {
		t.Errorf("the eighth guess is answered %d", last)
	}
	if res, _ := inside.do("GET", "/", ""); res.StatusCode != 200 {
		t.Errorf("who is logged in: %d", res.StatusCode)
	}
}

// TestProxy: the proxy says who asks; nobody else is heard, and a name without a role may do nothing.
func TestProxy(t *testing.T) {
	s := newSite(t, strings.Replace(shop, "drain: 2s", `drain: 2s, console: {address: "127.0.0.1:0", proxy: {networks: [127.0.0.1], user: X-User, groups: X-Groups},
  users: {tokens: false, roles: {viewer: {groups: [shop]}, admin: {users: [ada]}}}}`, 1))
	s.start()
	for _, test := range []struct {
		name   string
		header []string
		status int
		part   string
	}{
		{"nobody", nil, 303, ""},
		{"a viewer", []string{"X-User", "vera", "X-Groups", "x, shop"}, 200, "vera, viewer"},
		{"an admin", []string{"X-User", "ada"}, 200, "ada, admin"},
		{"no role", []string{"X-User", "eve", "X-Groups", "admin,ada"}, 403, "eve has no role at this hub"},
		{"two names", []string{"X-User", "ada", "X-User", "eve"}, 303, ""},
	} {
		res, body := s.reach(test.header...).do("GET", "/", "")
		if res.StatusCode != test.status || !strings.Contains(body, test.part) {
			t.Errorf("%s: %d\n%s", test.name, res.StatusCode, body)
		}
	}
	if res, body := s.reach("X-User", "ada").do("POST", "/login", "token=x"); res.StatusCode != 403 {
		t.Errorf("a token where none is taken: %d\n%s", res.StatusCode, body)
	}
	s = newSite(t, strings.Replace(shop, "drain: 2s", `drain: 2s, console: {address: "127.0.0.1:0", proxy: {networks: [10.1.2.3], user: X-User}, users: {roles: {admin: {users: ["*"]}}}}`, 1))
	s.start()
	if res, body := s.reach("X-User", "ada").do("GET", "/", ""); res.StatusCode != 403 || !strings.Contains(body, "answers its proxy alone") {
		t.Errorf("around the proxy: %d\n%s", res.StatusCode, body)
	}
}

// roles in their order; none shows nothing.
var roleNames = []string{"none", "viewer", "operator", "admin"}

// TestRoutes: each route of the console and of the API answers those who have its role, and nobody else; nobody under a strange name, from another
// site, or with a token that is over. The table is testdata/routes.txt; HUB_UPDATE=1 writes it.
func TestRoutes(t *testing.T) {
	s := guarded(t, "{tokens: true}")
	type known struct{ bearer, browser *visitor }
	all := map[string]known{"none": {s.reach(), s.reach()}}
	for _, role := range roleNames[1:] {
		token := s.token(role, role)
		all[role] = known{s.reach("Authorization", "Bearer "+token), s.reach().login(token)}
	}
	gone := s.token("gone", "admin")
	revoked := s.reach("Authorization", "Bearer "+gone)
	ended := s.reach().login(gone)
	s.hub(0, "token", "revoke", "gone")
	brief := s.reach("Authorization", "Bearer "+s.token("brief", "admin", "--expires", "1s"))
	hubtest.Until(t, "the token's time is over", func() bool { res, _ := brief.do("GET", "/api/version", ""); return res.StatusCode == 401 })
	_, document := all["admin"].bearer.do("GET", "/api/openapi.json", "")
	routes := consoleRoutes(t)
	for path, ops := range openapitest.Read(t, []byte(document)).Root["paths"].(map[string]any) {
		for method := range ops.(map[string]any) {
			routes = append(routes, strings.ToUpper(method)+" /api"+strings.ReplaceAll(path, "{name}", "nope"))
		}
	}
	routes = append(routes, "GET "+access.Callback)
	slices.Sort(routes)
	var table strings.Builder
	for _, route := range routes {
		method, path, _ := strings.Cut(route, " ")
		ask := func(k known, header ...string) int {
			v := k.browser
			if strings.HasPrefix(path, "/api/") {
				v = k.bearer
			}
			at := path
			if path == "/logout" {
				v = all["none"].browser // the others are needed still
			}
			if path == "/live" {
				at = "/live?at=http://nowhere/" // answered at once
			}
			res, _ := v.with(header...).do(method, at, "")
			if res.StatusCode == 303 && strings.HasPrefix(res.Header.Get("Location"), "/login?") {
				return 401
			}
			return res.StatusCode
		}
		least := "nobody"
		for _, role := range roleNames {
			status := ask(all[role])
			may := status != 401 && status != 403 || strings.HasPrefix(path, "/login") // the log-in itself answers so, too, by what it is given
			if status >= 500 {
				t.Errorf("%s, %s: %d", route, role, status)
			}
			if may && least == "nobody" {
				least = role
			}
			if !may && least != "nobody" {
				t.Errorf("%s: %s may not, and %s may", route, role, least)
			}
		}
		fmt.Fprintf(&table, "%-42s %s\n", route, least)
		if least == "none" {
			continue
		}
		if status := ask(known{revoked, ended}); status != 401 {
			t.Errorf("%s, revoked: %d", route, status)
		}
		if status := ask(known{brief, s.reach()}); status != 401 {
			t.Errorf("%s, expired: %d", route, status)
		}
		if status := ask(all["admin"], "Host", "evil.example.com"); status != 421 {
			t.Errorf("%s under a strange name: %d", route, status)
		}
		if status := ask(all["admin"], "Sec-Fetch-Site", "cross-site"); method == "POST" && status != 403 {
			t.Errorf("%s from another site: %d", route, status)
		}
		if status := ask(known{all["admin"].browser, all["none"].browser}); status != 401 {
			t.Errorf("%s with what belongs to the other door: %d", route, status)
		}
	}
	const golden = "testdata/routes.txt"
	if os.Getenv("HUB_UPDATE") != "" {
		os.WriteFile(golden, []byte(table.String()), 0o644)
	}
	want, err := os.ReadFile(golden)
	if err != nil || string(want) != table.String() {
		t.Errorf("the table differs from %s (%v): look at each line, then HUB_UPDATE=1\n%s", golden, err, table.String())
	}
}

// consoleRoutes are the routes of the console, as its source declares them.
func consoleRoutes(t *testing.T) (out []string) {
	t.Helper()
	files, err := filepath.Glob("internal/console/*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		src, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`c\.(page|once|act)\("([^"]+)"|c\.mux\.Handle(?:Func)?\("((?:GET|POST) [^"]+)"`).FindAllStringSubmatch(string(src), -1) {
			switch {
			case strings.HasSuffix(m[3], " /api/"): // its calls describe themselves
			case m[3] == "GET /static/":
				out = append(out, "GET /static/hub.js")
			case m[3] != "":
				out = append(out, m[3])
			default:
				out = append(out, "GET "+m[2])
			}
			if m[1] == "act" {
				out = append(out, "POST "+m[2])
			}
		}
	}
	slices.Sort(out)
	if out = slices.Compact(out); len(out) < 40 {
		t.Fatalf("only %d routes found", len(out))
	}
	return out
}

// TestRemoteAPI: the API describes itself by the standard, and answers as it says.
func TestRemoteAPI(t *testing.T) {
	s := guarded(t, "{tokens: true}")
	v := s.reach("Authorization", "Bearer "+s.token("ann", "admin"))
	s.post("/orders", `{"id": "W-1", "total": -1}`)
	hubtest.Until(t, "a dead letter", func() bool { return strings.Contains(s.hub(0, "dlq", "list"), "not positive") })
	_, document := v.do("GET", "/api/openapi.json", "")
	t.Run("valid", func(t *testing.T) { openapitest.Validate(t, []byte(document)) })
	described := openapitest.Read(t, []byte(document))
	paths := described.Root["paths"].(map[string]any)
	if len(paths) < 35 {
		t.Fatalf("only %d paths", len(paths))
	}
	for path, ops := range paths {
		if _, get := ops.(map[string]any)["get"]; !get || strings.HasPrefix(path, "/tap/") {
			continue
		}
		query := map[string]string{"/trace": "?id=W-1", "/dead": "?full=true", "/find": "?recent=true", "/audit": "?limit=5"}[path]
		req, err := http.NewRequestWithContext(t.Context(), "GET", v.base+"/api"+strings.ReplaceAll(path, "{name}", "orders")+query, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header = v.header
		res, err := v.client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		req.URL.Path = strings.TrimPrefix(req.URL.Path, "/api")
		described.Answered(req, res)
		res.Body.Close()
	}
	res, body := v.do("GET", "/api/status?fulll=true", "")
	var p api.Problem
	if err := json.Unmarshal([]byte(body), &p); err != nil || res.StatusCode != 400 || !strings.Contains(p.Detail, `takes no "fulll" in its query; it takes by, why, personal`) {
		t.Errorf("%d %s %v", res.StatusCode, body, err)
	}
}
