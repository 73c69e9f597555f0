package httpclient

import (
	"fmt"
	"maps"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"

	"orderhub/hub"
)

// Config is an entry of `adapters:` with `type: http-client`.
type Config struct {
	URL           string            `yaml:"url" required:"true" doc:"Where the service is: http or https, with the path that all operations share."`
	OpenAPI       string            `yaml:"openapi" doc:"File of the service's OpenAPI 3 description (YAML or JSON): its operations are called by their operationId. Those of ops win."`
	Bearer        hub.Secret        `yaml:"bearer" doc:"Token sent as Authorization: Bearer."`
	Basic         Basic             `yaml:"basic" doc:"Name and password sent as Authorization: Basic."`
	Headers       map[string]string `yaml:"headers" doc:"Headers of every request."`
	Timeout       time.Duration     `yaml:"timeout" default:"10s" min:"1ms" max:"10m" doc:"Time for a call, waiting for its turn included."`
	Limits        Limits            `yaml:"limits" doc:"What the service may cost, and what we may cost it."`
	Ops           map[string]any    `yaml:"ops" doc:"Operations by name: POST /refunds, or a map of http, expect (statuses such as 200 or 2xx; left out: 2xx), reply (the schema of its answers, or one for each status) and check (rules between reply and request), success_if (fields of the answer and what they must be), on_ambiguous (for a service that takes a repeat for another request: what becomes of one that it may have done; retry: it is tried once more after 30 minutes and then is a dead letter, park: it is one at once) and timeout."`
	ForbidPrivate bool              `yaml:"forbid_private" doc:"Refuse addresses of private and reserved networks, for a URL that partners choose. Decided on the address that is connected to."`
	AllowNetworks []string          `yaml:"allow_networks" doc:"Networks that forbid_private lets through, such as 10.1.0.0/16."`
	Proxy         string            `yaml:"proxy" oneof:"none|env" default:"none" doc:"env: use the proxy of HTTP_PROXY, HTTPS_PROXY and NO_PROXY."`

	described map[string]*op // of the file of openapi
}

// Basic is a name with its password.
type Basic struct {
	User     string     `yaml:"user" doc:"The name."`
	Password hub.Secret `yaml:"password" doc:"The password."`
}

// Limits bound calls.
type Limits struct {
	Throttle       string `yaml:"throttle" doc:"Calls per time, evenly spaced, such as 20/s, 100/m or 1000/h. Left out: no limit."`
	CircuitBreaker string `yaml:"circuit_breaker" doc:"Failures in a row that stop all calls, and for how long, such as 5/30s. Timeouts and unavailability count. Left out: none."`
	MaxResponse    int    `yaml:"max_response" unit:"bytes" default:"1MiB" min:"1B" max:"256MiB" doc:"Largest answer; more is refused."`
	MaxInFlight    int    `yaml:"max_in_flight" default:"64" min:"1" doc:"Calls at once; more wait within their time."`
}

func defaultConfig() *Config {
	return &Config{
		Proxy:   "none",
		Timeout: 10 * time.Second,
		Limits:  Limits{MaxResponse: 1 << 20, MaxInFlight: 64},
	}
}

// check finds what the tags can't, all of it, and reads the file of openapi.
func (c *Config) check(env *hub.Env) (faults []hub.FieldFault) {
	bad := func(path, help string, err error) {
		if err != nil {
			faults = append(faults, hub.FieldFault{Path: path, Message: err.Error(), Help: help})
		}
	}
	if c.URL != "" { // without one the hub starts a stub
		_, err := parseURL(c.URL)
		bad("url", "write http:// or https://, a host and perhaps a path", err)
	}
	_, err := c.Limits.throttle()
	bad("limits.throttle", "write a number and a time, such as 20/s, 100/m or 1000/h", err)
	_, err = c.Limits.breaker()
	bad("limits.circuit_breaker", "write failures and a time, such as 5/30s", err)
	_, err = parseNetworks(c.AllowNetworks)
	bad("allow_networks", "write networks such as 10.1.0.0/16", err)
	if c.Bearer != "" && c.Basic.User != "" {
		bad("basic", "keep one of them", fmt.Errorf("bearer and basic exclude each other"))
	}
	for _, name := range slices.Sorted(maps.Keys(c.Headers)) {
		if !httpguts.ValidHeaderFieldName(name) || !httpguts.ValidHeaderFieldValue(c.Headers[name]) {
			bad("headers."+name, "write a header name, and a value of one line", fmt.Errorf("header %q can't be sent", name))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.Ops)) {
		_, path, err := parseOp(name, c.Ops[name])
		bad(path, `write POST /path, or {http: POST /path, expect: [200]}`, err)
	}
	if c.OpenAPI != "" {
		if c.described, err = readSpec(env, c.OpenAPI); err != nil {
			bad("openapi", "name an OpenAPI 3 file, relative to the folder of the configuration", fmt.Errorf("openapi: %s: %w", c.OpenAPI, err))
		}
	}
	return faults
}

// operations are the names of all operations, those of the file included.
func (c *Config) operations() []string {
	names := slices.Concat(slices.Collect(maps.Keys(c.Ops)), slices.Collect(maps.Keys(c.described)))
	slices.Sort(names)
	return slices.Compact(names)
}

// checkCall finds what the description of an operation wants and a call can't give.
func (c *Config) checkCall(name string) (faults []hub.FieldFault) {
	o := c.described[name]
	if _, own := c.Ops[name]; own || o == nil {
		return nil
	}
	for _, header := range o.described.headers {
		if !c.sends(header) {
			faults = append(faults, hub.FieldFault{Message: fmt.Sprintf("%s needs the header %s, as %s says, and nothing sends it", name, header, c.OpenAPI),
				Help: "write it at the adapter, for all of its calls: headers: {" + strings.ToLower(header) + ": …}"})
		}
	}
	if o.described.form != "" {
		faults = append(faults, hub.FieldFault{Message: fmt.Sprintf("%s takes a body of type %s, as %s says, and the body of a call is JSON", name, o.described.form, c.OpenAPI),
			Help: "call another operation, or a service of yours that makes such a body"})
	}
	return faults
}

// sends tells that every request has the header.
func (c *Config) sends(header string) bool {
	for name := range c.Headers {
		if strings.EqualFold(name, header) {
			return true
		}
	}
	switch strings.ToLower(header) {
	case "idempotency-key", "traceparent", "x-correlation-id", "content-type", "accept":
		return true
	case "authorization":
		return c.Bearer != "" || c.Basic.User != ""
	}
	return false
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
	if v, own := c.Ops[name]; own {
		o, _, _ := parseOp(name, v)
		return o
	}
	return c.described[name]
}

func parseNetworks(texts []string) (out []netip.Prefix, err error) {
	for _, text := range texts {
		p, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, fmt.Errorf("allow_networks: %q is no network", text)
		}
		out = append(out, p.Masked())
	}
	return out, nil
}
