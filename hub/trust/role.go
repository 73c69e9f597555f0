package trust

import (
	"fmt"
	"strings"

	"orderhub/hub/escape"
)

// Role is what a person or a program may do with a hub. Whoever has a higher one may do all that the lower ones may. The zero Role may do nothing.
type Role int

// The roles.
const (
	Viewer   Role = 1 + iota // looks, without what schemas mark as personal
	Operator                 // acts on messages, processes, tasks and pipelines, and sees what is personal
	Admin                    // changes the configuration, who may do what, and deletes channels' messages
)

var roles = []string{"none", "viewer", "operator", "admin"}

func (r Role) String() string { return roles[r] }

// MarshalText gives the role's word.
func (r Role) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText reads viewer, operator or admin.
func (r *Role) UnmarshalText(text []byte) error {
	for i, word := range roles {
		if i > 0 && word == string(text) {
			*r = Role(i)
			return nil
		}
	}
	return fmt.Errorf("%q is no role: write %s", escape.Visible(string(text)), strings.Join(roles[1:], ", "))
}
