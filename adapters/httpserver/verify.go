package httpserver

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"orderhub/hub"
)

const (
	maxSignatures      = 10
	maxSignatureHeader = 4 << 10
	maxWebhookID       = 255
	defaultMaxAge      = 5 * time.Minute
)

// verifier proves that a request came from a sender who knows the secret. The
// zero verifier lets everyone in.
type verifier struct {
	scheme string
	keys   [][]byte
	header string
	stamp  string
	maxAge time.Duration
	token  []byte
	link   [][]byte // keys of signed links
}

// newVerifier checks the options; linkKeys sign links.
func newVerifier(v *Verify, linkKeys [][]byte) (verifier, error) {
	if v == nil {
		return verifier{}, nil
	}
	out := verifier{header: v.Header, stamp: v.TimestampHeader, maxAge: v.MaxAge, scheme: v.Scheme}
	switch {
	case len(v.HMAC) > 0 && v.Token != "":
		return out, fmt.Errorf("verify: hmac and token exclude each other")
	case v.Token == tokenLink:
		out.link = linkKeys
		return out, nil
	case v.Token != "":
		out.token = []byte(v.Token.Reveal())
		return out, nil
	case len(v.HMAC) == 0:
		return out, fmt.Errorf("verify: give hmac or token")
	}
	if out.scheme == "" {
		out.scheme = schemeHex
		if v.MaxAge > 0 && v.TimestampHeader == "" {
			out.scheme = schemeTimestamped
		}
	}
	switch {
	case out.scheme == schemeStandard:
		out.header = "Webhook-Signature"
	case out.header == "":
		out.header = "X-Signature"
	}
	if out.maxAge == 0 {
		out.maxAge = defaultMaxAge
	}
	decode := plainKey
	if out.scheme == schemeStandard {
		decode = webhookKey
	}
	var err error
	if out.keys, err = signingKeys(v.HMAC, decode); err != nil {
		return out, fmt.Errorf("verify: hmac: %w", err)
	}
	return out, nil
}

// check returns no problem when the request is genuine. The id names it among
// the sender's: sent again, by the sender or by somebody who recorded it, it is
// the same. "": nothing that is proven does.
func (v *verifier) check(r *http.Request, raw []byte, now time.Time) (id string, p *problem) {
	switch {
	case v.token != nil:
		return "", v.checkToken(r)
	case v.link != nil:
		return "", v.checkLink(r, now)
	}
	switch v.scheme {
	case schemeHex:
		return v.checkHex(r, raw, now)
	case schemeTimestamped:
		return v.checkTimestamped(r, raw, now)
	case schemeStandard:
		return v.checkStandard(r, raw, now)
	}
	return "", nil
}

func (v *verifier) checkHex(r *http.Request, raw []byte, now time.Time) (string, *problem) {
	sig := r.Header.Get(v.header)
	if p := plausible(sig); p != nil {
		return "", p
	}
	sigs := []string{strings.TrimPrefix(sig, "sha256=")}
	if v.stamp == "" {
		return "", v.match(sigs, hex.DecodeString, raw)
	}
	stamp := r.Header.Get(v.stamp)
	if p := v.fresh(stamp, now); p != nil {
		return "", p
	}
	return timedID(stamp, raw), v.match(sigs, hex.DecodeString, []byte(stamp), []byte("."), raw)
}

// timedID names a request by what its sender signed, a time and the body: however the signature is written, it is the same.
func timedID(stamp string, raw []byte) string { return "signed." + hub.HashID(stamp+"."+string(raw)) }

func (v *verifier) checkTimestamped(r *http.Request, raw []byte, now time.Time) (string, *problem) {
	header := r.Header.Get(v.header)
	if p := plausible(header); p != nil {
		return "", p
	}
	stamp, sigs := "", make([]string, 0, 2)
	for part := range strings.SplitSeq(header, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		switch {
		case name == "t":
			stamp = value
		case name == "v1" && len(sigs) < maxSignatures:
			sigs = append(sigs, value)
		}
	}
	if p := v.fresh(stamp, now); p != nil {
		return "", p
	}
	return timedID(stamp, raw), v.match(sigs, hex.DecodeString, []byte(stamp), []byte("."), raw)
}

