package partners

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

// digest is the HMAC-SHA256 of parts, in hex.
func digest(k *vendorKey, parts ...string) string { return hex.EncodeToString(sum(k, parts...)) }

// digest64 is that in base64.
func digest64(k *vendorKey, parts ...string) string {
	return base64.StdEncoding.EncodeToString(sum(k, parts...))
}

func sum(k *vendorKey, parts ...string) []byte {
	mac := hmac.New(sha256.New, []byte(k.text))
	mac.Write([]byte(strings.Join(parts, "")))
	return mac.Sum(nil)
}

// event is the body of an event with an id, as most have it.
func event(n int) string { return fmt.Sprintf(`{"id":"evt_%d","amount":1999,"name":"Zoë"}`, n) }

var forged = [2]string{"1999", "1998"}

// hooks are the vendors of webhooks.md by their headings. What they sign is written out here, by nothing of the hub.
var hooks = map[string]hook{
	"plain": {path: "/hooks/plain", change: forged, answer: "204 ",
		sign: func(k *vendorKey, n int, _ time.Time) string {
			return fmt.Sprintf("X-Partner-Signature: sha256=%s\nX-Delivery: d%d\n\n%s", digest(k, event(n)), n, event(n))
		}},
	"timestamped": {path: "/hooks/timestamped", change: forged, timed: true, answer: "202 ",
		sign: func(k *vendorKey, n int, at time.Time) string {
			ts := fmt.Sprint(at.Unix())
			return "X-Signature: t=" + ts + ",v1=" + digest(k, ts, ".", event(n)) + "\n\n" + event(n)
		}},
	"standard-webhooks": {path: "/hooks/standard", secret: inWhsec, change: forged, timed: true, answer: "204 ",
		sign: func(k *vendorKey, n int, at time.Time) string { return standard("Webhook", k, n, at) }},
	"standard-webhooks-pair": {path: "/hooks/pair", secret: edPublic, change: forged, timed: true, answer: "204 ",
		sign: func(k *vendorKey, n int, at time.Time) string {
			id, ts := fmt.Sprintf("msg_p%d", n), fmt.Sprint(at.Unix())
			sig := base64.StdEncoding.EncodeToString(ed25519.Sign(k.ed, []byte(id+"."+ts+"."+event(n))))
			return "Webhook-Id: " + id + "\nWebhook-Timestamp: " + ts + "\nWebhook-Signature: v1a," + sig + "\n\n" + event(n)
		}},
	"svix": {path: "/hooks/svix", secret: inWhsec, change: forged, timed: true, answer: "204 ",
		sign: func(k *vendorKey, n int, at time.Time) string { return standard("Svix", k, n, at) }},
	"stripe": {path: "/hooks/stripe", change: forged, timed: true, answer: `200 {"received":true}`,
		sign: func(k *vendorKey, n int, at time.Time) string {
			ts := fmt.Sprint(at.Unix())
			old := &vendorKey{text: "the secret that was good before"}
			return "Stripe-Signature: t=" + ts + ",v1=" + digest(old, ts, ".", event(n)) + ",v1=" + digest(k, ts, ".", event(n)) + ",v0=6ffbb59b\n\n" + event(n)
		}},
	"github": {path: "/hooks/github", change: forged, answer: "204 ",
		sign: func(k *vendorKey, n int, _ time.Time) string {
			return fmt.Sprintf("X-GitHub-Event: issues\nX-GitHub-Delivery: 72d3162e-%d\nX-Hub-Signature: sha1=00\nX-Hub-Signature-256: sha256=%s\n\n%s",
				n, digest(k, event(n)), event(n))
		},
		out: func(n int) []string { return []string{strings.TrimSuffix(event(n), "}") + `,"event":"issues"}`} }},
	"shopify": {path: "/hooks/shopify", change: forged, answer: "200 ",
		sign: func(k *vendorKey, n int, _ time.Time) string {
			return fmt.Sprintf("X-Shopify-Topic: orders/create\nX-Shopify-Webhook-Id: b54557e4-%d\nX-Shopify-Hmac-Sha256: %s\n\n%s", n, digest64(k, event(n)), event(n))
		}},
	"woocommerce": {path: "/hooks/woo", change: forged, answer: "200 ",
		sign: func(k *vendorKey, n int, _ time.Time) string {
			return fmt.Sprintf("X-WC-Webhook-Delivery-ID: %d\nX-WC-Webhook-Signature: %s\n\n%s", n, digest64(k, event(n)), event(n))
		},
		also: func(t *testing.T, h *knock, _ *vendorKey) {
			ping := *h
			ping.media = "application/x-www-form-urlencoded"
			if status, _, body := ping.post(t, "X-WC-Webhook-Source: https://shop.example\n\nwebhook_id=17"); status != 200 {
				t.Errorf("the first request is answered %d %s", status, body)
			}
			ping.refused(t, "what begins as the first request does", "X-A: b\n\nwebhook_id=17&order=1", "signature_missing")
		}},
	"slack": {path: "/hooks/slack", change: forged, timed: true, answer: "200 {}",
		sign: func(k *vendorKey, n int, at time.Time) string {
			return slack(k, fmt.Sprintf(`{"type":"event_callback","event_id":"Ev%d","event":{"amount":1999}}`, n), at)
		},
		also: func(t *testing.T, h *knock, k *vendorKey) {
			challenge := slack(k, `{"type":"url_verification","token":"x","challenge":"3eZbrw1aB"}`, time.Now())
			if status, _, body := h.post(t, challenge); status != 200 || body != `{"challenge":"3eZbrw1aB"}` {
				t.Errorf("the challenge is answered %d %s", status, body)
			}
		}},
	"twilio": {path: "/hooks/twilio?shop=berlin", media: "application/x-www-form-urlencoded", change: forged,
		answer: "200 " + `<?xml version="1.0" encoding="UTF-8"?>` + "\n<Response/>",
		sign: func(k *vendorKey, n int, _ time.Time) string {
			form := url.Values{"MessageSid": {fmt.Sprintf("SM%d", n)}, "From": {"+14155551999"}, "Body": {"Hello & good-bye"}}
			text := "https://hub.example/hooks/twilio?shop=berlin"
			for _, name := range []string{"Body", "From", "MessageSid"} {
				text += name + form.Get(name)
			}
			mac := hmac.New(sha1.New, []byte(k.text))
			mac.Write([]byte(text))
			return fmt.Sprintf("I-Twilio-Idempotency-Token: tok-%d\nX-Twilio-Signature: %s\n\n%s", n, base64.StdEncoding.EncodeToString(mac.Sum(nil)), form.Encode())
		}},
	"adyen": {path: "/hooks/adyen", secret: inHex, change: forged, answer: "200 [accepted]",
		sign: func(k *vendorKey, n int, _ time.Time) string {
			psp := fmt.Sprintf("791407338134228%d", n)
			sig := digest64(k, strings.Join([]string{psp, "", "Shop", "W-1", "1999", "EUR", "AUTHORISATION", "true"}, ":"))
			return "X-Any: thing\n\n" + fmt.Sprintf(`{"live":"false","notificationItems":[{"NotificationRequestItem":{`+
				`"additionalData":{"hmacSignature":%q},"amount":{"currency":"EUR","value":1999},`+
				`"pspReference":%q,"eventCode":"AUTHORISATION","merchantAccountCode":"Shop","merchantReference":"W-1","success":"true"}}]}`, sig, psp)
		}},
	"easypost": {path: "/hooks/easypost", change: forged, answer: "200 ",
		sign: func(k *vendorKey, n int, _ time.Time) string {
			return "X-Hmac-Signature: hmac-sha256-hex=" + digest(k, event(n)) + "\n\n" + event(n)
		}},
	"paypal": {path: "/hooks/paypal", secret: rsaPublic, change: forged, timed: true, answer: "200 ",
		sign: func(k *vendorKey, n int, at time.Time) string {
			id, ts := fmt.Sprintf("69cd13f0-d67a-11e5-baa3-778b53f4ae5%d", n), at.UTC().Format(time.RFC3339)
			sum := sha256.Sum256([]byte(fmt.Sprintf("%s|%s|1JE4291016473214C|%d", id, ts, crc32.ChecksumIEEE([]byte(event(n))))))
			sig, _ := rsa.SignPKCS1v15(rand.Reader, k.rsa, crypto.SHA256, sum[:]) // a wrong one is not taken
			return "Paypal-Transmission-Id: " + id + "\nPaypal-Transmission-Time: " + ts + "\nPaypal-Auth-Algo: SHA256withRSA\nPaypal-Transmission-Sig: " +
				base64.StdEncoding.EncodeToString(sig) + "\n\n" + event(n)
		}},
	"sendgrid": {path: "/hooks/sendgrid", secret: ecPublic, change: forged, timed: true, answer: "204 ",
		sign: func(k *vendorKey, n int, at time.Time) string {
			ts, body := fmt.Sprint(at.Unix()), fmt.Sprintf("[%s,%s]\r\n", event(10*n), event(10*n+1))
			sum := sha256.Sum256([]byte(ts + body))
			sig, _ := ecdsa.SignASN1(rand.Reader, k.ec, sum[:]) // a wrong one is not taken
			return "X-Twilio-Email-Event-Webhook-Timestamp: " + ts + "\nX-Twilio-Email-Event-Webhook-Signature: " + base64.StdEncoding.EncodeToString(sig) + "\n\n" + body
		},
		out: func(n int) []string { return []string{event(10 * n), event(10*n + 1)} }},
	"mailgun": {path: "/hooks/mailgun", change: [2]string{`"token":"a8`, `"token":"b8`}, timed: true, answer: "200 ",
		sign: func(k *vendorKey, n int, at time.Time) string {
			ts, token := fmt.Sprint(at.Unix()), fmt.Sprintf("a8ce0edb2dd8301dee6c2405235584e45aa91d1e9f979f3de%d", n)
			return "X-Any: thing\n\n" + fmt.Sprintf(`{"signature":{"timestamp":%q,"token":%q,"signature":%q},"event-data":{"event":"delivered"}}`, ts, token, digest(k, ts, token))
		}},
	"aftership": {path: "/hooks/aftership", change: forged, answer: "200 ",
		sign: func(k *vendorKey, n int, _ time.Time) string {
			body := fmt.Sprintf(`{"event_id":"4a6e2c-%d","msg":{"weight":1999}}`, n)
			return "Aftership-Hmac-Sha256: " + digest64(k, body) + "\n\n" + body
		}},
	"square": {path: "/hooks/square", change: forged, answer: "200 ",
		sign: func(k *vendorKey, n int, _ time.Time) string {
			body := fmt.Sprintf(`{"event_id":"6a8f5f28-%d","data":{"amount":1999}}`, n)
			return "X-Square-HmacSha256-Signature: " + digest64(k, "https://hub.example/hooks/square", body) + "\n\n" + body
		}},
}

// standard is a request of standard-webhooks, with the names of a vendor. Another signature stands before the right one.
func standard(vendor string, k *vendorKey, n int, at time.Time) string {
	id, ts := fmt.Sprintf("msg_%d", n), fmt.Sprint(at.Unix())
	sigs := []string{"v1," + base64.StdEncoding.EncodeToString(slices.Repeat([]byte{7}, 32)), "v1," + digest64(k, id, ".", ts, ".", event(n))}
	return vendor + "-Id: " + id + "\n" + vendor + "-Timestamp: " + ts + "\n" + vendor + "-Signature: " + strings.Join(sigs, " ") + "\n\n" + event(n)
}

// slack is a request of Slack.
func slack(k *vendorKey, body string, at time.Time) string {
	ts := fmt.Sprint(at.Unix())
	return "X-Slack-Request-Timestamp: " + ts + "\nX-Slack-Signature: v0=" + digest(k, "v0:", ts, ":", body) + "\n\n" + body
}
