package httpclient

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"orderhub/hub"
)

// AWS is how requests are signed for Amazon Web Services and what speaks like them.
type AWS struct {
	Region       string     `yaml:"region" required:"true" doc:"Region of the service, such as eu-west-1."`
	Service      string     `yaml:"service" required:"true" doc:"Name of the service in signatures, such as execute-api or s3."`
	AccessKey    string     `yaml:"access_key" required:"true" doc:"ID of the access key."`
	SecretKey    hub.Secret `yaml:"secret_key" required:"true" doc:"The secret access key."`
	SessionToken hub.Secret `yaml:"session_token" doc:"Token of credentials that end."`
}

// signer signs with Signature Version 4.
type signer struct {
	lasting
	AWS
	clock hub.Clock
}

// sign adds the headers x-amz-date and Authorization, and those that go with them.
func (s *signer) sign(r *http.Request, body []byte) error {
	at := s.clock.Now().UTC().Format("20060102T150405Z")
	sum := digest(body)
	r.Header.Set("X-Amz-Date", at)
	if s.SessionToken != "" {
		r.Header.Set("X-Amz-Security-Token", s.SessionToken.Reveal())
	}
	if s.Service == "s3" {
		r.Header.Set("X-Amz-Content-Sha256", sum)
	}
	headers := map[string]string{"host": cmp.Or(r.Host, r.URL.Host)}
	for name, values := range r.Header {
		if name = strings.ToLower(name); name == "content-type" || strings.HasPrefix(name, "x-amz-") {
			headers[name] = strings.Join(strings.Fields(strings.Join(values, ",")), " ")
		}
	}
	names := slices.Sorted(maps.Keys(headers))
	var lines strings.Builder
	for _, name := range names {
		lines.WriteString(name + ":" + headers[name] + "\n")
	}
	signed := strings.Join(names, ";")
	canonical := strings.Join([]string{r.Method, s.path(r.URL), canonicalQuery(r.URL.RawQuery), lines.String(), signed, sum}, "\n")
	scope := strings.Join([]string{at[:8], s.Region, s.Service, "aws4_request"}, "/")
	key := []byte("AWS4" + s.SecretKey.Reveal())
	for part := range strings.SplitSeq(scope, "/") {
		key = mac(key, []byte(part))
	}
	sig := mac(key, []byte("AWS4-HMAC-SHA256\n"+at+"\n"+scope+"\n"+digest([]byte(canonical))))
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential="+s.AccessKey+"/"+scope+", SignedHeaders="+signed+", Signature="+hex.EncodeToString(sig))
	return nil
}

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// path is the path as it is signed: encoded once for S3, and twice for all others.
func (s *signer) path(u *url.URL) string {
	parts := strings.Split(cmp.Or(u.EscapedPath(), "/"), "/")
	for i, part := range parts {
		if s.Service == "s3" {
			if plain, err := url.PathUnescape(part); err == nil {
				part = plain
			}
		}
		parts[i] = encoded(part)
	}
	return strings.Join(parts, "/")
}

// canonicalQuery is the query with its parameters in order.
func canonicalQuery(raw string) string {
	var out []string
	for one := range strings.SplitSeq(raw, "&") {
		if one == "" {
			continue
		}
		name, value, _ := strings.Cut(one, "=")
		for _, part := range []*string{&name, &value} {
			if plain, err := url.QueryUnescape(*part); err == nil {
				*part = plain
			}
		}
		out = append(out, encoded(name)+"="+encoded(value))
	}
	slices.Sort(out)
	return strings.Join(out, "&")
}

// encoded writes all but the letters, digits and -._~ as %XX.
func encoded(text string) string { return strings.ReplaceAll(url.QueryEscape(text), "+", "%20") }

// mac is the HMAC-SHA256 of a text.
func mac(key, text []byte) []byte {
	h := hmac.New(sha256.New, key)
	h.Write(text)
	return h.Sum(nil)
}
