package signature

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"hash"
	"strings"

	"orderhub/hub"
)

// Key checks signatures; one that is private, or shared, makes them, too.
type Key struct {
	secret []byte
	public crypto.PublicKey
	signer crypto.Signer
}

const minKey = 16 // bytes

// Secrets reads the keys that both sides know, in the form that decode undoes. Whoever can guess
// one forges what it signs, so that an empty or short one is an error.
func Secrets(secrets []hub.Secret, decode func(string) ([]byte, error)) (keys [][]byte, err error) {
	for i, s := range secrets {
		key, err := decode(s.Reveal())
		if err == nil && len(bytes.TrimSpace(key)) < minKey {
			err = fmt.Errorf("has %d bytes, and at least %d are needed, as openssl rand -hex 32 makes them", len(key), minKey)
		}
		if err != nil {
			return nil, fmt.Errorf("key %d of %d %w", i+1, len(secrets), err)
		}
		keys = append(keys, key)
	}
	return keys, nil
}

// Plain is a key as it is written.
func Plain(text string) ([]byte, error) { return []byte(text), nil }

// secretForms are how secrets are written.
var secretForms = map[string]func(string) ([]byte, error){
	"text": Plain,
	"hex": func(text string) ([]byte, error) {
		key, err := hex.DecodeString(strings.TrimSpace(text))
		if err != nil {
			return nil, errors.New("is no hex digits")
		}
		return key, nil
	},
	"base64": func(text string) ([]byte, error) {
		key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(text, "whsec_"))
		if err != nil {
			return nil, errors.New("is not base64 behind whsec_")
		}
		return key, nil
	},
	"ascii": func(text string) ([]byte, error) { // the vendor changes others before it signs (Unicode's NFKD)
		if strings.ContainsFunc(text, func(r rune) bool { return r > 126 }) {
			return nil, errors.New("has characters beyond ASCII: choose another secret")
		}
		return []byte(text), nil
	},
}

// pairKeys reads the keys of pairs.
func pairKeys(algorithm string, texts []hub.Secret) (keys []Key, err error) {
	for i, text := range texts {
		key, err := parseKey(text.Reveal())
		if err == nil && !key.fits(algorithm) {
			err = fmt.Errorf("is no key for %s", algorithm)
		}
		if err != nil {
			return nil, fmt.Errorf("key %d of %d %w", i+1, len(texts), err)
		}
		keys = append(keys, key)
	}
	return keys, nil
}

// parseKey reads PEM, or base64 of DER or of the bare bytes of an Ed25519 key (whpk_, whsk_).
func parseKey(text string) (Key, error) {
	text = strings.TrimSpace(text)
	if block, _ := pem.Decode([]byte(text)); block != nil {
		return keyOf(block.Bytes)
	}
	bare, isPublic := strings.CutPrefix(text, "whpk_")
	bare, isPrivate := strings.CutPrefix(bare, "whsk_")
	raw, err := base64.StdEncoding.DecodeString(bare)
	switch {
	case err != nil:
		return Key{}, errors.New("is neither PEM nor base64")
	case isPrivate && (len(raw) == ed25519.SeedSize || len(raw) == ed25519.PrivateKeySize):
		return privateKey(ed25519.NewKeyFromSeed(raw[:ed25519.SeedSize])), nil
	case (isPublic || !isPrivate) && len(raw) == ed25519.PublicKeySize:
		return Key{public: ed25519.PublicKey(raw)}, nil
	}
	return keyOf(raw)
}

// PublicKey reads a public key or a certificate: PEM, or base64.
func PublicKey(text string) (crypto.PublicKey, error) {
	key, err := parseKey(text)
	return key.public, err
}

// PrivateKey reads a private key, likewise.
func PrivateKey(text string) (crypto.Signer, error) {
	key, err := parseKey(text)
	if err == nil && key.signer == nil {
		err = errors.New("is a public one")
	}
	return key.signer, err
}

// keyOf reads DER: a certificate, a public or a private key.
func keyOf(der []byte) (Key, error) {
	if cert, err := x509.ParseCertificate(der); err == nil {
		return Key{public: cert.PublicKey}, nil
	}
	if public, err := x509.ParsePKIXPublicKey(der); err == nil {
		return Key{public: public}, nil
	}
	if public, err := x509.ParsePKCS1PublicKey(der); err == nil {
		return Key{public: public}, nil
	}
	if private, err := x509.ParsePKCS8PrivateKey(der); err == nil {
		if signer, ok := private.(crypto.Signer); ok {
			return privateKey(signer), nil
		}
	}
	if private, err := x509.ParseECPrivateKey(der); err == nil {
		return privateKey(private), nil
	}
	if private, err := x509.ParsePKCS1PrivateKey(der); err == nil {
		return privateKey(private), nil
	}
	return Key{}, errors.New("holds no certificate and no key that is known")
}

func privateKey(s crypto.Signer) Key { return Key{public: s.Public(), signer: s} }

// CertificateKey is the key of a certificate.
func CertificateKey(cert *x509.Certificate) Key { return Key{public: cert.PublicKey} }

func (k Key) fits(algorithm string) bool {
	switch k.public.(type) {
	case ed25519.PublicKey:
		return algorithm == "ed25519"
	case *ecdsa.PublicKey:
		return algorithm == "ecdsa-sha256"
	case *rsa.PublicKey:
		return algorithm == "rsa-sha256"
	}
	return false
}

var hashes = map[string]func() hash.Hash{"hmac-sha256": sha256.New, "hmac-sha1": sha1.New, "hmac-sha512": sha512.New}

// mac is the HMAC of text.
func (k Key) mac(algorithm string, text []byte) []byte {
	mac := hmac.New(hashes[algorithm], k.secret)
	mac.Write(text)
	return mac.Sum(nil)
}

// check tells whether sig is of text.
func (k Key) check(algorithm string, text, sig []byte) bool {
	switch public := k.public.(type) {
	case ed25519.PublicKey:
		return ed25519.Verify(public, text, sig)
	case *ecdsa.PublicKey:
		return ecdsa.VerifyASN1(public, sum256(text), sig)
	case *rsa.PublicKey:
		return rsa.VerifyPKCS1v15(public, crypto.SHA256, sum256(text), sig) == nil
	}
	return hmac.Equal(sig, k.mac(algorithm, text))
}

// sign makes the signature of text.
func (k Key) sign(algorithm string, text []byte) ([]byte, error) {
	switch k.public.(type) {
	case nil:
		return k.mac(algorithm, text), nil
	case ed25519.PublicKey:
		return k.signer.Sign(nil, text, crypto.Hash(0))
	}
	return k.signer.Sign(rand.Reader, sum256(text), crypto.SHA256)
}
