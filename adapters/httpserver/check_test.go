package httpserver

import (
	"fmt"
	"strings"
	"testing"

	"orderhub/hub"
	"orderhub/hub/signature"
)

// TestCheckSource: what a source can't be opened with is told before, with what to write.
func TestCheckSource(t *testing.T) {
	both := &Verify{Options: signature.Options{HMAC: []hub.Secret{"a"}}, Token: "b"}
	for _, c := range []struct {
		arg  string
		cfg  SourceConfig
		want string
	}{
		{"POST /orders/{id}", SourceConfig{Verify: &Verify{Token: "link"}, Consumes: []string{"text/csv; header=present"}}, ""},
		{"", SourceConfig{}, ": the route is missing (write a method and a path, such as POST /orders/{id})"},
		{"POST", SourceConfig{}, `: "POST" is no route (write a method and a path, such as POST /orders/{id})`},
		{"orders", SourceConfig{}, `: "orders" is no route (write a method and a path, such as POST /orders)`},
		{"post orders/new", SourceConfig{}, `: "post orders/new" is no route (write a method and a path, such as POST /orders/new)`},
		{"GET /livez", SourceConfig{}, ": /livez is answered by the server itself (write a method and a path, such as GET /orders/{id})"},
		{"GET /orders/{id", SourceConfig{}, `: "GET /orders/{id" is no route: at offset 12: bad wildcard segment (must end with '}') (write a method and a path, such as GET /orders/{id})`},
		{"GET /{a}/{a}", SourceConfig{}, `: "GET /{a}/{a}" is no route: at offset 9: duplicate wildcard name "a" (write a method and a path, such as GET /orders/{id})`},
		{"GET", SourceConfig{Verify: &Verify{}, Consumes: []string{"json", "*/*"}}, `: "GET" is no route (write a method and a path, such as GET /orders/{id})
verify: verify: give hmac, key, token, basic, api_key, jwt, client or from (write verify: {hmac: secret:name} or {token: secret:name})
consumes: consumes: "json" is no media type (write application/json, text/csv or another one)
consumes: consumes: */* stands for many (name each media type: that is what senders are told)`},
		{"GET /x", SourceConfig{Verify: both}, "verify: verify: hmac and token exclude each other (write verify: {hmac: secret:name} or {token: secret:name})"},
		{"GET /x", SourceConfig{Verify: &Verify{Options: signature.Options{HMAC: []hub.Secret{"whsec_?"}, Scheme: "standard-webhooks"}}}, "verify: verify: hmac: key 1 of 1 is not base64 behind whsec_ (write verify: {hmac: secret:name} or {token: secret:name})"},
	} {
		var got []string
		for _, f := range Component().CheckSource(c.arg, &c.cfg) {
			got = append(got, fmt.Sprintf("%s: %s (%s)", f.Path, f.Message, f.Help))
		}
		if text := strings.Join(got, "\n"); text != c.want {
			t.Errorf("%q:\n got  %s\n want %s", c.arg, text, c.want)
		}
		if _, err := newServer(t, "127.0.0.1:0").OpenSource(c.arg, &c.cfg); (err == nil) != (c.want == "") {
			t.Errorf("%q: opening says %v", c.arg, err)
		}
	}
}
