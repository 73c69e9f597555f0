package show

import (
	"cmp"
	"strings"
	"time"

	"orderhub/cmd/hub/internal/api"
	"orderhub/cmd/hub/internal/screen"
	"orderhub/cmd/hub/internal/words"
)

// Token prints a token that was made now.
func Token(s *screen.Screen, t *api.Token) {
	s.Print("%s", t.Secret)
	s.Say("%s is %s, %s; the token is not shown again", t.Name, t.Role, ends(t))
}

// Tokens prints tokens and sessions, one line each.
func Tokens(s *screen.Screen, list []*api.Token) {
	if len(list) == 0 {
		s.Say("there is no token: hub token add NAME --role viewer")
		return
	}
	screen.List(s, []string{"NAME", "KIND", "ROLE", "PIPELINES", "GROUPS", "MADE", "BY", "ENDS"}, list, func(t *api.Token) screen.Row {
		kind, role := "token", t.Role.String()
		if t.Session {
			kind, role = "session", ""
		}
		return screen.Row{words.OneLine(t.Name, 60), kind, role, words.OneLine(strings.Join(t.Pipelines, ","), 60), words.OneLine(strings.Join(t.Groups, ","), 60),
			t.Made.Local().Format(time.DateTime), words.OneLine(cmp.Or(t.By, "itself"), 40), ends(t)}
	})
}

func ends(t *api.Token) string {
	if t.Expires.IsZero() {
		return "for ever"
	}
	return "until " + t.Expires.Local().Format(time.DateTime)
}

// Revoked prints what was ended.
func Revoked(s *screen.Screen, r *api.Revoked) {
	s.Print("%s: %s and %s ended", r.Name, words.Plural(r.Tokens, "token"), words.Plural(r.Sessions, "session"))
}
