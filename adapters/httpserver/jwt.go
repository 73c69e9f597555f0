package httpserver

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"orderhub/hub"
	"orderhub/hub/signature"
)

// JWT is a signed token of an issuer (RFC 7519, 8725), sent as Authorization: Bearer.
type JWT struct {
	JWKS     string            `yaml:"jwks" doc:"Address of the issuer's keys (JSON Web Key Set), as https://login.example/jwks.json. They are asked for again every hour, and when an unknown one signs."`
	Key      []hub.Secret      `yaml:"key" min:"1" doc:"The issuer's public keys (PEM), where there is no jwks."`
	HMAC     []hub.Secret      `yaml:"hmac" min:"1" doc:"Secrets shared with the issuer, of at least 32 bytes, where it has no key pair."`
	Issuer   string            `yaml:"issuer" doc:"What iss must be. Left out: any."`
	Audience []string          `yaml:"audience" doc:"What aud must be, or hold: one of these."`
	Claims   map[string]string `yaml:"claims" doc:"What other claims must be, or hold as one of their words or items, as {scope: orders.write}."`
}

const (
	maxToken  = 16 << 10
	jwtLeeway = 30 * time.Second
)

// The algorithms of key pairs, and of shared secrets: a token can't choose to be checked as the other kind.
var (
	pairAlgorithms = []jose.SignatureAlgorithm{jose.RS256, jose.RS384, jose.RS512, jose.PS256, jose.PS384, jose.PS512,
		jose.ES256, jose.ES384, jose.ES512, jose.EdDSA}
	secretAlgorithms = []jose.SignatureAlgorithm{jose.HS256, jose.HS384, jose.HS512}
)

// jwtKeys gives the issuer's keys, not much older than they are asked for.
type jwtKeys func(r *http.Request, now time.Time, most time.Duration) ([]jose.JSONWebKey, error)

func (v *verifier) addJWT(o *JWT, s *Server) error {
	keys, err := o.keys(s)
	if err != nil {
		return fmt.Errorf("jwt: %w", err)
	}
	v.proofs = append(v.proofs, proof{
		check: func(r *http.Request, _ []byte, now time.Time) (string, *problem) { return "", o.check(r, keys, now) },
		describe: func(add func(string, object)) {
			add("jwt", object{"type": "http", "scheme": "bearer", "bearerFormat": "JWT"})
		},
	})
	return nil
}

// keys are those of the options: exactly one of jwks, key and hmac.
func (o *JWT) keys(s *Server) (jwtKeys, error) {
	given := 0
	for _, has := range []bool{o.JWKS != "", len(o.Key) > 0, len(o.HMAC) > 0} {
		if has {
			given++
		}
	}
	switch {
	case len(o.Audience) == 0:
		return nil, errors.New("audience is missing: a token that is for somebody else would be taken")
	case given != 1:
		return nil, errors.New("give one of jwks, key and hmac")
	case o.JWKS == "":
		fixed, err := o.fixed()
		return func(*http.Request, time.Time, time.Duration) ([]jose.JSONWebKey, error) { return fixed, nil }, err
	case !strings.HasPrefix(o.JWKS, "https://") && !strings.HasPrefix(o.JWKS, "http://127.0.0.1") && !strings.HasPrefix(o.JWKS, "http://localhost"):
		return nil, fmt.Errorf("jwks: %q is no https address: whoever stands between could give keys of its own", o.JWKS)
	}
	return func(r *http.Request, now time.Time, most time.Duration) ([]jose.JSONWebKey, error) {
		raw, err := s.remote.get(r.Context(), o.JWKS, now, most)
		if err != nil {
			return nil, err
		}
		return parseJWKS(raw)
	}, nil
}

func (o *JWT) fixed() (keys []jose.JSONWebKey, err error) {
	secrets, err := signature.Secrets(o.HMAC, signature.Plain)
	for _, secret := range secrets {
		if len(secret) < 32 { // RFC 7518, 3.2
			return nil, errors.New("hmac: a secret of a JWT has at least 32 bytes")
		}
		keys = append(keys, jose.JSONWebKey{Key: secret})
	}
	for i, text := range o.Key {
		public, bad := signature.PublicKey(text.Reveal())
		if bad != nil {
			return nil, fmt.Errorf("key %d of %d %w", i+1, len(o.Key), bad)
		}
		keys = append(keys, jose.JSONWebKey{Key: public})
	}
	return keys, err
}

// parseJWKS reads a set of keys (RFC 7517). Keys of kinds that are not known, secret ones, and those for encryption are left out.
func parseJWKS(raw []byte) (keys []jose.JSONWebKey, err error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(raw, &set); err != nil {
		return nil, fmt.Errorf("it gives no set of keys: %w", err)
	}
	for _, one := range set.Keys {
		var key jose.JSONWebKey
		if key.UnmarshalJSON(one) == nil && key.IsPublic() && key.Use != "enc" {
			keys = append(keys, key)
		}
	}
	return keys, nil
}

// check tells what is wrong with the token of a request; nil: nothing is.
func (o *JWT) check(r *http.Request, keys jwtKeys, now time.Time) *problem {
	text := bearer(r)
	if text == "" || len(text) > maxToken {
		return unproven("token_missing", "the request has no Authorization: Bearer token of at most %d bytes", maxToken)
	}
	algorithms := pairAlgorithms
	if len(o.HMAC) > 0 {
		algorithms = secretAlgorithms
	}
	token, err := jwt.ParseSigned(text, algorithms)
	if err != nil {
		return unproven("token_invalid", "the token is no JWT that is taken: %v", err)
	}
	var claims jwt.Claims
	all := map[string]any{}
	id := token.Headers[0].KeyID
	fits := func(most time.Duration) (bool, error) {
		list, err := keys(r, now, most)
		return slices.ContainsFunc(list, func(k jose.JSONWebKey) bool {
			return (k.KeyID == "" || id == "" || k.KeyID == id) && token.Claims(k.Key, &claims, &all) == nil
		}), err
	}
	ok, err := fits(remoteKeep)
	if !ok && err == nil {
		ok, err = fits(0) // the issuer may have new ones
	}
	switch {
	case err != nil:
		return keyUnavailable(err)
	case !ok:
		return unproven("token_invalid", "no key of the issuer fits the token (kid %q)", id)
	}
	return o.checkClaims(claims, all, now)
}

func (o *JWT) checkClaims(claims jwt.Claims, all map[string]any, now time.Time) *problem {
	if claims.Expiry == nil {
		return unproven("token_invalid", "the token has no end (exp)")
	}
	if err := claims.ValidateWithLeeway(jwt.Expected{Issuer: o.Issuer, AnyAudience: o.Audience, Time: now}, jwtLeeway); err != nil {
		code := "token_invalid"
		if errors.Is(err, jwt.ErrExpired) {
			code = "token_expired"
		}
		return unproven(code, "%v (iss %q, aud %q)", err, claims.Issuer, claims.Audience)
	}
	for name, want := range o.Claims {
		if !holdsWord(all[name], want) {
			return unproven("token_claims", "the token's %s is %v, not %q", name, all[name], want)
		}
	}
	return nil
}

// holdsWord tells that a claim is the text, has it among its words, or as an item.
func holdsWord(claim any, text string) bool {
	items, ok := claim.([]any)
	if !ok {
		return claim != nil && (fmt.Sprint(claim) == text || slices.Contains(strings.Fields(fmt.Sprint(claim)), text))
	}
	return slices.Contains(items, any(text))
}
