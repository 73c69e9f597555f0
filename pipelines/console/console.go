// Package console has the block `console:` of `hub:`: where people look at the hub, and who may.
package console

import (
	"net"
	"net/url"
	"slices"
	"time"

	"orderhub/hub"
	"orderhub/hub/trust"
	"orderhub/pipelines/yamlfile"
)

// Config is the block `console:` of `hub:`.
type Config struct {
	Address string   `yaml:"address" default:"127.0.0.1:9465" doc:"where its pages and the remote API are; on loopback another port is taken when this one is used. none: there is no console"`
	Hosts   []string `yaml:"hosts" doc:"names that it is reached by, such as hub.example.com; any other name but those of this machine is refused"`
	TLS     struct {
		Cert string `yaml:"cert" doc:"file of the certificate chain (PEM); read again when it changes"`
		Key  string `yaml:"key" doc:"file of its key (PEM)"`
	} `yaml:"tls" doc:"serves HTTPS"`
	Proxy *Proxy `yaml:"proxy" doc:"the proxy in front of it that has the certificate"`
	Users *Users `yaml:"users" doc:"who may look and act. Left out: whoever reaches it may do all, so it is on loopback"`
}

// Proxy is the block `proxy:` of `console:`.
type Proxy struct {
	Networks []string `yaml:"networks" required:"true" min:"1" doc:"its addresses or networks, such as 10.0.0.5: nobody else is answered"`
	User     string   `yaml:"user" doc:"header in which it names who logged in at it, such as X-Forwarded-User. Left out: it knows nobody"`
	Groups   string   `yaml:"groups" doc:"header in which it names their groups, with commas between"`
}

// Users is the block `users:` of `console:`.
type Users struct {
	Tokens  bool          `yaml:"tokens" default:"true" doc:"people may log in with tokens (hub token add)"`
	Session time.Duration `yaml:"session" default:"12h" min:"1m" max:"720h" doc:"how long somebody stays logged in"`
	OIDC    *OIDC         `yaml:"oidc" doc:"people log in at a provider of OpenID Connect"`
	Roles   Roles         `yaml:"roles" doc:"what those may do whom the provider or the proxy names; who stands nowhere may do nothing"`
}

// OIDC is the block `oidc:` of `users:`.
type OIDC struct {
	Issuer string     `yaml:"issuer" required:"true" doc:"URL of the provider, as its discovery document has it"`
	Client string     `yaml:"client_id" required:"true" doc:"what the provider knows this hub by"`
	Secret hub.Secret `yaml:"client_secret" doc:"secret:oidc. Left out: the provider needs none beside PKCE"`
	Scopes []string   `yaml:"scopes" doc:"asked for beside openid. Left out: email"`
	Name   string     `yaml:"name" default:"email" doc:"claim that names the person in the audit log and under roles; an email must be verified (email_verified)"`
	Groups string     `yaml:"groups" default:"groups" doc:"claim that lists their groups"`
}

// Roles is the block `roles:` of `users:`.
type Roles struct {
	Viewer   Members `yaml:"viewer" doc:"look, without what schemas mark as personal (x-pii)"`
	Operator Members `yaml:"operator" doc:"act on messages, processes, tasks and pipelines as well, and see what is personal"`
	Admin    Members `yaml:"admin" doc:"change the configuration, give tokens and delete messages of channels as well"`
}

// Members are those who have a role.
type Members struct {
	Users  []string `yaml:"users" doc:"by their names; \"*\" is everybody who can log in"`
	Groups []string `yaml:"groups" doc:"by their groups"`
}

// Of is the highest role that somebody has; 0: none.
func (r *Roles) Of(name string, groups []string) trust.Role {
	for i, m := range []Members{r.Admin, r.Operator, r.Viewer} {
		if slices.Contains(m.Users, "*") || slices.Contains(m.Users, name) || slices.ContainsFunc(groups, func(g string) bool { return slices.Contains(m.Groups, g) }) {
			return trust.Admin - trust.Role(i)
		}
	}
	return 0
}

// None is the address of a console that is not wanted.
const None = "none"

// Check finds the faults of the block, written at n: what others reach needs users, and a certificate here or in front of it.
func (c *Config) Check(n *yamlfile.Node) {
	at := n.Get("address")
	if at == nil {
		at = n
	}
	if c.Address == None {
		return
	}
	host, _, err := net.SplitHostPort(c.Address)
	switch {
	case err != nil:
		at.Errorf("E225", "write 127.0.0.1:9465 for this machine alone, or 0.0.0.0:9465 for whoever reaches it", "%q is no address with a host and a port", c.Address)
	case trust.Local(host):
	case c.Users == nil:
		at.Errorf("E225", "write users: {tokens: true} beside it, and make a token with hub token add; or write 127.0.0.1:9465, and reach it through ssh -L 9465:127.0.0.1:9465",
			"the console has no users, and whoever reaches %q may do all that it can", c.Address)
	case c.TLS.Cert == "" && c.Proxy == nil:
		at.Errorf("E225", "write tls: {cert: FILE, key: FILE} beside it, or proxy: {networks: [ADDRESS]} of the one in front that has the certificate; or write 127.0.0.1:9465",
			"what people show at %q to log in would be read on the way: it has no certificate", c.Address)
	}
	if (c.TLS.Cert == "") != (c.TLS.Key == "") {
		n.Get("tls").Errorf("E225", "write tls: {cert: FILE, key: FILE}", "one of cert and key is missing")
	}
	if p := c.Proxy; p != nil {
		if _, err := trust.Networks(p.Networks); err != nil {
			n.Get("proxy").Errorf("E225", "write networks: [10.0.0.5]", "proxy: %v", err)
		}
		if p.User != "" && c.Users == nil || p.User == "" && p.Groups != "" {
			n.Get("proxy").Errorf("E225", "write user: X-Forwarded-User here, and users: {roles: …} beside proxy:", "whom the proxy names has no role")
		}
	}
	if c.Users != nil {
		c.checkUsers(n.Get("users"))
	}
}

func (c *Config) checkUsers(n *yamlfile.Node) {
	named := c.Users.OIDC != nil || c.Proxy != nil && c.Proxy.User != ""
	given := slices.Concat(c.Users.Roles.Viewer.all(), c.Users.Roles.Operator.all(), c.Users.Roles.Admin.all())
	switch {
	case named && len(given) == 0:
		n.Errorf("E225", "write roles: {viewer: {users: [\"*\"]}, admin: {groups: [NAME]}}", "whoever the provider or the proxy names has no role, and may do nothing")
	case !named && !c.Users.Tokens:
		n.Errorf("E225", "write tokens: true, oidc: {…}, or proxy: {user: HEADER} beside users:", "there is no way to log in")
	}
	if o := c.Users.OIDC; o != nil && o.Issuer != "" {
		if u, err := url.Parse(o.Issuer); err != nil || u.Host == "" || u.Scheme != "https" && !(u.Scheme == "http" && trust.Local(u.Hostname())) {
			n.Get("oidc").Get("issuer").Errorf("E225", "write https://login.example.com", "%q is no address of a provider over HTTPS", o.Issuer)
		}
	}
}

func (m *Members) all() []string { return slices.Concat(m.Users, m.Groups) }
