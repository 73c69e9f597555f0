package httpserver

import (
	"cmp"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"orderhub/hub"
	"orderhub/hub/signature"
	"orderhub/hub/trust"
)

// Config is an entry of `adapters:` with `type: http-server`.
type Config struct {
	Listen  string       `yaml:"listen" doc:"Address, such as :8080 or 127.0.0.1:8080. Left out: :8080, or the next free port. Given and busy: an error."`
	OpenAPI string       `yaml:"openapi" doc:"Path that serves the routes' description as OpenAPI 3.1, such as /openapi.json. Left out: it is not served."`
	URL     string       `yaml:"url" doc:"Public address that links in mails begin with, such as https://shop.example. Left out: the address that it listens on."`
	LinkKey []hub.Secret `yaml:"link_key" min:"1" doc:"Key that signs links in mails (verify: {token: link}), or a new and an old one while it changes: the first signs. At least 16 bytes, as of openssl rand -hex 32. Left out: a new key at every start, so old links die."`
	TLS     TLS          `yaml:"tls" doc:"Serve HTTPS."`
	Proxies []string     `yaml:"proxies" doc:"Addresses and networks of proxies in front: what they say in X-Forwarded-For is believed, for verify: {from: …}."`
	Limits  Limits       `yaml:"limits" doc:"What one client, and all of them, may use."`
}

// TLS names the certificate of the server.
type TLS struct {
	Cert string `yaml:"cert" doc:"File of the certificate chain (PEM). Read again when it changes."`
	Key  string `yaml:"key" doc:"File of the private key (PEM)."`

	ClientCA string `yaml:"client_ca" doc:"File of the authorities (PEM) that issue certificates of clients: see verify: {client: …}. Clients without one are served, too."`
}

// Limits bound what requests may cost.
type Limits struct {
	MaxBody           int64         `yaml:"max_body" unit:"bytes" default:"1MiB" min:"1B" max:"64MiB" doc:"Largest body, also after decompression; more is 413."`
	MaxHeader         int           `yaml:"max_header" unit:"bytes" default:"64KiB" min:"1KiB" max:"1MiB" doc:"Largest request line with all headers; more is 431."`
	MaxConnections    int           `yaml:"max_connections" default:"1000" min:"1" doc:"Open connections; more are answered 503 and closed."`
	PerIP             int           `yaml:"per_ip" default:"100" min:"1" doc:"Open connections of one address; this machine's own are not counted."`
	MaxWaiting        int           `yaml:"max_waiting" default:"2048" min:"1" doc:"Requests in flight; more are answered 503 with Retry-After."`
	ReadHeaderTimeout time.Duration `yaml:"read_header_timeout" default:"5s" min:"10ms" max:"10m" doc:"Time to send the headers; then the connection is closed."`
	ReadTimeout       time.Duration `yaml:"read_timeout" default:"30s" min:"10ms" max:"1h" doc:"Time to send the whole request; then 408."`
	WriteTimeout      time.Duration `yaml:"write_timeout" default:"30s" min:"10ms" max:"1h" doc:"Time for the pipeline and the answer, from the end of the body; then 504."`
	IdleTimeout       time.Duration `yaml:"idle_timeout" default:"60s" min:"10ms" max:"1h" doc:"Time a connection may rest between requests."`
}

// SourceConfig are the options of `from: {web: POST /orders, …}`.
type SourceConfig struct {
	Verify    *Verify  `yaml:"verify" doc:"How senders prove who they are. Left out: anyone may send."`
	Consumes  []string `yaml:"consumes" doc:"Media types taken, such as text/csv. Left out: application/json. Others are 415."`
	Headers   []string `yaml:"headers" doc:"Request headers that messages carry, such as [x-shop], beside those that the pipeline's own formulas name and the usual ones."`
	EmptyBody bool     `yaml:"empty_body" doc:"Take requests of POST, PUT and PATCH that have no body; otherwise they are 400."`
	Public    bool     `yaml:"public" doc:"It is on purpose that anyone may send: no warning."`
}

