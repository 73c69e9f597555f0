package httpclient

import (
	"encoding/hex"
	"io"
	"net/http"
	"strings"
	"testing"

	"orderhub/hub"
	"orderhub/hub/signature"
)

// What goes out is signed by a template, over the bytes that are sent.
func TestSign(t *testing.T) {
	const secret = "a secret of the two sides"
	got, want := "", ""
	_, err := ask(t, func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got = r.Header.Get("X-Sig")
		want = "v1=" + hex.EncodeToString(mac([]byte(secret), []byte(r.Method+"|"+string(body))))
	}, "POST /x", message(`{"n":1.50}`), func(cfg *Config) {
		cfg.Sign = &signature.Options{HMAC: []hub.Secret{secret}, Form: signature.Form{Signature: "{header.X-Sig}", Written: "v1={signature}", Signed: "{method}|{body}"}}
	})
	if err != nil || got != want || got == "" {
		t.Errorf("%q, want %q, %v", got, want, err)
	}
	cfg := defaultConfig()
	cfg.URL, cfg.Sign = "http://x", &signature.Options{}
	if faults := cfg.check(&hub.Env{}); len(faults) != 1 || faults[0].Path != "sign" || !strings.Contains(faults[0].Message, "needs a secret") {
		t.Errorf("%v", faults)
	}
}
