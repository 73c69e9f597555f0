package partners

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// hook is a vendor of webhooks.md, as its public pages say that it signs.
type hook struct {
	path   string                                                   // with the query, if it is signed
	media  string                                                   // "": application/json
	secret func(k *vendorKey) string                                // as it is configured; nil: k.text
	sign   func(k *vendorKey, n int, at time.Time) (request string) // headers, an empty line, the body: of the n-th event
	change [2]string                                                // what a forger replaces in the body, and by what
	timed  bool                                                     // old requests are refused
	answer string                                                   // "status body" of a true request
	out    func(n int) []string                                     // what comes out of it; nil: the body
	also   func(t *testing.T, h *knock, k *vendorKey)               // what is peculiar to it
}

// vendorKey is what a vendor signs with, of all kinds.
type vendorKey struct {
	text string
	rsa  *rsa.PrivateKey
	ec   *ecdsa.PrivateKey
	ed   ed25519.PrivateKey
}

func newVendorKey(t *testing.T, seed byte) *vendorKey {
	t.Helper()
	k := &vendorKey{text: strings.Repeat(string(seed), 32), ed: ed25519.NewKeyFromSeed([]byte(strings.Repeat(string(seed), ed25519.SeedSize)))}
	var err error
	if k.rsa, err = rsa.GenerateKey(rand.Reader, 2048); err == nil {
		k.ec, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	}
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// How secrets are shown by those who do not show them as they are.
func inHex(k *vendorKey) string { return hex.EncodeToString([]byte(k.text)) }
func inWhsec(k *vendorKey) string {
	return "whsec_" + base64.StdEncoding.EncodeToString([]byte(k.text))
}
func edPublic(k *vendorKey) string {
	return "whpk_" + base64.StdEncoding.EncodeToString(k.ed.Public().(ed25519.PublicKey))
}

func ecPublic(k *vendorKey) string {
	der, _ := x509.MarshalPKIXPublicKey(k.ec.Public()) // of a key of ours
	return base64.StdEncoding.EncodeToString(der)
}

func rsaPublic(k *vendorKey) string {
	der, _ := x509.MarshalPKIXPublicKey(k.rsa.Public()) // of a key of ours
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}

// TestPartnerWebhooks: requests of vendors are believed by the YAML of docs/partners/webhooks.md alone, when they are true. A true one that comes twice is
// one message with the same answer. A false one is 401 without a reason; ops read the reason, and nothing of it stops the true one.
func TestPartnerWebhooks(t *testing.T) {
	blocks := readPage(t, "webhooks.md", "TestPartnerWebhooks")
	if len(blocks) != len(hooks) {
		t.Errorf("webhooks.md has %d partners, and tested are %d", len(blocks), len(hooks))
	}
	good, other := newVendorKey(t, 'g'), newVendorKey(t, 'o')
	var env []string
	for _, b := range blocks {
		h, ok := hooks[b.name]
		if !ok {
			t.Fatalf("webhooks.md: %s has no test", b.name)
		}
		known := map[string]string{}
		for _, m := range secrets.FindAllStringSubmatch(b.yaml, -1) {
			known[m[1]] = good.text
			if h.secret != nil {
				known[m[1]] = h.secret(good)
			}
			if strings.HasSuffix(m[1], "-new") {
				known[m[1]] = "the secret that both will have soon"
			}
		}
		env = append(env, b.environment("", known)...)
	}
	s := newRunner(t, t.TempDir(), blocks, env...)
	for _, b := range blocks {
		_, unread := merge(t, []block{b})
		if len(unread) != 1 {
			t.Fatalf("%s: it comes out of %q, and one channel is expected", b.name, unread)
		}
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			(&knock{runner: s, hook: hooks[b.name], channel: unread[0]}).run(t, good, other)
		})
	}
}

// knock is a vendor at the door.
type knock struct {
	*runner
	hook
	channel string
}

func (h *knock) run(t *testing.T, good, other *vendorKey) {
	now := time.Now()
	h.refused(t, "another byte", strings.Replace(h.sign(good, 1, now), h.change[0], h.change[1], 1), "signature_invalid")
	h.refused(t, "another secret", h.sign(other, 1, now), "signature_invalid")
	if h.timed {
		h.refused(t, "an old time", h.sign(good, 1, now.Add(-200*time.Hour)), "timestamp_out_of_tolerance")
	}
	if h.also != nil {
		h.also(t, h, good)
	}
	want := h.comes(good, 1, now)
	first := h.sign(good, 1, now)
	for range 2 { // the second is a repeat
		if status, _, body := h.post(t, first); fmt.Sprintf("%d %s", status, body) != h.answer {
			t.Errorf("answered %d %s, expected %s", status, body, h.answer)
		}
	}
	if status, _, body := h.post(t, h.sign(good, 2, now)); fmt.Sprintf("%d %s", status, body) != h.answer {
		t.Errorf("the next is answered %d %s, expected %s", status, body, h.answer)
	}
	want = append(want, h.comes(good, 2, now)...)
	h.wants(h.channel, len(want))
	await(t, fmt.Sprintf("%d messages come out", len(want)), func() bool { return len(h.came(h.channel)) >= len(want) },
		func() string { return fmt.Sprint(h.came(h.channel)) })
	left := map[string]int{}
	for _, m := range h.came(h.channel) {
		left[m.body]++
	}
	for _, body := range want {
		left[body]--
	}
	for body, n := range left {
		if n != 0 {
			t.Errorf("%q came out %d times more than it should", body, n)
		}
	}
}

// comes is what comes out of the n-th request.
func (h *knock) comes(k *vendorKey, n int, at time.Time) []string {
	if h.out != nil {
		return h.out(n)
	}
	_, body, _ := strings.Cut(h.sign(k, n, at), "\n\n")
	return []string{body}
}

// refused makes a request that is not believed. Its sender is told nothing of why, and ops are.
func (h *knock) refused(t *testing.T, what, request, reason string) {
	t.Helper()
	status, trace, body := h.post(t, request)
	if status != http.StatusUnauthorized || !strings.Contains(body, `"code":"unauthorized"`) || strings.Contains(body, reason) || strings.Contains(body, "signature") {
		t.Errorf("%s: answered %d %s", what, status, body)
	}
	var list []struct{ Reason, Source, Head string }
	await(t, what+" is kept for ops", func() bool {
		h.ask(t, "GET", "/refused?id="+trace, "", &list)
		return len(list) > 0
	}, func() string { return trace })
	path, _, _ := strings.Cut(h.path, "?")
	if list[0].Reason != reason || list[0].Source != "web POST "+path {
		t.Errorf("%s: kept is %+v, expected is %s", what, list[0], reason)
	}
}

// post makes a request: headers, an empty line and a body.
func (h *knock) post(t *testing.T, request string) (status int, trace, body string) {
	t.Helper()
	_, header, content := parsed("0\n" + request)
	req, err := http.NewRequest("POST", h.web+h.path, strings.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	req.Header = header
	if req.Header.Set("Content-Type", "application/json"); h.media != "" {
		req.Header.Set("Content-Type", h.media)
	}
	res, err := (&http.Client{Timeout: soon, Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, res.Header.Get("Hub-Trace"), string(raw)
}
