package httpserver

import (
	"cmp"
	"fmt"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"orderhub/hub"
)

// checkSource finds what is wrong with a route and its options, all of it.
func checkSource(arg string, cfg *SourceConfig) (faults []hub.FieldFault) {
	bad := func(path, help, format string, args ...any) {
		faults = append(faults, hub.FieldFault{Path: path, Message: fmt.Sprintf(format, args...), Help: help})
	}
	if _, _, err := parsePattern(arg); err != nil {
		bad("", "write a method and a path, such as "+routeLike(arg), "%v", err)
	}
	if _, err := newVerifier(cfg.Verify, nil); err != nil {
		bad("verify", "write verify: {hmac: secret:name} or {token: secret:name}", "%v", err)
	}
	for _, name := range cfg.Headers {
		if why := notCarried(strings.ToLower(name)); why != "" {
			bad("headers", "write the name of a header of requests, as x-shop", "headers: %q %s", name, why)
		}
	}
	for _, text := range cfg.Consumes {
		media, _, err := mime.ParseMediaType(text)
		switch {
		case err != nil || !strings.Contains(media, "/"):
			bad("consumes", "write application/json, text/csv or another one", "consumes: %q is no media type", text)
		case strings.HasPrefix(media, "multipart/"):
			bad("consumes", "take the parts one by one, each in a request of its own", "consumes: %s is not supported", media)
		}
	}
	return faults
}

// doubt finds a route that changes something, where anybody on the network can reach it, and nothing says that this is meant.
func doubt(c *Config, arg string, src *SourceConfig) []hub.FieldFault {
	pattern, _, err := parsePattern(arg)
	if err != nil || src.Verify != nil || src.Public || strings.HasPrefix(pattern, http.MethodGet+" ") || local(c.Listen) {
		return nil
	}
	return []hub.FieldFault{{Message: "anybody who reaches " + cmp.Or(c.Listen, defaultListen) + " may send to " + arg,
		Help: "say how senders prove who they are, with verify: {hmac: secret:name} or {token: secret:name}; or write public: true"}}
}

// local tells whether only this machine reaches an address.
func local(listen string) bool {
	host, _, err := net.SplitHostPort(listen)
	if err != nil {
		return false
	}
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// acceptable tells what net/http has against a pattern.
func acceptable(pattern string) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%q is no route: %s", pattern, refusal(r))
		}
	}()
	http.NewServeMux().Handle(pattern, http.NotFoundHandler())
	return nil
}

// routeLike is a route that was probably meant by text.
func routeLike(text string) string {
	method, path, _ := strings.Cut(strings.TrimSpace(text), " ")
	if method = strings.ToUpper(method); !slices.Contains(methods, method) {
		method, path = "POST", text
	}
	path = "/" + strings.Trim(path, "/ ")
	if path == "/" || path == pathHealth || path == pathReady || acceptable(method+" "+path) != nil {
		path = "/orders/{id}"
	}
	return method + " " + path
}
