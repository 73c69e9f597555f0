package httpclient

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"

	"orderhub/hub"
	"orderhub/hub/signature"
)

// login makes requests prove who sends them. It is shared by all lanes.
type login interface {
	// sign adds the proof to r, which has its other headers and its body. An error is an *hub.Error.
	sign(r *http.Request, body []byte) error
	// answered tells that the service answered r, which sign has signed. true: it did not take the proof, and there may be another.
	answered(r *http.Request, status int) bool
	// conceal is text without the proofs that the configuration does not hold, so that nothing else masks them.
	conceal(text []byte) []byte
}

// signed is a transport that signs last of all, so that what is signed is what is sent. A request that the service
// refuses with 401, and that can be signed anew, is sent once more: the service has not done it.
type signed struct {
	http.RoundTripper
	logins []login
}

// RoundTrip closes the body of r, and does not change r.
func (s signed) RoundTrip(r *http.Request) (*http.Response, error) {
	if len(s.logins) == 0 {
		return s.RoundTripper.RoundTrip(r)
	}
	var body []byte
	if r.Body != nil {
		var err error
		body, err = io.ReadAll(r.Body)
		if err = errors.Join(err, r.Body.Close()); err != nil {
			return nil, err
		}
	}
	resp, again, err := s.once(r, body)
	if again && err == nil {
		io.Copy(io.Discard, io.LimitReader(resp.Body, maxExcerpt)) // so that the connection can serve again
		resp.Body.Close()
		resp, _, err = s.once(r, body)
	}
	return resp, err
}

func (s signed) once(r *http.Request, body []byte) (resp *http.Response, again bool, err error) {
	r = r.Clone(r.Context())
	if r.Body != nil {
		r.Body = io.NopCloser(bytes.NewReader(body))
	}
	for _, l := range s.logins {
		if err := l.sign(r, body); err != nil {
			return nil, false, err
		}
	}
	if resp, err = s.RoundTripper.RoundTrip(r); err != nil {
		return nil, false, err
	}
	for _, l := range s.logins {
		again = l.answered(r, resp.StatusCode) || again
	}
	return resp, again, nil
}

// isLogin tells that err is that of a login: the request was not sent.
func isLogin(err error) bool {
	_, ok := errors.AsType[*hub.Error](err)
	return ok
}

// lasting is the part of a login whose proofs are not given up, and stand in the configuration.
type lasting struct{}

func (lasting) answered(*http.Request, int) bool { return false }
func (lasting) conceal(text []byte) []byte       { return text }

// fixed is a proof that is the same for all requests. One that a step sent itself stays.
type fixed struct {
	lasting
	in, name, value string
}

func (f fixed) sign(r *http.Request, _ []byte) error {
	switch {
	case f.in == "cookie":
		r.AddCookie(&http.Cookie{Name: f.name, Value: f.value})
	case f.in == "query":
		r.URL.RawQuery = strings.TrimPrefix(r.URL.RawQuery+"&"+url.QueryEscape(f.name)+"="+url.QueryEscape(f.value), "&")
	case r.Header.Get(f.name) == "":
		r.Header.Set(f.name, f.value)
	}
	return nil
}

// signing signs in the form of `sign:`.
type signing struct {
	lasting
	*signature.Signature
	clock hub.Clock
}

// signing reads `sign:`.
func (c *Config) signing(env *hub.Env) (s signing, err error) {
	if c.Sign == nil {
		return s, nil
	}
	s.clock = env.Clock
	if s.Signature, err = signature.New(c.Sign); err == nil {
		err = s.Signs()
	}
	if err != nil {
		err = fmt.Errorf("sign: %w", err)
	}
	return s, err
}

func (s signing) sign(r *http.Request, body []byte) error {
	headers, query, err := s.Sign(&signature.Request{Method: r.Method, URL: r.URL.String(), Header: r.Header, Body: body}, s.clock.Now())
	if err != nil {
		return hub.Fail(hub.Invalid, "sign", "the request can't be signed: %w", err)
	}
	maps.Copy(r.Header, headers)
	if len(query) > 0 {
		r.URL.RawQuery = strings.TrimPrefix(r.URL.RawQuery+"&"+query.Encode(), "&")
	}
	return nil
}

// logins are those of the configuration, in the order in which they sign: a signature is made of all that is sent.
func (c *Config) logins(env *hub.Env, transport http.RoundTripper) (out []login, err error) {
	if c.APIKey.Value != "" {
		out = append(out, fixed{in: c.APIKey.In, name: c.APIKey.Name, value: c.APIKey.Value.Reveal()})
	}
	const authorization = "Authorization"
	switch c.login() {
	case "bearer":
		out = append(out, fixed{in: "header", name: authorization, value: "Bearer " + c.Bearer.Reveal()})
	case "basic":
		both := c.Basic.User + ":" + c.Basic.Password.Reveal()
		out = append(out, fixed{in: "header", name: authorization, value: "Basic " + base64.StdEncoding.EncodeToString([]byte(both))})
	case "oauth2", "jwt":
		t, err := c.tokens(env, transport)
		if err != nil {
			return nil, err
		}
		out = append(out, t)
	case "aws":
		out = append(out, &signer{AWS: c.AWS, clock: env.Clock})
	}
	if c.Sign == nil {
		return out, nil
	}
	s, err := c.signing(env)
	return append(out, s), err
}

// login names the option that makes the header Authorization; "": none does.
func (c *Config) login() string { return append(c.loginNames(), "")[0] }

func (c *Config) loginNames() (names []string) {
	for _, l := range []struct {
		name string
		set  bool
	}{
		{"bearer", c.Bearer != ""}, {"basic", c.Basic.User != ""}, {"oauth2", c.OAuth2.TokenURL != ""},
		{"jwt", c.JWT.Key != "" && c.OAuth2.TokenURL == ""}, {"aws", c.AWS.AccessKey != ""},
	} {
		if l.set {
			names = append(names, l.name)
		}
	}
	return names
}

// checkLogins finds what does not go together.
func (c *Config) checkLogins() []hub.FieldFault {
	var faults hub.FieldFaults
	if names := c.loginNames(); len(names) > 1 {
		faults.Add(names[1], "keep one of them", "%s exclude each other", strings.Join(names, " and "))
	}
	key, o := &c.APIKey, &c.OAuth2
	needs := func(path string, wanted, has bool) {
		if wanted && !has {
			at, name, _ := strings.Cut(path, ".")
			faults.Add(at, "add "+name+":", "%s is missing", path)
		}
	}
	if key.In == "header" && key.Name != "" && checkHeader(key.Name, "") != nil {
		faults.Add("api_key.name", "write the name of a header", "header %q can't be sent", key.Name)
	}
	is := o.TokenURL != ""
	needs("oauth2.client_id", is && o.Grant != grantJWT, o.ClientID != "")
	needs("oauth2.refresh_token", is && o.Grant == grantRefresh, o.RefreshToken != "")
	needs("oauth2.user", is && o.Grant == grantPassword, o.User != "" && o.Password != "")
	needs("jwt.key", is && (o.Grant == grantJWT || o.ClientAuth == "jwt"), c.JWT.Key != "")
	if is {
		if _, err := parseURL(o.TokenURL); err != nil {
			faults.Add("oauth2.token_url", "write the address at which tokens are given", "token_%s", err.Error())
		}
	}
	return faults
}
