package sandbox

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"
	"time"

	"orderhub/adapters/httpserver"
	"orderhub/hub"
	"orderhub/pipelines"
)

// verifyOf is how a route checks who sends; nil: it does not.
func verifyOf(p *pipelines.Pipeline) *httpserver.Verify {
	if cfg, ok := p.From.Options().(*httpserver.SourceConfig); ok {
		return cfg.Verify
	}
	return nil
}

// sign makes a request one that the route's check lets in.
func sign(req *http.Request, v *httpserver.Verify, body []byte) {
	if v == nil {
		return
	}
	if v.Token != "" {
		req.Header.Set("Authorization", "Bearer "+v.Token.Reveal())
		return
	}
	if len(v.HMAC) == 0 {
		return
	}
	stamp := fmt.Sprint(time.Now().Unix())
	key, header := v.HMAC[0].Reveal(), v.Header
	if header == "" {
		header = "X-Signature"
	}
	switch {
	case v.Scheme == "standard-webhooks":
		id := "msg_" + hub.NewID(time.Now())
		raw, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(key, "whsec_"))
		if err != nil {
			return // the route refused the secret already
		}
		req.Header.Set("Webhook-Id", id)
		req.Header.Set("Webhook-Timestamp", stamp)
		req.Header.Set("Webhook-Signature", "v1,"+base64.StdEncoding.EncodeToString(digest(raw, id, ".", stamp, ".", string(body))))
	case v.Scheme == "timestamped" || v.Scheme == "" && v.MaxAge > 0 && v.TimestampHeader == "":
		req.Header.Set(header, "t="+stamp+",v1="+hex.EncodeToString(digest([]byte(key), stamp, ".", string(body))))
	case v.TimestampHeader != "":
		req.Header.Set(v.TimestampHeader, stamp)
		req.Header.Set(header, "sha256="+hex.EncodeToString(digest([]byte(key), stamp, ".", string(body))))
	default:
		req.Header.Set(header, "sha256="+hex.EncodeToString(digest([]byte(key), string(body))))
	}
}

func digest(key []byte, parts ...string) []byte {
	mac := hmac.New(sha256.New, key)
	for _, p := range parts {
		mac.Write([]byte(p))
	}
	return mac.Sum(nil)
}
