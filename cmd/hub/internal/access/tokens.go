package access

import (
	"cmp"
	"context"
	"regexp"
	"slices"
	"time"

	"orderhub/cmd/hub/internal/api"
	"orderhub/hub"
	"orderhub/hub/units"
)

// tokenTime is how long a token is good of which nobody says it.
const tokenTime = 90 * 24 * time.Hour

// tokenName is what a token may be called: it stands in the audit log.
var tokenName = regexp.MustCompile(`^[\w.@+-]{1,100}$`)

// NewToken makes the token that somebody asks for, with the write that keeps it. Its text is in the answer, and nowhere else.
func NewToken(ctx context.Context, st hub.Records, q *api.TokenRequest, by string, now time.Time) (*api.Token, hub.Write, error) {
	good, err := tokenTime, error(nil)
	if q.Expires != "" {
		good, err = units.ParseDuration(q.Expires)
	}
	switch {
	case !tokenName.MatchString(q.Name):
		return nil, hub.Write{}, api.BadRequestf("a token is called by 1 to 100 letters, digits and ._@+-, such as ci-deploy, not %q", q.Name)
	case q.Role == 0:
		return nil, hub.Write{}, api.BadRequestf("role is needed: viewer, operator or admin")
	case err != nil || good < 0:
		return nil, hub.Write{}, api.BadRequestf("expires is no time span: %q; write 12h or 30d, or 0 for ever", q.Expires)
	}
	list, _, err := credentials(ctx, st)
	if err != nil {
		return nil, hub.Write{}, err
	}
	if slices.ContainsFunc(list, func(c *credential) bool { return c.Name == q.Name && !c.Session }) {
		return nil, hub.Write{}, api.Conflictf("name_taken", "there is a token %s already: hub token revoke %s, or take another name", q.Name, q.Name)
	}
	c := &credential{Name: q.Name, Role: q.Role, Pipelines: q.Pipelines, By: by, Made: now}
	if good > 0 {
		c.Expires = now.Add(good)
	}
	secret, write := c.write()
	t := c.told()
	t.Secret = secret
	return t, write, nil
}

// told is c as it is listed.
func (c *credential) told() *api.Token {
	return &api.Token{Name: c.Name, Session: c.Session, Role: c.Role, Groups: c.Groups, Pipelines: c.Pipelines, By: c.By, Made: c.Made, Expires: c.Expires}
}

// Tokens are the tokens and the sessions that are good now, by their names.
func Tokens(ctx context.Context, st hub.Records) ([]*api.Token, error) {
	list, _, err := credentials(ctx, st)
	out := []*api.Token{}
	for _, c := range list {
		out = append(out, c.told())
	}
	slices.SortFunc(out, func(x, y *api.Token) int { return cmp.Or(cmp.Compare(x.Name, y.Name), x.Made.Compare(y.Made)) })
	return out, err
}

// Revoke tells what ends with a name, with the writes that end it: its token, and all its sessions.
func Revoke(ctx context.Context, st hub.Records, name string) (*api.Revoked, []hub.Write, error) {
	list, revokes, err := credentials(ctx, st)
	out, own := &api.Revoked{Name: name}, []hub.Write(nil)
	for i, c := range list {
		if c.Name != name {
			continue
		}
		own = append(own, revokes[i])
		if c.Session {
			out.Sessions++
		} else {
			out.Tokens++
		}
	}
	if err == nil && len(own) == 0 {
		err = api.NotFoundf("no token and no session is called %s: hub token list", name)
	}
	return out, own, err
}
