package api

import (
	"time"

	"orderhub/hub/trust"
)

// The calls about who may do what.
var (
	GetTokens  = looks[[]*Token]("/tokens", trust.Admin)
	PostToken  = acts[*Token]("/tokens", "add token", trust.Admin, TokenRequest{})
	PostRevoke = acts[*Revoked]("/tokens/{name}/revoke", "revoke token", trust.Admin, nil)
)

// TokenRequest asks for a token.
type TokenRequest struct {
	Name      string     `json:"name"` // stands in the audit log
	Role      trust.Role `json:"role"`
	Expires   string     `json:"expires,omitempty"`   // in this time, such as 30d; 0: never; left out: 90d
	Pipelines []string   `json:"pipelines,omitempty"` // it is good for sending to, pausing and resuming these alone
}

// Token is a token, or the session of a browser.
type Token struct {
	Name      string     `json:"name"`
	Session   bool       `json:"session,omitempty"`
	Role      trust.Role `json:"role,omitempty"`   // of a session: what the configuration, or its token, says
	Groups    []string   `json:"groups,omitempty"` // of a session: as the provider named them
	Pipelines []string   `json:"pipelines,omitempty"`
	By        string     `json:"by,omitempty"` // who gave it
	Made      time.Time  `json:"made"`
	Expires   time.Time  `json:"expires,omitzero"` // zero: never
	Secret    string     `json:"token,omitempty"`  // what is shown to be known; in the answer to add token alone
}

// Revoked is what was ended.
type Revoked struct {
	Name     string `json:"name"`
	Tokens   int    `json:"tokens"`
	Sessions int    `json:"sessions"`
}
