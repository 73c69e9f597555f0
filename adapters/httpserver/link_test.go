package httpserver

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"orderhub/hub"
)

// linkServer has routes with and without signed links.
func linkServer(t *testing.T, edit func(*Config)) *Server {
	t.Helper()
	cfg := defaultConfig()
	cfg.Listen = "127.0.0.1:0"
	edit(cfg)
	s, err := definition().New(cfg, &hub.Env{Name: "web"})
	if err != nil {
		t.Fatal(err)
	}
	for route, v := range map[string]*Verify{"GET /orders/{id}": nil, "POST /orders/{id}/card": {Token: tokenLink}, "GET /tasks/{id...}": {Token: tokenLink}} {
		if _, err := s.OpenSource(route, &SourceConfig{Verify: v}); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func TestSignedLink(t *testing.T) {
	s := linkServer(t, func(c *Config) {
		c.URL, c.LinkKey = "https://shop.example/", []hub.Secret{"the new key of links", "the old key of links"}
	})
	before := linkServer(t, func(c *Config) { c.URL, c.LinkKey = "https://shop.example", []hub.Secret{"the old key of links"} })
	other := linkServer(t, func(c *Config) { c.URL = "https://shop.example" })
	now := time.Unix(1_700_000_000, 0)
	made := func(s *Server, path string) string {
		link, err := s.Link(path, now.Add(time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		return link
	}
	link := made(s, "/orders/W-1/card")
	if !strings.HasPrefix(link, "https://shop.example/orders/W-1/card?token=1700003600.") {
		t.Errorf("the link is %s", link)
	}
	v, err := newVerifier(&Verify{Token: tokenLink}, s)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, url string
		at        time.Time
		code      string
	}{
		{"good", link, now, ""},
		{"of the old key", made(before, "/orders/W-1/card"), now, ""},
		{"of a key that nobody knows", made(other, "/orders/W-1/card"), now, "token_invalid"},
		{"a path that needs escapes", made(s, "/orders/a b?c#d%41/card"), now, ""},
		{"of several segments", made(s, "/tasks/order:W-1/2"), now, ""},
		{"too old", link, now.Add(2 * time.Hour), "token_expired"},
		{"another order", strings.Replace(link, "W-1", "W-2", 1), now, "token_invalid"},
		{"longer life", strings.Replace(link, "17000", "19000", 1), now, "token_invalid"},
		{"no token", "/orders/W-1/card", now, "token_missing"},
	} {
		_, p := v.check(request(t, "POST", c.url), nil, c.at)
		if got := codeOf(p); got != c.code {
			t.Errorf("%s: %q, want %q", c.name, got, c.code)
		}
		if p == nil {
			continue
		}
		told := httptest.NewRecorder()
		p.write(told, request(t, "GET", c.url))
		if got, old := problemIn(told.Body.Bytes()).Code, c.code == "token_expired"; old != (got == c.code) || !old && got != codeUnproven {
			t.Errorf("%s: the caller is told %q", c.name, got)
		}
	}
}

func TestLinksLeadToRoutesThatTakeThem(t *testing.T) {
	s := linkServer(t, func(*Config) {})
	for _, path := range []string{"/orders/W-1", "/orders/W-1/address", "/", "orders"} {
		if link, err := s.Link(path, time.Now()); !errors.Is(err, hub.ErrNotFound) {
			t.Errorf("%s: %q %v", path, link, err)
		}
	}
	if _, err := s.Link("/orders/W-1/card", time.Now()); hub.AsError(err).Class != hub.Unavailable {
		t.Errorf("before the server listens: %v", err)
	}
	addr, err := s.Start(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close(context.Background())
	if link, err := s.Link("/orders/W-1/card", time.Now()); err != nil || !strings.HasPrefix(link, addr+"/orders/W-1/card?token=") {
		t.Errorf("without url: %q %v", link, err)
	}
}

func TestPublicAddress(t *testing.T) {
	for text, ok := range map[string]bool{"": true, "https://shop.example": true, "http://shop.example:8080/hub/": true,
		"shop.example": false, "ftp://shop.example": false, "https://": false, "https://shop.example?a=b": false, ":": false} {
		if faults := (&Config{URL: text}).check(&hub.Env{}); (len(faults) == 0) != ok {
			t.Errorf("url %q: %v", text, faults)
		}
	}
}

// The token proves the sender; it is a secret, and gets no further.
func TestTokenStaysOutside(t *testing.T) {
	s := linkServer(t, func(c *Config) { c.URL = "http://shop.example" })
	k := newTaken()
	src, err := s.OpenSource("POST /proofs/{id}", &SourceConfig{Verify: &Verify{Token: tokenLink}, EmptyBody: true})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- src.Run(ctx, k) }()
	defer func() { cancel(); <-done }()
	link, err := s.Link("/proofs/1", time.Now().Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(link)
	if err != nil {
		t.Fatal(err)
	}
	code := 0
	for deadline := time.Now().Add(5 * time.Second); code != http.StatusAccepted && time.Now().Before(deadline); {
		w := httptest.NewRecorder() // 503 until Run serves the route
		s.ServeHTTP(w, httptest.NewRequest("POST", u.RequestURI()+"&lang=de", nil))
		code = w.Code
	}
	if code != http.StatusAccepted {
		t.Fatalf("answered %d", code)
	}
	if m := <-k.messages; m.Headers.Get("query.token") != "" || m.Headers.Get("query.lang") != "de" {
		t.Errorf("headers %v", m.Headers)
	}
}
