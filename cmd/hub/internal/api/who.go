package api

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"orderhub/hub/trust"
)

// Who makes a call. The zero Who may do nothing.
type Who struct {
	Name      string     `json:"name"` // stands in the audit log; "": whoever can open the socket or the port, by the name that they give
	Role      trust.Role `json:"role"`
	Pipelines []string   `json:"pipelines,omitempty"` // that alone the calls may be about; none: all of the hub
}

// Everybody is who reaches what is not asked for a name: the control socket, and a console on loopback without users.
var Everybody = Who{Role: trust.Admin}

type whoKey struct{}

// As is ctx of a call that who makes.
func As(ctx context.Context, who Who) context.Context { return context.WithValue(ctx, whoKey{}, who) }

// WhoOf is who makes the call.
func WhoOf(ctx context.Context) Who {
	who, _ := ctx.Value(whoKey{}).(Who)
	return who
}

// telling are the names in a query that ask for what is personal: openly, or by a formula that would find it out one guess after the other.
var telling = []string{"personal", "match", "where"}

// Needs is the role that a call needs with a query.
func (c *Declared) Needs(query url.Values) trust.Role {
	if slices.ContainsFunc(telling, func(name string) bool { return query.Get(name) != "" }) {
		return max(c.Role, trust.Operator)
	}
	return c.Role
}

// Allow tells why who may not make a call on what name stands for in its path, with the query; nil: they may.
func (c *Declared) Allow(who Who, name string, query url.Values) error {
	need := c.Needs(query)
	switch {
	case who.Role == 0:
		return Problemf(http.StatusUnauthorized, "unauthorized", "unauthorized", "who asks is not known: ask an admin of the hub for a token (hub token add NAME --role %s)", max(need, trust.Viewer))
	case need == 0 || who.Role < need:
		return Forbiddenf("this needs the role %s, and %s is %s", max(need, trust.Viewer), who.Name, who.Role)
	case len(who.Pipelines) > 0 && !(strings.HasPrefix(c.Path, "/pipelines/") && slices.Contains(who.Pipelines, name)):
		return Forbiddenf("%s may send to, pause and resume %s, and do nothing else", who.Name, strings.Join(who.Pipelines, ", "))
	}
	return nil
}

// Unknown tells of a name in the query that the call does not take; nil: it takes all.
func (c *Declared) Unknown(query url.Values) error {
	for name := range query {
		taken := func(known string) bool {
			return name == known || strings.HasSuffix(known, ".") && strings.HasPrefix(name, known)
		}
		if !slices.ContainsFunc(Common, taken) && !slices.ContainsFunc(c.Query, taken) {
			return BadQueryf("%s %s takes no %q in its query; it takes %s", c.Method, c.Path, name, strings.Join(slices.Concat(c.Query, Common), ", "))
		}
	}
	return nil
}

// Forbiddenf is the problem of what somebody may not do.
func Forbiddenf(format string, args ...any) error {
	return Problemf(http.StatusForbidden, "forbidden", "forbidden", format, args...)
}
