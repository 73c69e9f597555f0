package httpclient

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"

	"orderhub/hub"
	"orderhub/hub/signature"
	"orderhub/hub/trust"
)

// Config is an entry of `adapters:` with `type: http-client`.
type Config struct {
	URL           string             `yaml:"url" required:"true" doc:"Where the service is: http or https, with the path that all operations share. openapi: the first server of its OpenAPI file, and those that the file names for single operations."`
	OpenAPI       string             `yaml:"openapi" doc:"File of the service's OpenAPI 3 description (YAML or JSON): its operations are called by their operationId. Those of ops win."`
	Bearer        hub.Secret         `yaml:"bearer" doc:"Token sent as Authorization: Bearer."`
	Basic         Basic              `yaml:"basic" doc:"Name and password sent as Authorization: Basic."`
	APIKey        APIKey             `yaml:"api_key" doc:"Key sent in a header, the query or a cookie."`
	OAuth2        OAuth2             `yaml:"oauth2" doc:"Access tokens that the hub gets itself, keeps for all lanes, and renews before their end and when the service answers 401."`
	JWT           JWT                `yaml:"jwt" doc:"Tokens that the hub makes and signs itself: sent as Authorization: Bearer, or for oauth2 as its proof."`
	AWS           AWS                `yaml:"aws" doc:"Requests are signed with AWS Signature Version 4."`
	Sign          *signature.Options `yaml:"sign" doc:"Requests are signed by a template or in the form of a vendor, as verify of http-server checks it."`
	Headers       map[string]string  `yaml:"headers" doc:"Headers of every request."`
	Query         map[string]string  `yaml:"query" doc:"Query parameters of every request."`
	Timeout       time.Duration      `yaml:"timeout" default:"10s" min:"1ms" max:"10m" doc:"Time for a call, waiting for its turn included."`
	Limits        Limits             `yaml:"limits" doc:"What the service may cost, and what we may cost it."`
	Ops           map[string]Op      `yaml:"ops" doc:"Operations by name: POST /refunds, or a map, see Operations."`
	TLS           trust.TLS          `yaml:"tls" doc:"Certificates, where those of the system are not enough."`
	ForbidPrivate bool               `yaml:"forbid_private" doc:"Refuse addresses of private and reserved networks, for a URL that partners choose. Decided on the address that is connected to."`
	AllowNetworks []string           `yaml:"allow_networks" doc:"Addresses and networks that forbid_private lets through, such as 10.1.0.0/16."`
	Proxy         string             `yaml:"proxy" default:"none" doc:"env: use the proxy of HTTP_PROXY, HTTPS_PROXY and NO_PROXY. Or its address: http, https or socks5, with user and password where it wants them."`

	described map[string]*op // of the file of openapi
	server    string         // its first server, for url: openapi
}

// Basic is a name with its password.
type Basic struct {
	User     string     `yaml:"user" doc:"The name."`
	Password hub.Secret `yaml:"password" doc:"The password."`
}

// APIKey is a key that stands in a header, in the query or in a cookie.
type APIKey struct {
	Name  string     `yaml:"name" required:"true" doc:"Name of the header, query parameter or cookie, such as X-Api-Key."`
	In    string     `yaml:"in" oneof:"header|query|cookie" default:"header" doc:"Where it stands."`
	Value hub.Secret `yaml:"value" required:"true" doc:"The key."`
}

// Limits bound calls.
type Limits struct {
	Throttle       string `yaml:"throttle" doc:"Calls per time, evenly spaced, such as 20/s, 100/m or 1000/h. Left out: no limit."`
	CircuitBreaker string `yaml:"circuit_breaker" doc:"Failures in a row that stop all calls, and for how long, such as 5/30s. Timeouts and unavailability count. Left out: none."`
	MaxResponse    int    `yaml:"max_response" unit:"bytes" default:"1MiB" min:"1B" max:"256MiB" doc:"Largest answer; more is refused."`
	MaxInFlight    int    `yaml:"max_in_flight" default:"64" min:"1" doc:"Calls at once; more wait within their time."`
}

// fromFile is the url that stands for the servers of the OpenAPI file.
const fromFile = "openapi"

// check finds what the tags can't, all of it, and reads the file of openapi.
func (c *Config) check(env *hub.Env) []hub.FieldFault {
	var faults hub.FieldFaults
	bad := func(path, help string, err error) {
		if err != nil {
			faults.Add(path, help, "%s", err.Error())
		}
	}
	faults = append(faults, c.checkPlace(env)...)
	_, err := c.Limits.throttle()
	bad("limits.throttle", "write a number and a time, such as 20/s, 100/m or 1000/h", err)
	_, err = c.Limits.breaker()
	bad("limits.circuit_breaker", "write failures and a time, such as 5/30s", err)
	_, err = trust.Networks(c.AllowNetworks)
	bad("allow_networks", "write networks such as 10.1.0.0/16", err)
	_, err = c.proxy()
	bad("proxy", "write none, env, or an address such as http://proxy.example:3128", err)
	faults = append(faults, c.checkLogins()...)
	_, err = c.signing(env)
	bad("sign", "see the page of http-server for the forms", err)
	for _, name := range slices.Sorted(maps.Keys(c.Headers)) {
		bad("headers."+name, "write a header name, and a value of one line", checkHeader(name, c.Headers[name]))
	}
	for _, name := range slices.Sorted(maps.Keys(c.Ops)) {
		entry := c.Ops[name]
		_, f := entry.compile(name)
		if f != nil {
			f.Path = strings.TrimSuffix("ops."+name+"."+f.Path, ".")
			faults = append(faults, *f)
		}
	}
	if faults = append(faults, c.TLS.Faults()...); len(c.TLS.Faults()) == 0 {
		_, err = c.TLS.Load(env, "")
		bad("tls", "name PEM files, relative to the folder of the configuration", err)
	}
	return faults
}

