package httpclient

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"time"

	"orderhub/hub"
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
	cfg   *JWT
	clock hub.Clock
	head  string
	key   crypto.Signer // nil: HS256
}

// newJWT reads the key.
func newJWT(cfg *JWT, clock hub.Clock) (*jwtMaker, error) {
	head := map[string]string{"alg": cfg.Algorithm, "typ": "JWT"}
	if cfg.KeyID != "" {
		head["kid"] = cfg.KeyID
	}
	m := &jwtMaker{cfg: cfg, clock: clock}
	src, err := json.Marshal(head)
	if err != nil {
		return nil, err
	}
	m.head = base64.RawURLEncoding.EncodeToString(src)
	if cfg.Algorithm == "HS256" {
		return m, nil
	}
	if m.key, err = privateKey(cfg.Key.Reveal()); err != nil {
		return nil, fmt.Errorf("jwt.key: %w", err)
	}
	fits := false
	switch k := m.key.(type) {
	case *rsa.PrivateKey:
		fits = cfg.Algorithm == "RS256" || cfg.Algorithm == "PS256"
	case *ecdsa.PrivateKey:
		fits = cfg.Algorithm == "ES256" && k.Curve.Params().BitSize == 256
	case ed25519.PrivateKey:
		fits = cfg.Algorithm == "EdDSA"
	}
	if !fits {
		return nil, fmt.Errorf("jwt.key: it is no key of %s", cfg.Algorithm)
	}
	return m, nil
}

// privateKey reads a key in one of the forms that PEM files have.
func privateKey(text string) (crypto.Signer, error) {
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return nil, errors.New("it is no private key (PEM)")
	}
	if key, err := x509.ParsePKCS8PrivateKey(block.Bytes); err == nil {
		if signer, ok := key.(crypto.Signer); ok {
			return signer, nil
		}
	}
	if key, err := x509.ParsePKCS1PrivateKey(block.Bytes); err == nil {
		return key, nil
	}
	if key, err := x509.ParseECPrivateKey(block.Bytes); err == nil {
		return key, nil
	}
	return nil, errors.New("it is no private key without a password")
}

// token makes one; claims are what it says where the configuration says nothing.
func (m *jwtMaker) token(claims map[string]any) (string, error) {
	now := m.clock.Now()
	all := map[string]any{"iat": now.Unix(), "exp": now.Add(m.cfg.Lifetime).Unix(), "jti": rand.Text()}
	maps.Copy(all, claims)
	maps.Copy(all, m.cfg.Claims)
	src, err := json.Marshal(all)
	if err != nil {
		return "", err
	}
	text := m.head + "." + base64.RawURLEncoding.EncodeToString(src)
	sig, err := m.signature([]byte(text))
	if err != nil {
		return "", err
	}
	return text + "." + base64.RawURLEncoding.EncodeToString(sig), nil
}

func (m *jwtMaker) signature(text []byte) ([]byte, error) {
	sum := sha256.Sum256(text)
	switch key := m.key.(type) {
	case nil:
		return mac([]byte(m.cfg.Key.Reveal()), text), nil
	case ed25519.PrivateKey:
		return ed25519.Sign(key, text), nil
	case *ecdsa.PrivateKey:
		r, s, err := ecdsa.Sign(rand.Reader, key, sum[:])
		if err != nil {
			return nil, err
		}
		return append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...), nil
	}
	var opts crypto.SignerOpts = crypto.SHA256
	if m.cfg.Algorithm == "PS256" {
		opts = &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: crypto.SHA256}
	}
	return m.key.Sign(rand.Reader, sum[:], opts)
}

// mac is the HMAC-SHA256 of a text.
func mac(key, text []byte) []byte {
	h := hmac.New(sha256.New, key)
	h.Write(text)
	return h.Sum(nil)
}
