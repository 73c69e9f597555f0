package httpserver

import (
	"fmt"
	"strings"
)

// wants tells whether senders must prove who they are.
func (v *verifier) wants() bool { return v.token != nil || v.link != nil || v.scheme != "" }

// describe adds how senders prove who they are to the schemes, and gives the
// names of those that a request needs; nil: none.
func (v *verifier) describe(schemes object) object {
	needs := object{}
	add := func(name string, scheme object) {
		name = strings.Map(func(r rune) rune {
			if !usable.MatchString(string(r)) {
				return '_'
			}
			return r
		}, name)
		schemes[name], needs[name] = scheme, []string{}
	}
	header := func(name, format string, args ...any) object {
		return object{"type": "apiKey", "in": "header", "name": name, "description": fmt.Sprintf(format, args...)}
	}
	stamp := fmt.Sprintf("Unix seconds, at most %.0f s off.", v.maxAge.Seconds())
	switch {
	case v.token != nil:
		add("bearer", object{"type": "http", "scheme": "bearer"})
	case v.link != nil:
		add("link", object{"type": "apiKey", "in": "query", "name": "token", "description": "Part of a link that we sent."})
	case v.scheme == schemeHex && v.stamp != "":
		add("hmac-of-time-and-body."+v.header, header(v.header, "HMAC-SHA256 of the time, a dot and the body exactly as sent, in hex digits; sha256= may stand before it."))
		add("time."+v.stamp, header(v.stamp, "%s", stamp))
	case v.scheme == schemeHex:
		add("hmac-of-body."+v.header, header(v.header, "HMAC-SHA256 of the body exactly as sent, in hex digits; sha256= may stand before it."))
	case v.scheme == schemeTimestamped:
		add("timestamped-hmac."+v.header, header(v.header, "t=TIME,v1=DIGEST. TIME: %s DIGEST: HMAC-SHA256 of TIME, a dot and the body exactly as sent, in hex digits.", stamp))
	case v.scheme == schemeStandard:
		add("webhook-id", header("webhook-id", "ID of the message (Standard Webhooks)."))
		add("webhook-timestamp", header("webhook-timestamp", "%s", stamp))
		add("webhook-signature", header("webhook-signature", "v1, and in base64 the HMAC-SHA256 of id, timestamp and body exactly as sent, with dots between them."))
	default:
		return nil
	}
	return needs
}
