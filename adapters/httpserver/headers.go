package httpserver

import (
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"orderhub/hub"
)

const maxIdempotencyKey = 255

// The request headers that a message carries beside x-…, in their wire form
// and in ours. All others stay outside: nothing that comes in may steer the
// hub, as status, reply-to or routing-key would, or be kept that is secret, as
// authorization and cookie are.
var carried = [...][2]string{
	{"Idempotency-Key", hub.HeaderIdempotency},
	{"Traceparent", hub.HeaderTraceparent},
	{"Accept", "accept"},
	{"Accept-Language", "accept-language"},
	{"Webhook-Id", "webhook-id"},
}

// headers are the message's: the allowed ones, param.… of the path, query.… of the URL.
func (s *Source) headers(r *http.Request, media string) (hub.Headers, *problem) {
	h := make(hub.Headers, 6+len(s.params))
	if media != "" {
		h[hub.HeaderContentType] = media
	}
	for _, c := range carried {
		if v := r.Header[c[0]]; len(v) > 0 && v[0] != "" {
			h[c[1]] = v[0]
		}
	}
	for name, v := range r.Header {
		if len(name) > 2 && name[0] == 'X' && name[1] == '-' && !s.isProof(name) {
			h[strings.ToLower(name)] = strings.Join(v, ", ")
		}
	}
	if len(h[hub.HeaderIdempotency]) > maxIdempotencyKey {
		return nil, newProblem(http.StatusBadRequest, "bad_idempotency_key", fmt.Sprintf("the Idempotency-Key is longer than %d characters", maxIdempotencyKey))
	}
	for _, name := range s.params {
		h["param."+name] = r.PathValue(name)
	}
	if r.URL.RawQuery != "" {
		query, err := url.ParseQuery(r.URL.RawQuery)
		if err != nil {
			return nil, newProblem(http.StatusBadRequest, "bad_query", "the query of the URL is not well formed")
		}
		for name, v := range query {
			if name != "token" || s.verify.link == nil {
				h["query."+name] = v[0]
			}
		}
	}
	for name, v := range h {
		if !utf8.ValidString(v) || !utf8.ValidString(name) {
			return nil, newProblem(http.StatusBadRequest, "bad_utf8", fmt.Sprintf("%q is not UTF-8", strings.ToValidUTF8(name, "?")))
		}
	}
	return h, nil
}

// isProof tells whether a header holds a signature.
func (s *Source) isProof(name string) bool {
	return s.verify.header != "" && strings.EqualFold(name, s.verify.header)
}

// mediaType is the content type of the body, when the route takes it. The
// usual spelling of JSON is found without parsing.
func (s *Source) mediaType(r *http.Request, size int) (string, *problem) {
	values := r.Header["Content-Type"]
	if len(values) == 0 && size == 0 {
		return "", nil
	}
	if len(values) == 1 {
		if values[0] == typeJSON && s.accepts[0] == typeJSON {
			return typeJSON, nil
		}
		media, params, err := mime.ParseMediaType(values[0])
		charset := params["charset"]
		if err == nil && slices.Contains(s.accepts, media) && (charset == "" || strings.EqualFold(charset, "utf-8")) {
			return media, nil
		}
	}
	p := newProblem(http.StatusUnsupportedMediaType, "unsupported_media_type", "send Content-Type: "+strings.Join(s.accepts, " or "))
	p.accept = "Accept: " + strings.Join(s.accepts, ", ")
	return "", p
}

func isJSON(media string) bool {
	return media == typeJSON || strings.HasSuffix(media, "+json")
}
