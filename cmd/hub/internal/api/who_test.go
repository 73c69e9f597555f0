package api

import (
	"net/url"
	"slices"
	"testing"

	"orderhub/hub/trust"
)

// TestAllow: a call is for those who have its role; what finds out personal values is for operators; a token for pipelines is for them alone, and
// whom nobody knows may do nothing, nor anybody what declares no role.
func TestAllow(t *testing.T) {
	viewer, operator, admin := Who{"v", trust.Viewer, nil}, Who{"o", trust.Operator, nil}, Who{"a", trust.Admin, nil}
	robot := Who{"r", trust.Operator, []string{"intake"}}
	for _, test := range []struct {
		name  string
		call  Declared
		on    string
		query url.Values
		who   []Who // who may; all others may not
	}{
		{"look", GetStatus.Declared, "", nil, []Who{viewer, operator, admin}},
		{"look at what is personal", GetStatus.Declared, "", url.Values{"personal": {"true"}}, []Who{operator, admin}},
		{"guess what is personal", GetMessages.Declared, "orders", url.Values{"match": {"body.mail < 'm'"}}, []Who{operator, admin}},
		{"no guess", GetMessages.Declared, "orders", url.Values{"match": {""}}, []Who{viewer, operator, admin}},
		{"act", PostReplay.Declared, "", nil, []Who{operator, admin}},
		{"change what runs", PostReload.Declared, "", nil, []Who{admin}},
		{"send", PostMessage.Declared, "intake", nil, []Who{operator, admin, robot}},
		{"send elsewhere", PostMessage.Declared, "other", nil, []Who{operator, admin}},
		{"no role declared", Declared{Path: "/x"}, "", nil, nil},
	} {
		for _, who := range []Who{{}, viewer, operator, admin, robot} {
			may := slices.ContainsFunc(test.who, func(w Who) bool { return w.Name == who.Name })
			if err := test.call.Allow(who, test.on, test.query); (err == nil) != may {
				t.Errorf("%s, by %q: %v", test.name, who.Name, err)
			}
		}
	}
}
