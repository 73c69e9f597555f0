package httpserver

import (
	"cmp"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"time"

	"orderhub/hub"
	"orderhub/hub/signature"
)

const (
	tokenLink    = "link"
	codeUnproven = "unauthorized" // what callers are told of all that is not proven
	unprovenText = "the sender is not proven"
	codePing     = "ping" // the code of a request that only asks whether somebody is there
)

// verifier proves that a request came from a sender who is known. The zero verifier lets everyone in.
type verifier struct {
	proofs []proof
	link   [][]byte // keys of signed links
	secret []string // headers and fields of the query that hold what is secret: no message carries them
	answer string   // what the sender wants to read when its request is taken

	// A browser sends the proof by itself, also with what a page of another site makes it send.
	ambient bool
}

// proof is one thing that a request must have.
type proof struct {
	check    func(r *http.Request, raw []byte, now time.Time) (id string, p *problem)
	describe func(add func(name string, scheme object))
}

// newVerifier checks the options of a route of s.
func newVerifier(v *Verify, s *Server) (out verifier, err error) {
	if v == nil {
		return out, nil
	}
	var given []string // those that exclude each other
	add := func() error { return nil }
	for _, kind := range []struct {
		name  string
		given bool
		add   func() error
	}{
		{"hmac", len(v.HMAC) > 0, func() error { return out.addSignature(&v.Options, s) }},
		{"the form of a signature", len(v.HMAC) == 0 && !reflect.ValueOf(v.Options).IsZero(), func() error { return out.addSignature(&v.Options, s) }},
		{"token", v.Token != "", func() error { return out.addToken(v.Token, s) }},
		{"basic", v.Basic != nil, func() error { return out.addBasic(v.Basic) }},
		{"api_key", v.APIKey != nil, func() error { return out.addAPIKey(v.APIKey) }},
		{"jwt", v.JWT != nil, func() error { return out.addJWT(v.JWT, s) }},
	} {
		if kind.given {
			given, add = append(given, kind.name), kind.add
		}
	}
	if len(given) > 1 {
		return out, fmt.Errorf("verify: %s and %s exclude each other", given[0], given[1])
	}
	if err := cmp.Or(add(), out.addMachines(v, s)); err != nil {
		return out, fmt.Errorf("verify: %w", err)
	}
	out.ambient = v.Basic != nil || len(given) == 0 // a certificate, or an address
	if len(out.proofs) == 0 {
		return out, errors.New("verify: give hmac, key, token, basic, api_key, jwt, client or from")
	}
	return out, nil
}

// check returns no problem when the request is genuine. The id names it among
// the sender's: sent again, by the sender or by somebody who recorded it, it is
// the same. "": nothing that is proven does.
func (v *verifier) check(r *http.Request, raw []byte, now time.Time) (id string, p *problem) {
	for _, proof := range v.proofs {
		found, p := proof.check(r, raw, now)
		if p != nil {
			return "", p
		}
		id = cmp.Or(id, found)
	}
	return id, nil
}

// holds tells that a header or a field of the query holds what proves the sender.
func (v *verifier) holds(place string) bool {
	for _, secret := range v.secret {
		if strings.EqualFold(secret, place) {
			return true
		}
	}
	return false
}

// unproven is a request whose sender is not proven. The caller is told no more than that; why is for ops.
func unproven(code, format string, args ...any) *problem {
	return newProblem(http.StatusUnauthorized, code, fmt.Sprintf(format, args...))
}

func (v *verifier) addSignature(o *signature.Options, s *Server) error {
	signed, err := signature.New(o)
	if err != nil {
		return err
	}
	header, _, _ := signed.Headers()
	v.secret, v.answer = []string{"header." + header}, signed.Answer
	v.proofs = append(v.proofs, proof{
		check: func(r *http.Request, raw []byte, now time.Time) (string, *problem) {
			at := &signature.Request{Method: r.Method, URL: s.publicURL(r), Header: r.Header, Body: raw}
			var keys []signature.Key
			if address := signed.CertURL(at); address != "" {
				key, p := s.remote.certificateKey(r.Context(), address, signed.Certs, signed.Issued, now)
				if p != nil {
					return "", p
				}
				keys = append(keys, key)
			}
			id, err := signed.Verify(at, now, keys...)
			return id, ofSignature(err)
		},
		describe: func(add func(string, object)) { describeSignature(signed, add) },
	})
	return nil
}

// ofSignature is the answer to a request that is not signed as it should be; nil: it is.
func ofSignature(err error) *problem {
	if errors.Is(err, signature.ErrPing) {
		return newProblem(http.StatusOK, codePing, "a ping")
	}
	fault, ok := errors.AsType[*signature.Fault](err)
	switch {
	case !ok:
		return nil
	case fault.Malformed:
		return newProblem(http.StatusBadRequest, fault.Code, fault.Detail)
	}
	return unproven(fault.Code, "%s", fault.Detail)
}

