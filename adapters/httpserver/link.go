package httpserver

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"orderhub/hub"
	"orderhub/hub/signature"
)

// Link is the public address of path with a token that verify: {token: link}
// accepts until expires, for that path alone. hub.ErrNotFound: no route of
// this server takes links there. Unavailable: its address is not known before Start.
func (s *Server) Link(path string, expires time.Time) (string, error) {
	if !s.routes.takesLinks(path) {
		return "", fmt.Errorf("http-server %q: a route that takes links at %s: %w", s.env.Name, path, hub.ErrNotFound)
	}
	base := s.base.Load()
	if base == nil {
		return "", hub.Fail(hub.Unavailable, "not_started", "http-server %q does not listen yet", s.env.Name)
	}
	until := strconv.FormatInt(expires.Unix(), 10)
	at := url.URL{Path: path}
	return *base + at.EscapedPath() + "?token=" + until + "." + linkDigest(s.linkKeys[0], path, until), nil
}

// takesLinks tells whether some route at the path wants a signed link.
func (t *routes) takesLinks(path string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	mux := t.table.Load()
	if mux == nil {
		return false
	}
	for _, method := range methods {
		h, _ := mux.Handler(&http.Request{Method: method, URL: &url.URL{Path: path}})
		if src, ok := h.(*Source); ok && src.verify.link != nil {
			return true
		}
	}
	return false
}

// linkDigest is of the path as it is without escapes, as http.Request has it.
func linkDigest(key []byte, path, until string) string {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte("link\n" + path + "\n" + until))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// checkLink lets in who came by a link that one of the keys has signed.
func checkLink(r *http.Request, keys [][]byte, now time.Time) *problem {
	token := r.URL.Query().Get("token")
	if token == "" {
		return unproven("token_missing", "the link has no token")
	}
	until, digest, _ := strings.Cut(token, ".")
	sec, err := strconv.ParseInt(until, 10, 64)
	known := false
	for _, key := range keys {
		known = hmac.Equal([]byte(digest), []byte(linkDigest(key, r.URL.Path, until))) || known
	}
	if err != nil || !known {
		return unproven("token_invalid", "the link is wrong")
	}
	if now.Unix() > sec {
		p := unproven("token_expired", "the link is too old")
		p.open = true // it was a good one: whoever clicks it in an old mail should know
		return p
	}
	return nil
}

// linkKeysOf are the keys of signed links: the first signs, all are accepted.
// Without any it is one that lives as long as the process.
func linkKeysOf(c *Config) ([][]byte, error) {
	if len(c.LinkKey) == 0 {
		key := make([]byte, 32)
		rand.Read(key) // never fails
		return [][]byte{key}, nil
	}
	return signature.Secrets(c.LinkKey, signature.Plain)
}