// Verify says how a sender proves who it is: one of hmac or key, token, basic, api_key and jwt, and beside it client and from.
type Verify struct {
	signature.Options
	Token  hub.Secret `yaml:"token" word:"link" doc:"A secret that comes as Authorization: Bearer; or the word link: the request came by a link that the hub signed."`
	Basic  *Basic     `yaml:"basic" doc:"A name and a password, as Authorization: Basic."`
	APIKey *APIKey    `yaml:"api_key" doc:"A key in a header or in the query."`
	JWT    *JWT       `yaml:"jwt" doc:"A signed token of an issuer, as Authorization: Bearer."`
	Client []string   `yaml:"client" min:"1" doc:"Names of client certificates, as subject, DNS name or URI; '*': any that client_ca of the adapter has issued."`
	From   []string   `yaml:"from" min:"1" doc:"Addresses and networks that senders have, as 192.0.2.7, 10.0.0.0/8."`
}

const defaultListen = ":8080"

// check finds what the tags can't.
func (c *Config) check(env *hub.Env) []hub.FieldFault {
	var faults hub.FieldFaults
	if c.Listen != "" {
		if _, err := net.ResolveTCPAddr("tcp", c.Listen); err != nil {
			faults.Add("listen", `write host:port, such as ":8080"`, "listen: %q is no address", c.Listen)
		}
	}
	if u, err := url.Parse(c.URL); c.URL != "" && (err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.Fragment != "") {
		faults.Add("url", "write https://shop.example", "url: %q is no address of a web server", c.URL)
	}
	switch p := c.OpenAPI; {
	case p == "":
	case !strings.HasPrefix(p, "/"):
		faults.Add("openapi", "write /"+p, "openapi: %q is no path", p)
	case p == pathLive || p == pathReady:
		faults.Add("openapi", "write /openapi.json", "openapi: %s is answered by the server itself", p)
	case strings.ContainsAny(p, "{}?#% \\;") || strings.Contains(p, "//") || strings.Contains(p, "/."):
		faults.Add("openapi", "write /openapi.json", "openapi: %q is no plain path", p)
	}
	if _, err := linkKeysOf(c); err != nil {
		faults.Add("link_key", "write link_key: secret:links, or leave it out: then links die when the hub stops", "link_key: %v", err)
	}
	if _, err := trust.Networks(c.Proxies); err != nil {
		faults.Add("proxies", "write 192.0.2.7 or 10.0.0.0/8", "proxies: %v", err)
	}
	c.TLS.check(env, faults.Add)
	return faults
}

// check finds what is wrong with the files.
func (t *TLS) check(env *hub.Env, bad func(path, help, format string, args ...any)) {
	if (t.Cert == "") != (t.Key == "") || t.ClientCA != "" && t.Cert == "" {
		bad("tls", "give both cert and key", "tls: one of cert and key is missing")
		return
	}
	for _, f := range []struct{ path, file string }{{"tls.cert", t.Cert}, {"tls.key", t.Key}, {"tls.client_ca", t.ClientCA}} {
		if f.file == "" {
			continue
		}
		if _, err := os.Stat(env.Path(f.file)); err != nil {
			bad(f.path, "name a file that is there", "%s: %v", f.path, err)
		}
	}
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
func acceptable(pattern string) error {
	if _, err := newMux(map[string]*Source{pattern: nil}); err != nil {
		return fmt.Errorf("%q is no route: %w", pattern, err)
	}
	return nil
}

// routeLike is a route that was probably meant by text.
func routeLike(text string) string {
	method, path, _ := strings.Cut(strings.TrimSpace(text), " ")
	if method = strings.ToUpper(method); !slices.Contains(methods, method) {
		method, path = "POST", text
	}
	path = "/" + strings.Trim(path, "/ ")
	if path == "/" || path == pathLive || path == pathReady || acceptable(method+" "+path) != nil {
		path = "/orders/{id}"
	}
	return method + " " + path
}
