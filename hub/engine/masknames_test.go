package engine_test

import (
	"strings"
	"testing"

	"orderhub/hub"
	"orderhub/hub/engine"
	"orderhub/hub/mask"
	"orderhub/hub/store"
)

// TestFault_V1_HeadIsMasked: what is kept of an input hides what the schemas mark and what is loaded as a secret, whether it can be read or not.
func TestFault_V1_HeadIsMasked(t *testing.T) {
	masker := &mask.Masker{}
	masker.Hide("hunter2secret", "secret:api")
	masker.Mark([]mask.Path{{Path: []string{"payment", "token"}, Secret: true}, {Path: []string{"user", "email"}}, {Path: []string{"phones", "*"}}})
	b := newBench(t, &engine.Stage{Name: "p", Queue: "q", Run: hub.End})
	b.Masked(masker)
	b.start()
	for name, c := range map[string]struct{ in, want string }{
		"document":         {`{"payment":{"token":"tok_17"},"user":{"email":"a@b.example"},"n":1}`, `{"payment":{"token":"[token]"},"user":{"email":"[email]"},"n":1}`},
		"broken":           {`{"payment":{"token":"tok\"17"},"user":{"email":"a@b.ex`, `{"payment":{"token":[token]},"user":{"email":[email]`},
		"broken, unquoted": {`{payment: {token: tok_17, x: 1`, `{payment: {token: [token], x: 1`},
		"list":             {`{"phones": ["0171", "0172"`, `{"phones": [phones]`},
		"form":             {`payment=x&token=tok_17&y=2`, `payment=x&token=[token]&y=2`},
		"escaped":          {`{"e\u006dail":"a@b.example","t\u006Fken":"tok_17",`, `{"email":[email],"token":[token],`},
		"escaped form":     {`to%6ben=tok_17&em%61il=a%40b.example&y=2`, `token=[token]&email=[email]&y=2`},
		"XML":              {`<o><token a="1">tok_17</token><s:email>a@b.example</s:email><n>1</n></o>`, `<o><token a="1">[token]</token><s:email>[email]</s:email><n>1</n></o>`},
		"XML, CDATA":       {`<token><![CDATA[tok<b>17]]></token><n>1</n>`, `<token>[token]</token><n>1</n>`},
		"XML, elements":    {`<phones><p>0171</p></phones><n>1</n>`, `<phones>[phones]`},
		"multipart, CRLF":  {"name=\"token\"\r\nContent-Type: text/plain\r\n\r\ntok_17\r\n--x--", `name="token"\u000d` + "\n" + `Content-Type: text/plain\u000d` + "\n" + `\u000d` + "\n" + `[token]\u000d` + "\n--x--"},
		"multipart":        {"--x\nContent-Disposition: form-data; name=\"token\"\n\ntok_17\n--x--", "--x\nContent-Disposition: form-data; name=\"token\"\n\n[token]\n--x--"},
		"secret":           {`no document, hunter2secret`, `no document, [secret:api]`},
		"other name":       {`{"tokens": "t", "xtoken": 1`, `{"tokens": "t", "xtoken": 1`},
		"binary":           {"\x00\xff\x1b[2J", `\u0000` + "\uFFFD" + `\u001b[2J`},
		"cut secret":       {strings.Repeat("x", 1020) + "hunter2secret", strings.Repeat("x", 1020) + "[sec"},
	} {
		b.Refuser("web").Refused(hub.Refusal{ID: name, Reason: "r" + name, Text: "said hunter2secret", Head: []byte(c.in)})
		list, _ := b.refusedIn(store.RefusalQuery{ID: name})
		if len(list) != 1 || list[0].Begins != c.want || list[0].Text != "said [secret:api]" {
			t.Errorf("%s: %+v\nwant %s", name, list, c.want)
		}
	}
}
