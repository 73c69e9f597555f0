package signature

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/http"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"orderhub/hub"
)

// vector is a request as its vendor signs it: see testdata/README.md.
type vector struct {
	Scheme, By              string
	HMAC, Key, Private, URL string
	WebhookID               string `json:"webhook_id"`
	Headers                 map[string]string
	Type, Body, ID          string
	At                      int64
}

func vectors(t testing.TB) (out []vector) {
	t.Helper()
	raw, err := os.ReadFile("testdata/vectors.json")
	if err == nil {
		err = json.Unmarshal(raw, &out)
	}
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func (v *vector) request() *Request {
	r := &Request{Method: "POST", URL: v.URL, Header: http.Header{}, Body: []byte(v.Body)}
	for name, value := range v.Headers {
		r.Header.Set(name, value)
	}
	r.Header.Set("Content-Type", v.Type)
	return r
}

func (v *vector) now() time.Time {
	if v.At == 0 {
		return time.Unix(1_760_000_000, 0)
	}
	return time.Unix(v.At, 0)
}

// open makes the vector's signature. Vendors publish vectors with keys that are too short for use.
func (v *vector) open(t testing.TB) *Signature {
	t.Helper()
	o := &Options{Scheme: v.Scheme, WebhookID: v.WebhookID}
	if v.Key != "" {
		o.Key = []hub.Secret{hub.Secret(v.Key)}
	} else {
		o.HMAC = []hub.Secret{hub.Secret(v.HMAC)}
	}
	s, err := New(o)
	if err == nil {
		return s
	}
	if o.HMAC == nil || len(v.HMAC) >= minKey {
		t.Fatalf("%s: %v", v.Scheme, err)
	}
	o.HMAC = []hub.Secret{"a secret of 16 bytes and more"}
	if s, err = New(o); err != nil {
		t.Fatalf("%s: %v", v.Scheme, err)
	}
	s.keys = []Key{{secret: []byte(v.HMAC)}}
	return s
}

// TestVectors: what vendors sign is taken, and nothing that differs in a byte of what is signed.
func TestVectors(t *testing.T) {
	seen := map[string]int{}
	for _, v := range vectors(t) {
		s := v.open(t)
		id, err := s.Verify(v.request(), v.now())
		if err != nil {
			t.Errorf("%s (%s): %v", v.Scheme, v.By, err)
			continue
		}
		if v.ID != "" && id != v.ID {
			t.Errorf("%s: the id is %q, want %q", v.Scheme, id, v.ID)
		}
		if again, _ := s.Verify(v.request(), v.now()); again != id {
			t.Errorf("%s: the id is %q, then %q", v.Scheme, id, again)
		}
		seen[v.Scheme]++
		tampered(t, s, v)
	}
	for _, f := range presets {
		if f.Name != "hex" && f.Name != "timestamped" && seen[f.Name] == 0 {
			t.Errorf("no vector of %s", f.Name)
		}
	}
}

// tampered changes what is signed, the signature, the key and the time; none of it may pass.
func tampered(t *testing.T, s *Signature, v vector) {
	t.Helper()
	refused := func(what string, s *Signature, r *Request, now time.Time) {
		t.Helper()
		if id, err := s.Verify(r, now); err == nil {
			t.Errorf("%s: %s is taken as %q", v.Scheme, what, id)
		}
	}
	other := v
	other.HMAC, other.Key = strings.Repeat("51", 16), v.Key
	if v.HMAC != "" {
		refused("what another key signed", other.open(t), v.request(), v.now())
	}
	if s.signed.has("body") || s.isFormSigned(&v) {
		r := v.request()
		r.Body = append(r.Body, 'x')
		refused("another body", s, r, v.now())
	}
	for name := range v.Headers {
		if name := http.CanonicalHeaderKey(name); name == s.place.header() {
			r := v.request()
			r.Header.Del(name)
			refused("no signature", s, r, v.now())
			r.Header.Set(name, strings.Map(func(c rune) rune {
				if c == 'a' || c == 'A' || c == '1' {
					return 'b'
				}
				return c
			}, v.Headers[first(v.Headers, name)]))
			refused("another signature", s, r, v.now())
		}
	}
	if s.timed {
		refused("what is old", s, v.request(), v.now().Add(s.MaxAge+time.Minute))
		refused("what is of the future", s, v.request(), v.now().Add(-s.MaxAge-time.Minute))
	}
}

func (s *Signature) isFormSigned(v *vector) bool { return s.signed.has("form") && len(v.Body) > 0 }

// first is the name in h that is canonically name.
func first(h map[string]string, name string) string {
	for n := range h {
		if http.CanonicalHeaderKey(n) == name {
			return n
		}
	}
	return ""
}

// TestSigns: what the hub signs by a form, the same form takes; and it signs a vendor's request as the vendor did.
func TestSigns(t *testing.T) {
	for _, v := range vectors(t) {
		s := v.open(t)
		if v.Private != "" {
			signer, err := New(&Options{Scheme: v.Scheme, WebhookID: v.WebhookID, Key: []hub.Secret{hub.Secret(v.Private)}})
			if err != nil {
				t.Fatalf("%s: %v", v.Scheme, err)
			}
			s = signer
		}
		if s.Signs() != nil {
			if v.Scheme != "adyen" && v.Scheme != "mailgun" && v.Key == "" {
				t.Errorf("%s: %v", v.Scheme, s.Signs())
			}
			continue
		}
		r := v.request()
		r.Header.Del(s.place.header())
		headers, _, err := s.Sign(r, v.now())
		if err != nil {
			t.Fatalf("%s: %v", v.Scheme, err)
		}
		if got, want := headers.Get(s.place.header()), v.request().Header.Get(s.place.header()); got != want && s.Algorithm != "ecdsa-sha256" && v.Scheme != "paypal" {
			t.Errorf("%s: signed %q, the vendor %q", v.Scheme, got, want)
		}
		maps.Copy(r.Header, headers)
		if _, err := s.Verify(r, v.now()); err != nil {
			t.Errorf("%s: what it signs it does not take: %v", v.Scheme, err)
		}
	}
}

// TestGeneralForm: forms that no preset has are written in YAML, and both directions agree.
func TestGeneralForm(t *testing.T) {
	now := time.Unix(1_760_000_000, 0)
	for name, o := range map[string]*Options{
		"ts=…;h1=… (Paddle)":         {Form: Form{Signature: "{header.Paddle-Signature}", Written: "ts={time};h1={signature}", Separator: ";", Signed: "{time}:{body}"}},
		"v0:time:body (Zoom)":        {Form: Form{Signature: "{header.X-Zm-Signature}", Written: "v0={signature}", Time: "{header.X-Zm-Request-Timestamp}", Signed: "v0:{time}:{body}"}},
		"method, address, time":      {Form: Form{Signature: "{header.X-Hubspot-Signature-V3}", Encoding: "base64", Time: "{header.X-Hubspot-Request-Timestamp}", Signed: "{method}{url}{body}{time}"}},
		"SHA-512 in base64url":       {Form: Form{Algorithm: "hmac-sha512", Encoding: "base64url", Signature: "{header.X-Sig}", Signed: "{path}\n{query.shop}\n{body|sha256}"}},
		"in the query":               {Form: Form{Signature: "{query.sig}", Signed: "{method} {path} {body|md5-base64}"}},
		"with quotes":                {Form: Form{Signature: "{header.Signature}", Written: `signature="{signature}"`, Encoding: "base64", Signed: "{header.Date} {body|sha512}"}},
		"an id in the header's text": {Form: Form{Signature: "{header.X-Sig}", Written: "i={id},s={signature}", Separator: ",", ID: "{header.X-Id}", Signed: "{id}{body|crc32}"}},
	} {
		o.HMAC = []hub.Secret{"the new secret of 16 bytes", "the old secret of 16 bytes"}
		s, err := New(o)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		r := &Request{Method: "PUT", URL: "https://hub.example/hook/a%20b?shop=berlin&x=1", Header: http.Header{"Date": {"today"}}, Body: []byte(`{"a":"ü"}`)}
		headers, query, err := s.Sign(r, now)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		maps.Copy(r.Header, headers)
		if len(query) > 0 {
			r.URL += "&" + query.Encode()
		}
		if _, err := s.Verify(r, now); err != nil {
			t.Errorf("%s: %v (%v)", name, err, r.Header)
		}
		r.Body = []byte(`{"a":"u"}`)
		if _, err := s.Verify(r, now); err == nil {
			t.Errorf("%s: another body is taken", name)
		}
		r.Body = []byte(`{"a":"ü"}`)
		old := *o
		old.HMAC = o.HMAC[1:]
		if sign, err := New(&old); err == nil {
			headers, query, _ := sign.Sign(r, now)
			maps.Copy(r.Header, headers)
			if len(query) == 0 {
				if _, err := s.Verify(r, now); err != nil {
					t.Errorf("%s: the old secret of a rotation: %v", name, err)
				}
			}
		}
	}
}

// TestBadOptions: what can't work is told when it is read, with what to write.
func TestBadOptions(t *testing.T) {
	good := []hub.Secret{"a secret of 16 bytes and more"}
	for want, o := range map[string]*Options{
		`unknown scheme "paypall"`:                          {Scheme: "paypall", HMAC: good},
		"needs a secret: add hmac":                          {Scheme: "github"},
		"sendgrid signs with a key pair":                    {Scheme: "sendgrid", HMAC: good},
		"github signs with a secret: give it as hmac":       {Scheme: "github", Key: good},
		"add webhook_id":                                    {Scheme: "paypal"},
		"key 1 of 1 is neither PEM nor base64":              {Scheme: "sendgrid", Key: []hub.Secret{"?"}},
		"holds no certificate and no key":                   {Scheme: "sendgrid", Key: []hub.Secret{"AAAA"}},
		"is no key for ecdsa-sha256":                        {Scheme: "sendgrid", Key: []hub.Secret{"whpk_" + hub.Secret(strings.Repeat("A", 43)) + "="}},
		"is no hex digits":                                  {Scheme: "adyen", HMAC: good},
		"key 2 of 2 has 5 bytes":                            {Scheme: "github", HMAC: append(slices.Clone(good), "12345")},
		"beyond ASCII":                                      {Scheme: "easypost", HMAC: []hub.Secret{"sécret of 16 bytes and more"}},
		"hmac and key exclude each other":                   {HMAC: good, Key: good, Form: Form{Algorithm: "ed25519"}},
		"{boddy} is not known":                              {HMAC: good, Form: Form{Signed: "{boddy}"}},
		"|sha3 is not known":                                {HMAC: good, Form: Form{Signed: "{body|sha3}"}},
		"has a { without its }":                             {HMAC: good, Form: Form{Signed: "{body"}},
		"is no place; write {header.X-Signature}":           {HMAC: good, Form: Form{Signature: "X-Signature"}},
		`form: "abc" is no part of it`:                      {HMAC: good, Form: Form{Written: "abc"}},
		"has no {signature}":                                {HMAC: good, Form: Form{Written: "t={time}"}},
		"a time is signed, and nothing says where":          {HMAC: good, Form: Form{Signed: "{time}.{body}"}},
		"an id is signed, and nothing says where it stands": {HMAC: good, Form: Form{Signed: "{id}.{body}"}},
		"as separator what stands between them":             {HMAC: good, Form: Form{Written: "t={time},v1={signature}", Signed: "{time}.{body}"}},
		"say the algorithm of the key":                      {Key: good},
	} {
		if _, err := New(o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v", want, err)
		}
	}
}

// TestSchemesAreTold: the words that `scheme:` may be are those that there is a form for.
func TestSchemesAreTold(t *testing.T) {
	field, _ := reflect.TypeFor[Options]().FieldByName("Scheme")
	var names []string
	for _, f := range presets {
		names = append(names, f.Name)
	}
	slices.Sort(names)
	told := strings.Split(field.Tag.Get("oneof"), "|")
	slices.Sort(told)
	if names = slices.Compact(names); !slices.Equal(names, told) {
		t.Errorf("there are %q, told are %q", names, told)
	}
}

// TestNames: what names a request can't be changed by who recorded it.
func TestNames(t *testing.T) {
	all := vectors(t)
	of := func(scheme string) vector {
		return all[slices.IndexFunc(all, func(v vector) bool { return v.Scheme == scheme })]
	}
	name := func(v vector) string {
		id, err := v.open(t).Verify(v.request(), v.now())
		if err != nil {
			t.Fatalf("%s: %v", v.Scheme, err)
		}
		return id
	}
	shop := of("shopify")
	first := name(shop)
	shop.Headers = maps.Clone(shop.Headers)
	shop.Headers["X-Shopify-Webhook-Id"] = "another"
	if second := name(shop); first == "" || second == first {
		t.Errorf("an unsigned id is one of its own request: %q, %q", first, second)
	}
	delete(shop.Headers, "X-Shopify-Webhook-Id")
	if got := name(shop); got != "" {
		t.Errorf("a body alone names nothing: %q", got)
	}
	slack := of("slack")
	if got := name(slack); !strings.HasPrefix(got, "signed.") {
		t.Errorf("a time and a body: %q", got)
	}
	if got := name(of("adyen")); got != "7914073381342284:AUTHORISATION:true" {
		t.Errorf("adyen: %q", got)
	}
}

// TestPing: WooCommerce's first request is not signed, and is nothing but a number.
func TestPing(t *testing.T) {
	woo, err := New(&Options{Scheme: "woocommerce", HMAC: []hub.Secret{"a secret of 16 bytes and more"}})
	if err != nil {
		t.Fatal(err)
	}
	for body, want := range map[string]error{"webhook_id=17": ErrPing, "webhook_id=": nil, "webhook_id=17&x=1": nil, `{"id":17}`: nil, "": nil, "webhook_id=" + strings.Repeat("1", 40): nil} {
		_, err := woo.Verify(&Request{Header: http.Header{}, Body: []byte(body)}, time.Now())
		if (err == ErrPing) != (want == ErrPing) || err == nil {
			t.Errorf("%q: %v", body, err)
		}
	}
}

// TestHostileBodies: a signature within the body is looked for in bodies of any kind, quickly.
func TestHostileBodies(t *testing.T) {
	for _, scheme := range []string{"adyen", "mailgun", "stripe", "twilio"} {
		key := hub.Secret("a secret of 16 bytes and more")
		if scheme == "adyen" {
			key = hub.Secret(strings.Repeat("0f", 32))
		}
		s, err := New(&Options{Scheme: scheme, HMAC: []hub.Secret{key}})
		if err != nil {
			t.Fatal(err)
		}
		for _, body := range [][]byte{nil, []byte("{"), []byte(`{"notificationItems":7}`), []byte(`{"notificationItems":[` + strings.Repeat("{},", 2000) + "{}]}"),
			bytes.Repeat([]byte("["), 1<<20), []byte(`{"signature":"x"}`), bytes.Repeat([]byte("a=1&"), 1<<18), {0xff, 0xfe}} {
			for _, kind := range []string{"application/json", "application/x-www-form-urlencoded", ""} {
				if _, err := s.Verify(&Request{Header: http.Header{"Content-Type": {kind}}, Body: body}, time.Now()); err == nil {
					t.Errorf("%s takes %.20q", scheme, body)
				}
			}
		}
	}
}

func BenchmarkVerify(b *testing.B) {
	v := vector{Scheme: "stripe", HMAC: "whsec_5WbX5kEWLlfzsGNjH64I8lOOqUB6e8FH", Body: `{"id":"evt_1","pad":"` + strings.Repeat("x", 2000) + `"}`}
	s := v.open(b)
	r := v.request()
	headers, _, err := s.Sign(r, v.now())
	if err != nil {
		b.Fatal(err)
	}
	maps.Copy(r.Header, headers)
	b.SetBytes(int64(len(v.Body)))
	for b.Loop() {
		if _, err := s.Verify(r, v.now()); err != nil {
			b.Fatal(err)
		}
	}
}

func FuzzTemplate(f *testing.F) {
	f.Add("{id}.{time}.{body|sha256}")
	f.Add("{{}}{header.}{|}")
	f.Fuzz(func(t *testing.T, text string) {
		parsed, err := parseTemplate(text)
		if err != nil {
			return
		}
		parsed.render(&scope{Request: &Request{Header: http.Header{}, Body: []byte(`{"a":{"b":1}}`)}, known: map[string]string{}})
	})
}
