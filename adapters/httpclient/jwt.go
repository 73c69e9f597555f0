package httpclient

import (
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"maps"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"orderhub/hub"
	"orderhub/hub/signature"
)

// JWT is how tokens are made: RFC 7519, signed as RFC 7518 has it.
type JWT struct {
	Key       hub.Secret     `yaml:"key" required:"true" doc:"Private key (PEM), or the shared secret of HS256."`
	Algorithm string         `yaml:"algorithm" oneof:"RS256|PS256|ES256|EdDSA|HS256" default:"RS256" doc:"How they are signed."`
	KeyID     string         `yaml:"key_id" doc:"Name of the key, as the header kid."`
	Claims    map[string]any `yaml:"claims" doc:"What they say beside iat, exp and jti: iss, sub, aud and others."`
	Lifetime  time.Duration  `yaml:"lifetime" default:"5m" min:"1s" max:"24h" doc:"How long one is good."`
}

// jwtMaker makes tokens.
type jwtMaker struct {
	cfg    *JWT
	clock  hub.Clock
	signer jose.Signer
}

// newJWT reads the key.
func newJWT(cfg *JWT, clock hub.Clock) (*jwtMaker, error) {
	secret := []byte(cfg.Key.Reveal())
	var key any = append(secret, make([]byte, max(0, sha256.Size-len(secret)))...) // HMAC fills a short key with zeros; the library takes none
	if cfg.Algorithm != "HS256" {
		var err error
		if key, err = signature.PrivateKey(cfg.Key.Reveal()); err != nil {
			return nil, fmt.Errorf("jwt.key: it is no private key (PEM): %w", err)
		}
	}
	head := (&jose.SignerOptions{}).WithType("JWT")
	if cfg.KeyID != "" {
		head = head.WithHeader("kid", cfg.KeyID)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.SignatureAlgorithm(cfg.Algorithm), Key: key}, head)
	if err == nil {
		_, err = signer.Sign(nil)
	}
	if err != nil {
		return nil, fmt.Errorf("jwt.key: it is no key of %s: %w", cfg.Algorithm, err)
	}
	return &jwtMaker{cfg, clock, signer}, nil
}

// token makes one; claims are what it says where the configuration says nothing.
func (m *jwtMaker) token(claims map[string]any) (string, error) {
	now := m.clock.Now()
	all := map[string]any{"iat": now.Unix(), "exp": now.Add(m.cfg.Lifetime).Unix(), "jti": rand.Text()}
	maps.Copy(all, claims)
	maps.Copy(all, m.cfg.Claims)
	return jwt.Signed(m.signer).Claims(all).Serialize()
}
