package httpserver

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"hash/crc32"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"orderhub/hub"
	"orderhub/hub/hubtest"
	"orderhub/hub/signature"
)

// verdict is how a request fares with a verifier: "" when it is let in, else why ops are told that it is not.
func verdict(t *testing.T, s *Server, v *Verify, r *http.Request) string {
	t.Helper()
	check, err := newVerifier(v, s)
	if err != nil {
		t.Fatal(err)
	}
	_, p := check.check(r, nil, time.Now())
	return codeOf(p)
}

func TestBasicAndKeys(t *testing.T) {
	s := newServer(t, "127.0.0.1:0")
	basic := &Verify{Basic: &Basic{User: "shop", Password: []hub.Secret{"new password", "old password"}}}
	inHeader := &Verify{APIKey: &APIKey{Header: "X-Api-Key", Key: []hub.Secret{"key one", "key two"}}}
	inQuery := &Verify{APIKey: &APIKey{Query: "key", Key: []hub.Secret{"key one"}}}
	auth := func(user, password string) http.Header {
		return http.Header{"Authorization": {"Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))}}
	}
	for _, c := range []struct {
		name   string
		verify *Verify
		url    string
		header http.Header
		want   string
	}{
		{"basic", basic, "/x", auth("shop", "new password"), ""},
		{"the old password of a rotation", basic, "/x", auth("shop", "old password"), ""},
		{"a password with a colon is another", basic, "/x", auth("shop", "new password:"), "basic_invalid"},
		{"another user", basic, "/x", auth("shop2", "new password"), "basic_invalid"},
		{"no password", basic, "/x", auth("shop", ""), "basic_invalid"},
		{"nothing", basic, "/x", http.Header{}, "basic_missing"},
		{"a bearer", basic, "/x", http.Header{"Authorization": {"Bearer new password"}}, "basic_missing"},
		{"two of them", basic, "/x", http.Header{"Authorization": {auth("shop", "new password").Get("Authorization"), "Basic x"}}, "basic_missing"},
		{"a key", inHeader, "/x", http.Header{"X-Api-Key": {"key two"}}, ""},
		{"a wrong key", inHeader, "/x", http.Header{"X-Api-Key": {"key"}}, "api_key_invalid"},
		{"two keys", inHeader, "/x", http.Header{"X-Api-Key": {"key one", "key two"}}, "api_key_missing"},
		{"an empty key", inHeader, "/x", http.Header{"X-Api-Key": {""}}, "api_key_missing"},
		{"a key in the query instead", inHeader, "/x?X-Api-Key=key+one", http.Header{}, "api_key_missing"},
		{"a key in the query", inQuery, "/x?key=key+one", http.Header{}, ""},
		{"a wrong key in the query", inQuery, "/x?key=other", http.Header{}, "api_key_invalid"},
	} {
		r := httptest.NewRequest("POST", c.url, nil)
		r.Header = c.header
		if got := verdict(t, s, c.verify, r); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// TestKeysStayOutside: what proves the sender gets into no message, though the route names it.
func TestKeysStayOutside(t *testing.T) {
	for name, v := range map[string]*Verify{
		"header": {APIKey: &APIKey{Header: "x-api-key", Key: []hub.Secret{"the key"}}},
		"query":  {APIKey: &APIKey{Query: "key", Key: []hub.Secret{"the key"}}},
	} {
		k := newTaken()
		addr := serveRoute(t, "POST /orders", &SourceConfig{Verify: v, Headers: []string{"x-api-key", "x-*"}}, k, nil)
		req, _ := http.NewRequest("POST", "http://"+addr+"/orders?key=the+key&lang=de", strings.NewReader("{}"))
		req.Header.Set("Content-Type", typeJSON)
		req.Header.Set("X-Api-Key", "the key")
		if status, code, _ := ask(t, req); status != 202 {
			t.Fatalf("%s: %d %s", name, status, code)
		}
		m := <-k.messages
		if m.Headers.Get("query.lang") != "de" || m.Headers.Get(map[string]string{"header": "x-api-key", "query": "query.key"}[name]) != "" {
			t.Errorf("%s: %v", name, m.Headers)
		}
	}
}

// TestAddresses: networks, and what proxies of ours say; what others say counts for nothing.
func TestAddresses(t *testing.T) {
	cfg := defaultConfig()
	cfg.Proxies = []string{"10.0.0.0/8", "::1"}
	s, err := definition().New(cfg, &hub.Env{Name: "web"})
	if err != nil {
		t.Fatal(err)
	}
	v := &Verify{From: []string{"192.0.2.0/24", "2001:db8::1"}}
	for _, c := range []struct{ from, forwarded, want string }{
		{"192.0.2.7:1", "", ""},
		{"192.0.3.7:1", "", "address_not_listed"},
		{"[2001:db8::1]:1", "", ""},
		{"[::ffff:192.0.2.9]:1", "", ""},
		{"10.1.1.1:1", "192.0.2.7", ""},
		{"10.1.1.1:1", "198.51.100.9, 192.0.2.7", ""},
		{"10.1.1.1:1", "192.0.2.7, 198.51.100.9", "address_not_listed"},
		{"10.1.1.1:1", "192.0.2.7, 10.2.2.2", ""},
		{"10.1.1.1:1", "192.0.2.7, unknown", "address_not_listed"},
		{"10.1.1.1:1", "", "address_not_listed"},
		{"203.0.113.5:1", "192.0.2.7", "address_not_listed"},
		{"[::1]:1", "192.0.2.7", ""},
	} {
		r := httptest.NewRequest("POST", "/x", nil)
		r.RemoteAddr = c.from
		if c.forwarded != "" {
			r.Header.Set("X-Forwarded-For", c.forwarded)
		}
		if got := verdict(t, s, v, r); got != c.want {
			t.Errorf("%s (%s): %q, want %q", c.from, c.forwarded, got, c.want)
		}
	}
	for _, bad := range []string{"localhost", "10.0.0.0/40", ""} {
		if _, faults := routeOf("POST /x", &SourceConfig{Verify: &Verify{From: []string{bad}}}, s); len(faults) != 1 || !strings.Contains(faults[0].Message, "is neither an address") {
			t.Errorf("from: [%s]: %v", bad, faults)
		}
	}
	both := &Verify{Token: "t0ken", From: v.From}
	r := httptest.NewRequest("POST", "/x", nil)
	r.RemoteAddr = "192.0.2.7:1"
	if got := verdict(t, s, both, r); got != "token_missing" {
		t.Errorf("a listed address without its token: %q", got)
	}
}

// TestClientCertificates: only who has a certificate of our authority, with a listed name, over a real connection.
func TestClientCertificates(t *testing.T) {
	dir := t.TempDir()
	ca, other := hubtest.Certificate(t, nil, dir, "ca"), hubtest.Certificate(t, nil, dir, "another authority")
	hubtest.Certificate(t, ca, dir, "server")
	k := newTaken()
	addr := serveRoute(t, "POST /orders", &SourceConfig{Verify: &Verify{Client: []string{"shop.example", "desk.example"}}}, k, func(c *Config) {
		c.TLS = TLS{Cert: filepath.Join(dir, "server.pem"), Key: filepath.Join(dir, "server.key"), ClientCA: filepath.Join(dir, "ca.pem")}
	})
	addr = strings.TrimPrefix(addr, "https://")
	for _, c := range []struct {
		name   string
		cert   *tls.Certificate
		status int
		why    string
	}{
		{"listed", hubtest.Certificate(t, ca, dir, "shop.example"), 202, ""},
		{"not listed", hubtest.Certificate(t, ca, dir, "thief.example"), 401, "certificate_not_listed"},
		{"none", nil, 401, "certificate_missing"},
		{"of another authority", hubtest.Certificate(t, other, dir, "shop.example"), 0, ""},
	} {
		tr := &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
		if c.cert != nil {
			tr.TLSClientConfig.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return c.cert, nil }
		}
		resp, err := (&http.Client{Transport: tr}).Post("https://"+addr+"/orders", typeJSON, strings.NewReader("{}"))
		if err != nil {
			if c.status != 0 {
				t.Errorf("%s: %v", c.name, err)
			}
			continue
		}
		resp.Body.Close()
		if why := k.reason(); resp.StatusCode != c.status || why != c.why {
			t.Errorf("%s: %d %s, want %d %s", c.name, resp.StatusCode, why, c.status, c.why)
		}
	}
}

// issuer makes tokens, and serves its keys.
type issuer struct {
	keys  map[string]crypto.Signer
	shown []jose.JSONWebKey
	asked int
}

func newIssuer(t *testing.T) (*issuer, string) {
	t.Helper()
	is := &issuer{keys: map[string]crypto.Signer{}}
	rsaKey, err1 := rsa.GenerateKey(rand.Reader, 2048)
	ecKey, err2 := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	_, edKey, err3 := ed25519.GenerateKey(rand.Reader)
	if err1 != nil || err2 != nil || err3 != nil {
		t.Fatal(err1, err2, err3)
	}
	for id, key := range map[string]crypto.Signer{"rsa": rsaKey, "ec": ecKey, "ed": edKey} {
		is.keys[id] = key
		is.shown = append(is.shown, jose.JSONWebKey{Key: key.Public(), KeyID: id, Use: "sig"})
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		is.asked++
		set, _ := json.Marshal(jose.JSONWebKeySet{Keys: is.shown})
		w.Write(append(set[:len(set)-2], `,{"kty":"odd","kid":"odd"},{"kty":"oct","k":"AAAA","kid":"oct"}]}`...))
	}))
	t.Cleanup(server.Close)
	return is, server.URL
}

// token signs claims with the key of that name.
func (is *issuer) token(t *testing.T, id string, alg jose.SignatureAlgorithm, key any, claims ...any) string {
	t.Helper()
	if key == nil {
		key = is.keys[id]
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: jose.JSONWebKey{Key: key, KeyID: id}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	b := jwt.Signed(signer)
	for _, c := range claims {
		b = b.Claims(c)
	}
	text, err := b.Serialize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// TestJWT: tokens of the issuer's keys, for us, now; and none of the known ways around.
func TestJWT(t *testing.T) {
	is, address := newIssuer(t)
	s := newServer(t, "127.0.0.1:0")
	v := &Verify{JWT: &JWT{JWKS: address, Issuer: "https://login.example", Audience: []string{"hub", "hub2"}, Claims: map[string]string{"scope": "orders.write"}}}
	now := time.Now()
	good := func(edit func(*jwt.Claims)) jwt.Claims {
		c := jwt.Claims{Issuer: "https://login.example", Audience: jwt.Audience{"other", "hub"}, Expiry: jwt.NewNumericDate(now.Add(time.Minute)), Subject: "shop"}
		if edit != nil {
			edit(&c)
		}
		return c
	}
	scope := map[string]any{"scope": "orders.read orders.write"}
	rsaPublic, _ := x509.MarshalPKIXPublicKey(is.keys["rsa"].Public())
	strange, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	b64 := base64.RawURLEncoding.EncodeToString
	claims, _ := json.Marshal(map[string]any{"iss": "https://login.example", "aud": "hub", "exp": now.Add(time.Minute).Unix(), "scope": "orders.write"})
	for _, c := range []struct{ name, token, want string }{
		{"RS256", is.token(t, "rsa", jose.RS256, nil, good(nil), scope), ""},
		{"PS512", is.token(t, "rsa", jose.PS512, nil, good(nil), scope), ""},
		{"ES256", is.token(t, "ec", jose.ES256, nil, good(nil), scope), ""},
		{"EdDSA", is.token(t, "ed", jose.EdDSA, nil, good(nil), scope), ""},
		{"a list of scopes", is.token(t, "ec", jose.ES256, nil, good(nil), map[string]any{"scope": []string{"a", "orders.write"}}), ""},
		{"just ended", is.token(t, "ec", jose.ES256, nil, good(func(c *jwt.Claims) { c.Expiry = jwt.NewNumericDate(now.Add(-10 * time.Second)) }), scope), ""},
		{"ended", is.token(t, "ec", jose.ES256, nil, good(func(c *jwt.Claims) { c.Expiry = jwt.NewNumericDate(now.Add(-time.Minute)) }), scope), "token_expired"},
		{"without an end", is.token(t, "ec", jose.ES256, nil, good(func(c *jwt.Claims) { c.Expiry = nil }), scope), "token_invalid"},
		{"not yet", is.token(t, "ec", jose.ES256, nil, good(func(c *jwt.Claims) { c.NotBefore = jwt.NewNumericDate(now.Add(time.Hour)) }), scope), "token_invalid"},
		{"another issuer", is.token(t, "ec", jose.ES256, nil, good(func(c *jwt.Claims) { c.Issuer = "https://evil.example" }), scope), "token_invalid"},
		{"another audience", is.token(t, "ec", jose.ES256, nil, good(func(c *jwt.Claims) { c.Audience = jwt.Audience{"shop"} }), scope), "token_invalid"},
		{"no audience", is.token(t, "ec", jose.ES256, nil, good(func(c *jwt.Claims) { c.Audience = nil }), scope), "token_invalid"},
		{"a scope that only begins so", is.token(t, "ec", jose.ES256, nil, good(nil), map[string]any{"scope": "orders.writer"}), "token_claims"},
		{"no scope", is.token(t, "ec", jose.ES256, nil, good(nil)), "token_claims"},
		{"a key of somebody else", is.token(t, "ec", jose.ES256, strange, good(nil), scope), "token_invalid"},
		{"an unknown key", is.token(t, "new", jose.ES256, strange, good(nil), scope), "token_invalid"},
		{"HMAC with the public key", is.token(t, "rsa", jose.HS256, rsaPublic, good(nil), scope), "token_invalid"},
		{"alg none", b64([]byte(`{"alg":"none"}`)) + "." + b64(claims) + ".", "token_invalid"},
		{"two parts", b64([]byte(`{"alg":"ES256"}`)) + "." + b64(claims), "token_invalid"},
		{"no token", "", "token_missing"},
		{"a huge one", strings.Repeat("a", maxToken+1), "token_missing"},
		{"nonsense", "a.b.c", "token_invalid"},
	} {
		r := httptest.NewRequest("POST", "/x", nil)
		r.Header.Set("Authorization", "Bearer "+c.token)
		if got := verdict(t, s, v, r); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
	if is.asked > 3 {
		t.Errorf("the issuer was asked %d times", is.asked)
	}
}

// TestJWTKeysChange: a new key of the issuer is found at once, but nobody makes the hub ask again and again; without an answer it is 503, and old keys hold.
func TestJWTKeysChange(t *testing.T) {
	is, address := newIssuer(t)
	s := newServer(t, "127.0.0.1:0")
	check, err := newVerifier(&Verify{JWT: &JWT{JWKS: address, Audience: []string{"hub"}}}, s)
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	try := func(id string, key any, at time.Time) string {
		r := httptest.NewRequest("POST", "/x", nil)
		r.Header.Set("Authorization", "Bearer "+is.token(t, id, jose.ES256, key, jwt.Claims{Audience: jwt.Audience{"hub"}, Expiry: jwt.NewNumericDate(start.Add(10 * time.Hour))}))
		_, p := check.check(r, nil, at)
		return codeOf(p)
	}
	if got := try("ec", nil, start); got != "" {
		t.Fatal(got)
	}
	fresh, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	is.shown = append(is.shown, jose.JSONWebKey{Key: fresh.Public(), KeyID: "fresh"})
	if got := try("fresh", fresh, start.Add(time.Second)); got != "token_invalid" || is.asked != 1 {
		t.Errorf("a second later: %q, asked %d times", got, is.asked)
	}
	if got := try("fresh", fresh, start.Add(2*time.Minute)); got != "" || is.asked != 2 {
		t.Errorf("two minutes later: %q, asked %d times", got, is.asked)
	}
	s.remote.transport = failing{}
	if got := try("ec", nil, start.Add(5*time.Hour)); got != "" {
		t.Errorf("while the issuer is away: %q", got)
	}
	s.remote.kept = nil
	if got := try("ec", nil, start.Add(6*time.Hour)); got != "sender_key_unavailable" {
		t.Errorf("no keys at all: %q", got)
	}
}

type failing struct{}

func (failing) RoundTrip(*http.Request) (*http.Response, error) { return nil, io.ErrUnexpectedEOF }

func TestBadVerify(t *testing.T) {
	key := []hub.Secret{"a secret of 16 bytes and more"}
	jwks := func(edit func(*JWT)) *Verify {
		j := &JWT{JWKS: "https://login.example/jwks", Audience: []string{"hub"}}
		edit(j)
		return &Verify{JWT: j}
	}
	for want, v := range map[string]*Verify{
		"hmac and basic exclude each other":                    {Options: signature.Options{HMAC: key}, Basic: &Basic{User: "a", Password: key}},
		"the form of a signature and token exclude each other": {Options: signature.Options{Scheme: "stripe"}, Token: "t"},
		"needs a secret: add hmac":                             {Options: signature.Options{Form: signature.Form{MaxAge: time.Minute}}},
		"audience is missing":                                  jwks(func(j *JWT) { j.Audience = nil }),
		"is no https address":                                  jwks(func(j *JWT) { j.JWKS = "http://login.example/jwks" }),
		"give one of jwks, key and hmac":                       jwks(func(j *JWT) { j.HMAC = key }),
		"at least 32 bytes":                                    jwks(func(j *JWT) { j.JWKS, j.HMAC = "", key }),
		"key 1 of 1 is neither PEM":                            jwks(func(j *JWT) { j.JWKS, j.Key = "", []hub.Secret{"?"} }),
		"give one of header and query":                         {APIKey: &APIKey{Key: key}},
		"the key is missing":                                   {APIKey: &APIKey{Header: "X-Key"}},
		"the password is missing":                              {Basic: &Basic{User: "a"}},
		"give hmac, key, token, basic":                         {},
	} {
		if _, err := newVerifier(v, &Server{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v", want, err)
		}
	}
}

// paypalFar is api.paypal.com: it serves a chain of certificates.
type paypalFar struct {
	chain []byte
	asked int
}

func (p *paypalFar) RoundTrip(r *http.Request) (*http.Response, error) {
	if p.asked++; r.URL.Host != "api.paypal.com" {
		return nil, fmt.Errorf("asked at %s", r.URL.Host)
	}
	w := httptest.NewRecorder()
	w.Write(p.chain)
	return w.Result(), nil
}

// TestPayPal: the certificate that a request names is fetched once, from PayPal alone, and must be PayPal's.
func TestPayPal(t *testing.T) {
	root := hubtest.Certificate(t, nil, t.TempDir(), "a root that the machine trusts")
	between := hubtest.Certificate(t, root, t.TempDir(), "between")
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	leaf := func(name string, by *tls.Certificate) []byte {
		form := &x509.Certificate{SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
		der, err := x509.CreateCertificate(rand.Reader, form, by.Leaf, &rsaKey.PublicKey, by.PrivateKey)
		if err != nil {
			t.Fatal(err)
		}
		return append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: between.Certificate[0]})...)
	}
	const name, body = "messageverificationcerts.paypal.com", `{"id":"WH-1","event_type":"PAYMENT.CAPTURE.COMPLETED"}`
	good := "https://api.paypal.com/v1/notifications/certs/CERT-1"
	verify := &Verify{Options: signature.Options{Scheme: "paypal", WebhookID: "1JE4291016473214C"}}
	for _, c := range []struct {
		name, url, body string
		chain           []byte
		want            string
	}{
		{"good", good, body, leaf(name, between), ""},
		{"another body", good, body + " ", leaf(name, between), "signature_invalid"},
		{"a certificate of somebody else's address", "https://evil.example/v1/notifications/certs/CERT-1", body, leaf(name, between), "certificate_not_allowed"},
		{"an address that only begins so", "https://api.paypal.com.evil.example/v1/notifications/certs/CERT-1", body, leaf(name, between), "certificate_not_allowed"},
		{"another path", "https://api.paypal.com/redirect?to=evil", body, leaf(name, between), "certificate_not_allowed"},
		{"a certificate of another name", good, body, leaf("evil.example", between), "certificate_invalid"},
		{"a certificate that nobody trusts", good, body, leaf(name, hubtest.Certificate(t, nil, t.TempDir(), "a root of nobody")), "certificate_invalid"},
		{"no certificate", good, body, []byte("<html>"), "certificate_invalid"},
	} {
		s := newServer(t, "127.0.0.1:0")
		far := &paypalFar{chain: c.chain}
		s.remote.transport, s.remote.roots = far, x509.NewCertPool()
		s.remote.roots.AddCert(root.Leaf)
		check, err := newVerifier(verify, s)
		if err != nil {
			t.Fatal(err)
		}
		stamp := time.Now().UTC().Format(time.RFC3339)
		sum := sha256.Sum256(fmt.Appendf(nil, "T-1|%s|1JE4291016473214C|%d", stamp, crc32.ChecksumIEEE([]byte(body))))
		sig, err := rsa.SignPKCS1v15(rand.Reader, rsaKey, crypto.SHA256, sum[:])
		if err != nil {
			t.Fatal(err)
		}
		for range 3 {
			r := httptest.NewRequest("POST", "/hook", nil).WithContext(context.Background())
			for header, value := range map[string]string{"Paypal-Transmission-Id": "T-1", "Paypal-Transmission-Time": stamp, "Paypal-Transmission-Sig": base64.StdEncoding.EncodeToString(sig),
				"Paypal-Auth-Algo": "SHA256withRSA", "Paypal-Cert-Url": c.url} {
				r.Header.Set(header, value)
			}
			id, p := check.check(r, []byte(c.body), time.Now())
			if got := codeOf(p); got != c.want || got == "" && id != "T-1" {
				t.Errorf("%s: %q %q, want %q", c.name, got, id, c.want)
			}
		}
		if far.asked > 1 {
			t.Errorf("%s: asked %d times", c.name, far.asked)
		}
	}
}

// TestAnswersOfPresets: Adyen reads [accepted] and nothing else, also when it comes again; WooCommerce's first ping is answered and is no message.
func TestAnswersOfPresets(t *testing.T) {
	post := func(addr, contentType, body string) (int, string) {
		tr := &http.Transport{DisableKeepAlives: true}
		resp, err := (&http.Client{Transport: tr}).Post("http://"+addr+"/orders", contentType, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		raw, _ := io.ReadAll(resp.Body)
		return resp.StatusCode, string(raw)
	}
	raw, err := os.ReadFile("../../hub/signature/testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors []struct{ Scheme, HMAC, Body string }
	if err := json.Unmarshal(raw, &vectors); err != nil {
		t.Fatal(err)
	}
	adyen := 0
	for _, v := range vectors {
		if v.Scheme != "adyen" {
			continue
		}
		adyen++
		k := newTaken()
		addr := serveRoute(t, "POST /orders", &SourceConfig{Verify: &Verify{Options: signature.Options{Scheme: "adyen", HMAC: []hub.Secret{hub.Secret(v.HMAC)}}}}, k, nil)
		if status, body := post(addr, typeJSON, v.Body); status != 200 || body != "[accepted]" || len(k.messages) != 1 {
			t.Errorf("adyen: %d %q, %d messages", status, body, len(k.messages))
		}
		if status, _ := post(addr, typeJSON, strings.Replace(v.Body, "1130", "9130", 1)); status != 401 {
			t.Errorf("adyen, another amount: %d", status)
		}
	}
	if adyen == 0 {
		t.Error("no vector of adyen")
	}
	k := newTaken()
	addr := serveRoute(t, "POST /orders", &SourceConfig{Verify: &Verify{Options: signature.Options{Scheme: "woocommerce", HMAC: []hub.Secret{"a secret of 16 bytes and more"}}}}, k, nil)
	if status, body := post(addr, typeForm, "webhook_id=17"); status != 200 || body != "" || len(k.messages) != 0 || k.reason() != "" {
		t.Errorf("woocommerce's ping: %d %q, %d messages", status, body, len(k.messages))
	}
	if status, _ := post(addr, typeForm, "webhook_id=17&status=paid"); status != 401 || len(k.messages) != 0 {
		t.Errorf("more than a ping: %d", status)
	}
}
