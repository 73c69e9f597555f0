package httpclient

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"net/http"
	"strings"
	"testing"
	"time"

	"orderhub/hub"
)

func pemOf(t *testing.T, key any) hub.Secret {
	t.Helper()
	raw, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return hub.Secret(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw}))
}

// Each algorithm's tokens are held to what the standard library says of their signatures.
func TestJWTAlgorithms(t *testing.T) {
	rsaKey, _ := rsa.GenerateKey(rand.Reader, 2048)
	ecKey, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	edPublic, edKey, _ := ed25519.GenerateKey(rand.Reader)
	for algorithm, c := range map[string]struct {
		key   hub.Secret
		holds func(text, sum, sig []byte) bool
	}{
		"HS256": {"a shared secret", func(text, _, sig []byte) bool {
			h := hmac.New(sha256.New, []byte("a shared secret"))
			h.Write(text)
			return hmac.Equal(h.Sum(nil), sig)
		}},
		"RS256": {pemOf(t, rsaKey), func(_, sum, sig []byte) bool {
			return rsa.VerifyPKCS1v15(&rsaKey.PublicKey, crypto.SHA256, sum, sig) == nil
		}},
		"PS256": {pemOf(t, rsaKey), func(_, sum, sig []byte) bool {
			return rsa.VerifyPSS(&rsaKey.PublicKey, crypto.SHA256, sum, sig, nil) == nil
		}},
		"ES256": {pemOf(t, ecKey), func(_, sum, sig []byte) bool {
			return len(sig) == 64 && ecdsa.Verify(&ecKey.PublicKey, sum, new(big.Int).SetBytes(sig[:32]), new(big.Int).SetBytes(sig[32:]))
		}},
		"EdDSA": {pemOf(t, edKey), func(text, _, sig []byte) bool { return ed25519.Verify(edPublic, text, sig) }},
	} {
		got := ""
		_, err := ask(t, func(_ http.ResponseWriter, r *http.Request) { got = r.Header.Get("Authorization") }, "POST /x", message(`{}`), func(cfg *Config) {
			cfg.JWT = JWT{Algorithm: algorithm, Key: c.key, KeyID: "k1", Lifetime: time.Minute, Claims: map[string]any{"iss": "hub", "aud": []any{"a"}}}
		})
		parts := strings.Split(strings.TrimPrefix(got, "Bearer "), ".")
		if err != nil || len(parts) != 3 {
			t.Fatalf("%s: %q %v", algorithm, got, err)
		}
		var head struct{ Alg, Kid, Typ string }
		var claims struct {
			Iss, Jti string
			Aud      []string
			Iat, Exp int64
		}
		var raw [3][]byte
		for i, part := range parts {
			var bad error
			if raw[i], bad = base64.RawURLEncoding.DecodeString(part); bad != nil {
				t.Fatal(bad)
			}
		}
		text := []byte(parts[0] + "." + parts[1])
		sum := sha256.Sum256(text)
		if json.Unmarshal(raw[0], &head) != nil || json.Unmarshal(raw[1], &claims) != nil || head.Alg != algorithm || head.Kid != "k1" || claims.Iss != "hub" || claims.Aud[0] != "a" ||
			claims.Exp-claims.Iat != 60 || claims.Jti == "" || !c.holds(text, sum[:], raw[2]) {
			t.Errorf("%s: %s %s", algorithm, raw[0], raw[1])
		}
	}
	for algorithm, key := range map[string]hub.Secret{"RS256": "no key", "ES256": pemOf(t, rsaKey), "EdDSA": pemOf(t, ecKey)} {
		cfg := defaultConfig()
		cfg.URL, cfg.JWT = "http://x", JWT{Algorithm: algorithm, Key: key}
		if _, err := definition().New(cfg, &hub.Env{}); err == nil || !strings.Contains(err.Error(), "jwt.key: it is no") {
			t.Errorf("%s: %v", algorithm, err)
		}
	}
}
