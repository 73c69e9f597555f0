package httpserver

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// SignLink is path with a token that verify: {token: link} accepts until
// expires, for that path alone. Who writes mails finds it by its interface.
func (s *Server) SignLink(path string, expires time.Time) string {
	until := strconv.FormatInt(expires.Unix(), 10)
	return path + "?token=" + until + "." + linkDigest(s.linkKey, path, until)
}

func linkDigest(key []byte, path, until string) string {
	if u, err := url.PathUnescape(path); err == nil {
		path = u
	}
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte("link\n" + path + "\n" + until))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

func (v *verifier) checkLink(r *http.Request, now time.Time) *problem {
	token := r.URL.Query().Get("token")
	if token == "" {
		return newProblem(http.StatusUnauthorized, "token_missing", "the link has no token")
	}
	until, digest, _ := strings.Cut(token, ".")
	sec, err := strconv.ParseInt(until, 10, 64)
	if err != nil || !hmac.Equal([]byte(digest), []byte(linkDigest(v.link, r.URL.Path, until))) {
		return newProblem(http.StatusUnauthorized, "token_invalid", "the link is wrong")
	}
	if now.Unix() > sec {
		return newProblem(http.StatusUnauthorized, "token_expired", "the link is too old")
	}
	return nil
}

// newLinkKey is a key that lives as long as the process.
func newLinkKey() []byte {
	key := make([]byte, 32)
	rand.Read(key) // never fails
	return key
}
