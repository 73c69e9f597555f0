package httpserver

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"strconv"
	"strings"
	"testing"
	"time"

	"orderhub/hub"
	"orderhub/hub/signature"
)

func digestOf(key string, parts ...string) []byte {
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(strings.Join(parts, "")))
	return mac.Sum(nil)
}

func TestVerify(t *testing.T) {
	const key, body = "the new key of the sender", `{"n":1}`
	now := time.Now()
	stamp := strconv.FormatInt(now.Unix(), 10)
	old := strconv.FormatInt(now.Add(-6*time.Minute).Unix(), 10)
	plain := func(k, b string) string { return "X-Signature: " + hex.EncodeToString(digestOf(k, b)) + "\r\n" }
	timed := func(k, ts string) string {
		return "X-Signature: t=" + ts + ",v1=" + hex.EncodeToString(digestOf(k, ts, ".", body)) + "\r\n"
	}
	std := func(id, ts, k string) string {
		return "Webhook-Id: " + id + "\r\nWebhook-Timestamp: " + ts + "\r\nWebhook-Signature: v1,AAAA v1," +
			base64.StdEncoding.EncodeToString(digestOf(k, id, ".", ts, ".", body)) + "\r\n"
	}
	keys := []hub.Secret{"the old key of the sender", key}
	hexed := &Verify{Options: signature.Options{HMAC: keys}}
	timestamped := &Verify{Options: signature.Options{HMAC: keys, Form: signature.Form{MaxAge: 5 * time.Minute}}}
	standard := &Verify{Options: signature.Options{HMAC: []hub.Secret{hub.Secret("whsec_" + base64.StdEncoding.EncodeToString([]byte(key)))}, Scheme: "standard-webhooks"}}
	many := "X-Signature: t=" + stamp + strings.Repeat(",v1=00", 10) + ",v1=" + hex.EncodeToString(digestOf(key, stamp, ".", body)) + "\r\n"
	for _, c := range []struct {
		name    string
		verify  *Verify
		headers string
		status  int
		code    string
	}{
		{"hex", hexed, plain(key, body), 202, ""},
		{"hex with prefix", hexed, "X-Signature: sha256=" + hex.EncodeToString(digestOf(key, body)) + "\r\n", 202, ""},
		{"the old key of a rotation", hexed, plain("the old key of the sender", body), 202, ""},
		{"missing", hexed, "", 401, "signature_missing"},
		{"tampered", hexed, plain(key, body+" "), 401, "signature_invalid"},
		{"wrong secret", hexed, plain("other", body), 401, "signature_invalid"},
		{"no hex", hexed, "X-Signature: zz\r\n", 401, "signature_invalid"},
		{"no more than a prefix", hexed, "X-Signature: sha256=\r\n", 401, "signature_invalid"},
		{"the beginning of it", hexed, "X-Signature: " + hex.EncodeToString(digestOf(key, body)[:16]) + "\r\n", 401, "signature_invalid"},
		{"more than it", hexed, "X-Signature: " + hex.EncodeToString(append(digestOf(key, body), 0)) + "\r\n", 401, "signature_invalid"},
		{"an empty signature", timestamped, "X-Signature: t=" + stamp + ",v1=\r\n", 401, "signature_invalid"},
		{"no signature", timestamped, "X-Signature: t=" + stamp + "\r\n", 401, "signature_invalid"},
		{"from the future", timestamped, timed(key, strconv.FormatInt(now.Add(6*time.Minute).Unix(), 10)), 401, "timestamp_out_of_tolerance"},
		{"standard, empty", standard, "Webhook-Id: m\r\nWebhook-Timestamp: " + stamp + "\r\nWebhook-Signature: v1,\r\n", 401, "signature_invalid"},
		{"timestamped", timestamped, timed(key, stamp), 202, ""},
		{"too old", timestamped, timed(key, old), 401, "timestamp_out_of_tolerance"},
		{"no number", timestamped, timed(key, "soon"), 401, "timestamp_out_of_tolerance"},
		{"negative time", timestamped, timed(key, "-5"), 401, "timestamp_out_of_tolerance"},
		{"30 digits", timestamped, timed(key, strings.Repeat("9", 30)), 401, "timestamp_out_of_tolerance"},
		{"the eleventh signature", timestamped, many, 401, "signature_invalid"},
		{"long header", timestamped, "X-Signature: t=" + stamp + strings.Repeat(",v1=00", 1000) + "\r\n", 401, "signature_invalid"},
		{"standard", standard, std("msg_1", stamp, key), 202, ""},
		{"standard, too old", standard, std("msg_1", old, key), 401, "timestamp_out_of_tolerance"},
		{"standard, wrong secret", standard, std("msg_1", stamp, "other"), 401, "signature_invalid"},
		{"ID with a dot", standard, std("msg.1", stamp, key), 400, "bad_message_id"},
		{"long ID", standard, std(strings.Repeat("m", 256), stamp, key), 400, "bad_message_id"},
		{"empty ID", standard, std("", stamp, key), 400, "bad_message_id"},
		{"token", &Verify{Token: "t0ken"}, "Authorization: Bearer t0ken\r\n", 202, ""},
		{"wrong token", &Verify{Token: "t0ken"}, "Authorization: Bearer other\r\n", 401, "token_invalid"},
		{"no token", &Verify{Token: "t0ken"}, "", 401, "token_missing"},
		{"no link token", &Verify{Token: "link"}, "", 401, "token_missing"},
	} {
		t.Run(c.name, func(t *testing.T) {
			k := newTaken()
			addr := serveRoute(t, "POST /orders", &SourceConfig{Verify: c.verify}, k, nil)
			status, code, _ := exchange(t, addr, post(c.headers, body))
			told, why := c.code, ""
			if status == 401 {
				told, why = codeUnproven, c.code // why it was refused is for ops
			}
			if status != c.status || code != told {
				t.Fatalf("got %d %q, want %d %q", status, code, c.status, told)
			}
			if why != "" && k.reason() != why {
				t.Errorf("kept as %q, want %q", k.reason(), why)
			}
			if n := len(k.messages); n != map[bool]int{true: 1}[status == 202] {
				t.Errorf("%d messages got through", n)
			}
			if status == 202 {
				for name := range (<-k.messages).Headers {
					if name == "x-signature" || name == "authorization" {
						t.Errorf("the message carries %s", name)
					}
				}
			}
		})
	}
}