func (v *verifier) checkStandard(r *http.Request, raw []byte, now time.Time) (string, *problem) {
	header := r.Header.Get(v.header)
	if p := plausible(header); p != nil {
		return "", p
	}
	id := r.Header.Get("Webhook-Id")
	if id == "" || len(id) > maxWebhookID || strings.ContainsAny(id, ".\r\n") {
		return "", newProblem(http.StatusBadRequest, "bad_message_id", "webhook-id is empty, longer than 255 characters, or holds a dot or a line end")
	}
	stamp := r.Header.Get("Webhook-Timestamp")
	if p := v.fresh(stamp, now); p != nil {
		return "", p
	}
	sigs := make([]string, 0, 2)
	for part := range strings.SplitSeq(header, " ") {
		if sig, ok := strings.CutPrefix(part, "v1,"); ok && len(sigs) < maxSignatures {
			sigs = append(sigs, sig)
		}
	}
	return id, v.match(sigs, base64.StdEncoding.DecodeString, []byte(id), []byte("."), []byte(stamp), []byte("."), raw)
}

func plausible(header string) *problem {
	if header == "" {
		return newProblem(http.StatusUnauthorized, "signature_missing", "the request is not signed")
	}
	if len(header) > maxSignatureHeader {
		return invalidSignature()
	}
	return nil
}

func invalidSignature() *problem {
	return newProblem(http.StatusUnauthorized, "signature_invalid", "no signature fits the body (is the body signed exactly as it is sent?)")
}

// match compares the digests of all keys with all signatures, in constant time each.
func (v *verifier) match(sigs []string, decode func(string) ([]byte, error), signed ...[]byte) *problem {
	ok := false
	for _, key := range v.keys {
		mac := hmac.New(sha256.New, key)
		for _, b := range signed {
			mac.Write(b)
		}
		sum := mac.Sum(nil)
		for _, s := range sigs {
			if got, err := decode(s); err == nil && hmac.Equal(got, sum) {
				ok = true
			}
		}
	}
	if !ok {
		return invalidSignature()
	}
	return nil
}

// fresh checks a time in Unix seconds.
func (v *verifier) fresh(stamp string, now time.Time) *problem {
	sec, err := strconv.ParseInt(stamp, 10, 64)
	limit := int64(v.maxAge / time.Second)
	if err != nil || sec < 0 || sec < now.Unix()-limit || sec > now.Unix()+limit {
		return newProblem(http.StatusUnauthorized, "timestamp_out_of_tolerance",
			fmt.Sprintf("the time of the signature is missing, or off by more than %s", v.maxAge))
	}
	return nil
}

func (v *verifier) checkToken(r *http.Request) *problem {
	var scheme, token string
	if values := r.Header["Authorization"]; len(values) == 1 { // of two, somebody in front may have read the other one
		scheme, token, _ = strings.Cut(values[0], " ")
	}
	if token = strings.TrimLeft(token, " "); token == "" || !strings.EqualFold(scheme, "Bearer") {
		return newProblem(http.StatusUnauthorized, "token_missing", "the request has no Authorization: Bearer token")
	}
	want, got := sha256.Sum256(v.token), sha256.Sum256([]byte(token))
	if subtle.ConstantTimeCompare(want[:], got[:]) != 1 {
		return newProblem(http.StatusUnauthorized, "token_invalid", "the token is wrong")
	}
	return nil
}

const minKey = 16 // bytes

// signingKeys reads the keys that signatures are made with. Whoever can guess
// one forges what it signs, so that an empty or short one is an error.
func signingKeys(secrets []hub.Secret, decode func(string) ([]byte, error)) (keys [][]byte, err error) {
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

// plainKey is a key as it is written.
func plainKey(text string) ([]byte, error) { return []byte(text), nil }

// webhookKey is a key in the form of Standard Webhooks.
func webhookKey(text string) ([]byte, error) {
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(text, "whsec_"))
	if err != nil {
		return nil, fmt.Errorf("is not base64 behind whsec_")
	}
	return key, nil
}
