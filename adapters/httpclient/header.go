package httpclient

import (
	"mime"
	"strings"

	"orderhub/hub"
)

// ignoredHeader tells that a header of a call is not sent, and what to write instead.
func ignoredHeader(name, value string) (help string, ignored bool) {
	switch name {
	case hub.HeaderIdempotency, hub.HeaderTraceparent:
		return "", false
	case hub.HeaderContentType:
		kind, _, err := mime.ParseMediaType(value)
		if value == "" || err == nil && isJSON(kind) {
			return "", false
		}
		return "remove it: the body of a call is JSON, whatever its label", true
	case "authorization":
		return "write it at the adapter: bearer: secret:name, or basic: {user: …, password: secret:name}", true
	case "x-correlation-id":
		return "remove it: it is the message's correlation, which set: {correlation: =…} changes", true
	case "accept":
		return "remove it: a call asks for JSON", true
	}
	return "write it at the adapter, for all of its calls: headers: {" + name + ": …}", true
}

// isJSON tells that a media type is JSON, or is made of it.
func isJSON(kind string) bool { return kind == typeJSON || strings.HasSuffix(kind, "+json") }

// validName tells whether s can be the name of a header (a token of RFC 9110).
func validName(s string) bool {
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && !strings.ContainsRune("!#$%&'*+-.^_`|~", rune(c)) {
			return false
		}
	}
	return s != ""
}

// validValue tells whether s stays inside its header line.
func validValue(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' && s[i] != '\t' || s[i] == 0x7f {
			return false
		}
	}
	return true
}
