package hub_test

import (
	"strings"
	"testing"

	"orderhub/hub"
)

// TestFault_V1_HeadIsMasked: what is kept of an input hides what the schemas mark and what is loaded as a secret, whether it can be read or not.
func TestFault_V1_HeadIsMasked(t *testing.T) {
	mask := &hub.Masker{}
	mask.Hide("hunter2secret", "secret:api")
	mask.Mark([]hub.MarkedPath{{Path: []string{"payment", "token"}, Secret: true}, {Path: []string{"user", "email"}}, {Path: []string{"phones", "*"}}})
	b := newBench(t, &hub.Stage{Name: "p", Queue: "q", Run: hub.End})
	b.Masked(mask)
	b.start()
	for name, c := range map[string]struct{ in, want string }{
		"document":         {`{"payment":{"token":"tok_17"},"user":{"email":"a@b.example"},"n":1}`, `{"payment":{"token":"[token]"},"user":{"email":"[email]"},"n":1}`},
		"broken":           {`{"payment":{"token":"tok\"17"},"user":{"email":"a@b.ex`, `{"payment":{"token":[token]},"user":{"email":[email]`},
		"broken, unquoted": {`{payment: {token: tok_17, x: 1`, `{payment: {token: [token], x: 1`},
		"list":             {`{"phones": ["0171", "0172"`, `{"phones": [phones]`},
		"form":             {`payment=x&token=tok_17&y=2`, `payment=x&token=[token]&y=2`},
		"secret":           {`no document, hunter2secret`, `no document, [secret:api]`},
		"other name":       {`{"tokens": "t", "xtoken": 1`, `{"tokens": "t", "xtoken": 1`},
		"binary":           {"\x00\xff\x1b[2J", `\u0000` + "\uFFFD" + `\u001b[2J`},
		"cut secret":       {strings.Repeat("x", 1020) + "hunter2secret", strings.Repeat("x", 1020) + "[sec"},
	} {
		b.Refuser("web").Refused(hub.Refusal{ID: name, Reason: "r" + name, Text: "said hunter2secret", Head: []byte(c.in)})
		list, _ := b.refusedIn(hub.RefusalQuery{ID: name})
		if len(list) != 1 || list[0].Begins != c.want || list[0].Text != "said [secret:api]" {
			t.Errorf("%s: %+v\nwant %s", name, list, c.want)
		}
	}
}
