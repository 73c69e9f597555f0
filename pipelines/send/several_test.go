package send_test

import (
	"slices"
	"testing"

	"orderhub/hub"
	"orderhub/pipelines/patterntest"
)

// Where one address is meant there is one: what a formula gives as a text is one entry, several are a list, and no message brings its own.
func TestFault_M6_OneRecipient(t *testing.T) {
	for name, c := range map[string]struct {
		step, body string
		to         string // "": refused
	}{
		"one":                      {`{send: {out: x, to: =body.email}}`, `{"email":"a@x.example"}`, "a@x.example"},
		"a hundred in one text":    {`{send: {out: x, to: =body.email}}`, `{"email":"a@x.example,b@x.example"}`, ""},
		"with a semicolon":         {`{send: {out: x, to: =body.email}}`, `{"email":"a@x.example;b@x.example"}`, ""},
		"with a line end":          {`{send: {out: x, to: =body.email}}`, `{"email":"a@x.example\nb@x.example"}`, ""},
		"made of two":              {`{send: {out: x, to: '=body.name + " <" + body.email + ">"'}}`, `{"name":"Eve, b@x.example","email":"a@x.example"}`, ""},
		"a list":                   {`{send: {out: x, to: =body.emails}}`, `{"emails":["a@x.example","b@x.example"]}`, "a@x.example,b@x.example"},
		"a list with two in one":   {`{send: {out: x, to: =body.emails}}`, `{"emails":["a@x.example,c@x.example","b@x.example"]}`, ""},
		"a list of formulas":       {`{send: {out: x, to: [=body.email, desk@x.example]}}`, `{"email":"a@x.example"}`, "a@x.example,desk@x.example"},
		"written by the author":    {`{send: {out: x, to: "a@x.example, b@x.example"}}`, `{}`, "a@x.example, b@x.example"},
		"brought by the message":   {`{send: {out: x}}`, `{}`, "none"},
		"a header of the step":     {"{send: {out: x}, headers: {to: =body.email}}", `{"email":"a@x.example"}`, "a@x.example"},
		"several in such a header": {"{send: {out: x}, headers: {to: =body.email}}", `{"email":"a@x.example,b@x.example"}`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			h := patterntest.Start(t, config("- "+c.step))
			m := h.Message("", c.body)
			m.Headers = hub.Headers{"to": "stranger@x.example"}
			_, err := h.In("p", m)
			if c.to == "" {
				if e := hub.AsError(err); err == nil || e.Class != hub.Invalid || e.Reason != "several_in_one" {
					t.Fatalf("%v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			h.Settle()
			var to []string
			for _, s := range h.Sent("out x") {
				to = append(to, s.Headers.Get("to"))
			}
			if want := []string{c.to}; c.to != "none" && !slices.Equal(to, want) || c.to == "none" && !slices.Equal(to, []string{""}) {
				t.Errorf("to %q, want %q", to, c.to)
			}
		})
	}
}