// Sign makes a request with the body raw one that v lets in, as its sender does.
func (v *Verify) Sign(req *http.Request, raw []byte, now time.Time) {
	switch k := v.APIKey; {
	case v.Token != "":
		req.Header.Set("Authorization", "Bearer "+v.Token.Reveal())
		return
	case v.Basic != nil && len(v.Basic.Password) > 0:
		req.SetBasicAuth(v.Basic.User, v.Basic.Password[0].Reveal())
		return
	case k != nil && len(k.Key) > 0 && k.Header != "":
		req.Header.Set(k.Header, k.Key[0].Reveal())
		return
	}
	s, err := signature.New(&v.Options)
	if err != nil {
		return // such a route is not served
	}
	headers, query, err := s.Sign(&signature.Request{Method: req.Method, URL: req.URL.String(), Header: req.Header, Body: raw}, now)
	if err != nil {
		return // it stays unsigned, and is told so
	}
	for name, values := range headers {
		req.Header[name] = values
	}
	if len(query) > 0 {
		req.URL.RawQuery = strings.TrimPrefix(req.URL.RawQuery+"&"+query.Encode(), "&")
	}
}

// addToken lets in who has a token, or came by a link of ours.
func (v *verifier) addToken(token hub.Secret, s *Server) error {
	if token == tokenLink {
		v.link, v.secret = s.linkKeys, []string{"query.token"}
		v.proofs = append(v.proofs, proof{
			check: func(r *http.Request, _ []byte, now time.Time) (string, *problem) {
				return "", checkLink(r, s.linkKeys, now)
			},
			describe: func(add func(string, object)) {
				add("link", object{"type": "apiKey", "in": "query", "name": "token", "description": "Part of a link that we sent."})
			},
		})
		return nil
	}
	v.proofs = append(v.proofs, proof{
		check: func(r *http.Request, _ []byte, _ time.Time) (string, *problem) {
			switch got := bearer(r); {
			case got == "":
				return "", unproven("token_missing", "the request has no Authorization: Bearer token")
			case !same(got, token):
				return "", unproven("token_invalid", "the token is wrong")
			}
			return "", nil
		},
		describe: func(add func(string, object)) { add("bearer", object{"type": "http", "scheme": "bearer"}) },
	})
	return nil
}

// same compares a text with secrets, in constant time each.
func same(text string, secrets ...hub.Secret) (ok bool) {
	got := sha256.Sum256([]byte(text))
	for _, secret := range secrets {
		want := sha256.Sum256([]byte(secret.Reveal()))
		ok = subtle.ConstantTimeCompare(want[:], got[:]) == 1 || ok
	}
	return ok
}

// bearer is the token of the request; "": it has none, or two headers of which somebody in front may have read the other one.
func bearer(r *http.Request) string {
	values := r.Header["Authorization"]
	if len(values) != 1 {
		return ""
	}
	scheme, token, _ := strings.Cut(values[0], " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimLeft(token, " ")
}

// publicURL is the address of a request as its sender knows it.
func (s *Server) publicURL(r *http.Request) string {
	base := s.cfg.URL
	if base == "" {
		base = "http://" + r.Host
		if r.TLS != nil {
			base = "https://" + r.Host
		}
	}
	return strings.TrimSuffix(base, "/") + r.URL.RequestURI()
}

// describe adds how senders prove who they are to the schemes, and gives the
// names of those that a request needs; nil: none.
func (v *verifier) describe(schemes object) (needs object) {
	for _, p := range v.proofs {
		p.describe(func(name string, scheme object) {
			if needs == nil {
				needs = object{}
			}
			name = unusable.ReplaceAllString(name, "_")
			schemes[name], needs[name] = scheme, []string{}
		})
	}
	return needs
}

// describeSignature tells which headers a signature needs.
func describeSignature(s *signature.Signature, add func(name string, scheme object)) {
	header, stamp, id := s.Headers()
	describe := func(name, format string, args ...any) {
		if name != "" {
			add(s.Name+"."+name, object{"type": "apiKey", "in": "header", "name": name, "description": fmt.Sprintf(format, args...)})
		}
	}
	describe(header, "%s in %s of %s, exactly as sent, written %s.", strings.ToUpper(s.Algorithm), s.Encoding, s.Signed, s.Written)
	describe(stamp, "Time of the signature, at most %.0f s off.", s.MaxAge.Seconds())
	describe(id, "ID of the message: the same when it is sent again.")
}