// checkPlace reads the file of openapi, and finds where the service is.
func (c *Config) checkPlace(env *hub.Env) []hub.FieldFault {
	var faults hub.FieldFaults
	if c.OpenAPI != "" {
		file, err := readSpec(env, c.OpenAPI)
		if err != nil {
			faults.Add("openapi", "name an OpenAPI 3 file, relative to the folder of the configuration", "openapi: %s: %s", c.OpenAPI, err)
		} else {
			c.described = file.ops
			if c.URL == fromFile {
				c.server = file.server
			}
		}
	}
	text, help := c.URL, "write http:// or https://, a host and perhaps a path"
	switch {
	case c.URL == "": // the hub starts a stub
		return faults
	case c.URL == fromFile && c.OpenAPI == "":
		faults.Add("url", "add openapi: and the file, or write the address", "url: openapi means the servers of the file of openapi, and there is none")
		return faults
	case c.URL == fromFile && c.described == nil: // which is told
		return faults
	case c.URL == fromFile:
		text, help = c.server, "write the address: the file of openapi says no good one"
	}
	if _, err := parseURL(text); err != nil {
		faults.Add("url", help, "%s", err)
	}
	return faults
}

// checkHeader refuses a header that can't be sent, or that says how the connection works.
func checkHeader(name, value string) error {
	switch {
	case !httpguts.ValidHeaderFieldName(name) || !httpguts.ValidHeaderFieldValue(value):
		return fmt.Errorf("header %q can't be sent", name)
	case connections(name):
		return fmt.Errorf("header %q is the connection's own", name)
	}
	return nil
}

// proxy finds the proxy of a request; nil: there is none.
func (c *Config) proxy() (func(*http.Request) (*url.URL, error), error) {
	switch c.Proxy {
	case "none", "":
		return nil, nil
	case "env":
		return http.ProxyFromEnvironment, nil
	}
	u, err := url.Parse(c.Proxy)
	switch {
	case err != nil || u.Hostname() == "" || !slices.Contains([]string{"http", "https", "socks5", "socks5h"}, u.Scheme):
		return nil, errors.New("proxy: it is neither none, nor env, nor an address")
	case c.ForbidPrivate:
		return nil, errors.New("proxy: the proxy finds the addresses, so that forbid_private can't look at them")
	}
	return http.ProxyURL(u), nil
}

// operations are the names of all operations, those of the file included.
func (c *Config) operations() []string {
	names := slices.Concat(slices.Collect(maps.Keys(c.Ops)), slices.Collect(maps.Keys(c.described)))
	slices.Sort(names)
	return slices.Compact(names)
}

// checkCall finds what the description of an operation wants and a call with these headers can't give.
func (c *Config) checkCall(name string, headers []string) (faults []hub.FieldFault) {
	o := c.op(name)
	if o == nil || o.described == nil {
		return nil
	}
	if missing := o.described.login(c, headers); missing != "" {
		faults = append(faults, hub.FieldFault{Message: fmt.Sprintf("%s needs %s, as %s says, and nothing sends it", name, missing, c.OpenAPI),
			Help: "write it at the adapter: bearer, basic, api_key, oauth2, jwt, aws, or tls with cert and key; or as a header of the step"})
	}
	if what := o.described.unwritten; what != "" {
		faults = append(faults, hub.FieldFault{Message: fmt.Sprintf("%s can't be written as %s says: %s", name, c.OpenAPI, what),
			Help: "declare the operation in ops: with a format: of formats: that writes it so, such as {type: form, repeat: comma}"})
	}
	return faults
}

// takes is the content type of the bodies that an operation takes, as the file says; "": JSON, or nothing is known.
func (c *Config) takes(name string) string {
	if o := c.op(name); o != nil && o.described != nil {
		return o.described.media
	}
	return ""
}

// sends tells that every request has the header.
func (c *Config) sends(header string) bool {
	for name := range c.Headers {
		if strings.EqualFold(name, header) {
			return true
		}
	}
	return c.APIKey.In == "header" && strings.EqualFold(c.APIKey.Name, header) || strings.EqualFold(header, "authorization") && c.login() != ""
}

// expected are the answers of an operation.
func (c *Config) expected(name string) []hub.Expected {
	if o := c.op(name); o != nil {
		return o.expected()
	}
	return nil
}

// safe tells that an operation has a safe method: RFC 9110, 9.2.1.
func (c *Config) safe(name string) bool {
	o := c.op(name)
	return o != nil && (o.method == http.MethodGet || o.method == http.MethodHead)
}

// op is an operation as the configuration or the description has it; nil: it has a fault, which check tells.
func (c *Config) op(name string) *op {
	if entry, own := c.Ops[name]; own {
		o, _ := entry.compile(name)
		return o
	}
	return c.described[name]
}

// confine keeps all that is sent on this machine.
func (c *Config) confine(url string) {
	c.URL, c.server, c.Proxy, c.TLS, c.OAuth2, c.JWT = url, "", "none", trust.TLS{}, OAuth2{}, JWT{}
}
