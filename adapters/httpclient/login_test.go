package httpclient

import (
	"fmt"
	"net/http"
	"testing"

	"orderhub/hub"
)

// TestFault_B5_HTTPLogins: a service that does not take our login says nothing of the message: it waits, costs no attempt, and the
// adapter is marked. What is forbidden to a good login is the message's own fault.
func TestFault_B5_HTTPLogins(t *testing.T) {
	bearer := func(c *Config) { c.Bearer = "a-token-of-the-hub" }
	basic := func(c *Config) { c.Basic = Basic{User: "hub", Password: "a-password"} }
	header := func(c *Config) { c.Headers = map[string]string{"Authorization": "Key 0123456789"} }
	for _, c := range []struct {
		name   string
		status int
		hub    string // the error class that another hub says
		with   func(*Config)
		class  hub.Class
		reason string
	}{
		{"no login", 401, "", func(*Config) {}, hub.Unavailable, hub.AuthRequired},
		{"an old token", 401, "", bearer, hub.Unavailable, hub.AuthFailed},
		{"another password", 401, "", basic, hub.Unavailable, hub.AuthFailed},
		{"another key", 401, "", header, hub.Unavailable, hub.AuthFailed},
		{"an old token at another hub", 401, "rejected", bearer, hub.Unavailable, hub.AuthFailed},
		{"the proxy's", 407, "", func(*Config) {}, hub.Unavailable, hub.AuthFailed},
		{"forbidden", 403, "", bearer, hub.Rejected, "http_403"},
	} {
		t.Run(c.name, func(t *testing.T) {
			answer := func(w http.ResponseWriter, _ *http.Request) {
				if c.hub != "" {
					w.Header().Set("Error-Class", c.hub)
					w.Header().Set("Content-Type", hub.TypeProblem)
				}
				w.WriteHeader(c.status)
				fmt.Fprint(w, `{"title":"no","code":"token_wrong"}`)
			}
			_, err := ask(t, answer, "POST /x", message(`{}`), c.with)
			if err == nil || err.Class != c.class || err.Reason != c.reason || err.Untried() != (c.class == hub.Unavailable) {
				t.Fatalf("%+v, want %s %s", err, c.class, c.reason)
			}
		})
	}
}
