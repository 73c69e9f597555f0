package httpserver

import (
	"bytes"
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"
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

// scheme says how a signature is written, and what is signed before the body. A further way to sign is a further row of schemes.
type scheme struct {
	name   string
	header string // of the signature, unless the configuration names one
	form   string // of that header, with TIME and SIGNATURE
	id     string // header of the message's ID, which is signed; "": none is
	stamp  string // header of the time in Unix seconds, which is signed; "": none is, or it is part of the form
	timed  bool   // a time is signed

	parts, value string // of the form: what separates its parts, and what stands between the name and the value of one
	key          func(secret string) ([]byte, error)
	decode       func(sig string) ([]byte, error)
	encode       func(sum []byte) string
}

var schemes = []scheme{
	{name: schemeHex, header: "X-Signature", form: "sha256=SIGNATURE", key: plainKey, decode: hex.DecodeString, encode: hex.EncodeToString},
	{name: schemeTimestamped, header: "X-Signature", form: "t=TIME,v1=SIGNATURE", timed: true, parts: ",", value: "=",
		key: plainKey, decode: hex.DecodeString, encode: hex.EncodeToString},
	{name: schemeStandard, header: "Webhook-Signature", form: "v1,SIGNATURE", id: "Webhook-Id", stamp: "Webhook-Timestamp", timed: true,
		parts: " ", value: ",", key: webhookKey, decode: base64.StdEncoding.DecodeString, encode: base64.StdEncoding.EncodeToString},
}

// read gives the time and the signatures of a header; there are several while keys change.
func (s *scheme) read(header string) (stamp string, sigs []string) {
	if s.parts == "" {
		return "", []string{strings.TrimPrefix(header, "sha256=")}
	}
	for part := range strings.SplitSeq(header, s.parts) {
		switch name, value, _ := strings.Cut(strings.TrimSpace(part), s.value); name {
		case "t":
			stamp = value
		case "v1":
			sigs = append(sigs, value)
		}
	}
	return stamp, sigs[:min(len(sigs), maxSignatures)]
}

// verifier proves that a request came from a sender who knows the secret. The
// zero verifier lets everyone in.
type verifier struct {
	scheme // of signatures
	keys   [][]byte
	maxAge time.Duration
	token  []byte
	link   [][]byte // keys of signed links
}

// newVerifier checks the options; linkKeys sign links.
func newVerifier(v *Verify, linkKeys [][]byte) (out verifier, err error) {
	switch {
	case v == nil:
		return out, nil
	case len(v.HMAC) > 0 && v.Token != "":
		return out, fmt.Errorf("verify: hmac and token exclude each other")
	case v.Token == tokenLink:
		return verifier{link: linkKeys}, nil
	case v.Token != "":
		return verifier{token: []byte(v.Token.Reveal())}, nil
	case len(v.HMAC) == 0:
		return out, fmt.Errorf("verify: give hmac or token")
	}
	name := cmp.Or(v.Scheme, schemeHex)
	if v.Scheme == "" && v.MaxAge > 0 && v.TimestampHeader == "" {
		name = schemeTimestamped
	}
	out.scheme = schemes[max(0, slices.IndexFunc(schemes, func(s scheme) bool { return s.name == name }))] // the loader tells of an unknown name
	if name != schemeStandard {
		out.header = cmp.Or(v.Header, out.header)
	}
	if name == schemeHex {
		out.stamp, out.timed = v.TimestampHeader, v.TimestampHeader != ""
	}
	out.maxAge = cmp.Or(v.MaxAge, defaultMaxAge)
	if out.keys, err = signingKeys(v.HMAC, out.key); err != nil {
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
	case v.name != "":
		return v.checkSignature(r, raw, now)
	}
	return "", nil
}

func (v *verifier) checkSignature(r *http.Request, raw []byte, now time.Time) (id string, p *problem) {
	header := r.Header.Get(v.header)
	switch {
	case header == "":
		return "", newProblem(http.StatusUnauthorized, "signature_missing", "the request is not signed")
	case len(header) > maxSignatureHeader:
		return "", invalidSignature()
	}
	if v.id != "" {
		if id = r.Header.Get(v.id); id == "" || len(id) > maxWebhookID || strings.ContainsAny(id, ".\r\n") {
			return "", newProblem(http.StatusBadRequest, "bad_message_id", "webhook-id is empty, longer than 255 characters, or holds a dot or a line end")
		}
	}
	stamp, sigs := v.read(header)
	if v.stamp != "" {
		stamp = r.Header.Get(v.stamp)
	}
	if v.timed {
		if p := v.fresh(stamp, now); p != nil {
			return "", p
		}
	}
	before := v.before(id, stamp)
	if p := v.match(sigs, before, raw); p != nil {
		return "", p
	}
	if id == "" && v.timed { // named by what was signed, a time and the body: however the signature is written, it is the same
		id = "signed." + hub.HashID(before+string(raw))
	}
	return id, nil
}

// before is what is signed before the body.
func (v *verifier) before(id, stamp string) (text string) {
	if v.id != "" {
		text = id + "."
	}
	if v.timed {
		text += stamp + "."
	}
	return text
}

// Sign makes a request with the body raw one that v lets in, as its sender does.
func (v *Verify) Sign(req *http.Request, raw []byte, now time.Time) {
	if v.Token != "" {
		req.Header.Set("Authorization", "Bearer "+v.Token.Reveal())
		return
	}
	s, err := newVerifier(v, nil)
	if err != nil {
		return // such a route is not served
	}
	id, stamp := "msg_"+hub.NewID(now), strconv.FormatInt(now.Unix(), 10)
	sig := s.encode(digest(s.keys[0], s.before(id, stamp), raw))
	for header, value := range map[string]string{s.id: id, s.stamp: stamp, s.header: strings.NewReplacer("TIME", stamp, "SIGNATURE", sig).Replace(s.form)} {
		if header != "" {
			req.Header.Set(header, value)
		}
	}
}

// digest is the HMAC-SHA256 of a text and a body behind it.
func digest(key []byte, before string, raw []byte) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(before))
	mac.Write(raw)
	return mac.Sum(nil)
}

func invalidSignature() *problem {
	return newProblem(http.StatusUnauthorized, "signature_invalid", "no signature fits the body (is the body signed exactly as it is sent?)")
}

// match compares the digests of all keys with all signatures, in constant time each.
func (v *verifier) match(sigs []string, before string, raw []byte) *problem {
	ok := false
	for _, key := range v.keys {
		sum := digest(key, before, raw)
		for _, s := range sigs {
			if got, err := v.decode(s); err == nil && hmac.Equal(got, sum) {
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
