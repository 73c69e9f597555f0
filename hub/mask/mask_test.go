package mask_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"testing"
	"time"

	"orderhub/hub"
	"orderhub/hub/mask"
)

func TestFault_S2_EveryFormOfASecretIsMasked(t *testing.T) {
	const secret = `sk/live+Aä"<1234567`
	m := &mask.Masker{}
	m.Hide(secret, "secret:billing")
	quoted, _ := json.Marshal(secret)
	for name, text := range map[string]string{
		"plain":      "token " + secret + " refused",
		"other case": "TOKEN " + strings.ToUpper(secret[:9]) + secret[9:],
		"JSON":       `{"echo":` + string(quoted) + `}`,
		"Go quoted":  fmt.Sprintf("%q", secret),
		"ASCII":      fmt.Sprintf("%+q", secret),
		"query":      "https://x/?t=" + url.QueryEscape(secret),
		"path":       "https://x/" + url.PathEscape(secret),
		"userinfo":   (&url.URL{Scheme: "amqp", User: url.UserPassword("hub", secret), Host: "h"}).String(),
		"base64":     base64.StdEncoding.EncodeToString([]byte(secret)),
		"Basic":      "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte("hub:"+secret)),
		"Basic 2":    "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte("shop-7:"+secret)),
		"Basic 3":    "Authorization: Basic " + base64.URLEncoding.EncodeToString([]byte("me:"+secret)),
		"cut off":    "the answer was: " + secret[:12],
		"cut, …":     secret[:12] + "…",
		"cut within": `"` + secret[:15] + `" is no token`,
	} {
		if got := m.Text(text); !strings.Contains(got, "[secret:billing]") || strings.Contains(got, secret[4:12]) {
			t.Errorf("%s: %q", name, got)
		}
	}
	for _, text := range []string{"", "sk", "sk/live", "sk/live+ other text", strings.Repeat("sk/live ", 100)} {
		if got := m.Text(text); got != text {
			t.Errorf("%q became %q", text, got)
		}
	}
}

func TestFault_S2_ShortSecretsLeaveTextsReadable(t *testing.T) {
	m := &mask.Masker{}
	m.Hide("key", "a")
	m.Hide("guest", "b")
	for text, want := range map[string]string{"the key of a monkey": "the key of a monkey", "guests are welcome": "guests are welcome", "amqp://guest:guest@h": "amqp://[b]:[b]@h"} {
		if got := m.Text(text); got != want {
			t.Errorf("%q became %q, not %q", text, got, want)
		}
	}
}

func TestFault_S2_MarkedValues(t *testing.T) {
	m := &mask.Masker{}
	m.Mark([]mask.Path{{Path: []string{"card", "token"}, Secret: true}, {Path: []string{"user", "email"}, Secret: false}, {Path: []string{"user", "address"}, Secret: false}, {Path: []string{"phones", "*"}, Secret: false}})
	const order = `{"id":"W-1","data":{"card":{"token":"tok_9182"},"user":{"email":"ada@example.org","address":{"street":"Low Road 7","zip":90210},"name":"Bo"}},"phones":["+44 20 7946"],"token":"free"}`
	msg := &hub.Message{Body: hub.NewBody([]byte(order))}
	got := m.About((*hub.Message)(nil).Documents()...).About(msg.Documents()...).About((&hub.Message{Body: hub.NewBody([]byte("no JSON"))}).Documents()...).Text("tok_9182 of ADA@example.org, Low Road 7, 90210, +44 20 7946: Bo is free, W-1 is known")
	if want := "[token] of [email], [street], [zip], [phones]: Bo is free, W-1 is known"; got != want {
		t.Error(got)
	}
	if got := m.Text("tok_9182"); got != "tok_9182" {
		t.Error("a value of one message is masked in the texts of others:", got)
	}
	answer := []byte(`{"email":"of the API","body":` + order + `}`)
	if got := string(m.Shown(answer, true, "body")); got != strings.Replace(string(answer), "tok_9182", "[token]", 1) {
		t.Error(got)
	}
	if got := string(m.Shown(answer, false, "body")); got != `{"email":"of the API","body":{"id":"W-1","data":{"card":{"token":"[token]"},`+
		`"user":{"email":"[email]","address":{"street":"[street]","zip":"[zip]"},"name":"Bo"}},"phones":["[phones]"],"token":"free"}}` {
		t.Error(got)
	}
}

// TestFault_S2_EchoesOfMarkedValues: what a document has under a marked name is masked where another one in the same object, or a text there, says it again; what stands
// outside of the documents, such as times, stays readable; who may see what is personal sees it everywhere.
func TestFault_S2_EchoesOfMarkedValues(t *testing.T) {
	m := &mask.Masker{}
	m.Mark([]mask.Path{{Path: []string{"customer", "email"}}, {Path: []string{"customer", "born"}}, {Path: []string{"token"}, Secret: true}})
	answer := []byte(`{"time":"1990-01-02T00:00:00Z","steps":[{"request":{"body":{"customer":{"email":"ann@example.com","born":"1990"},"token":"tok_4711"}},` +
		`"body":"no such address: \"ann@example.com\", tok_4711","headers":{"message":"ANN@example.com of 1990 is unknown","total":1990}},{"body":{"note":"1990"}}]}`)
	for personal, want := range map[bool]string{
		false: `{"time":"1990-01-02T00:00:00Z","steps":[{"request":{"body":{"customer":{"email":"[email]","born":"[born]"},"token":"[token]"}},` +
			`"body":"no such address: \"[email]\", [token]","headers":{"message":"[email] of [born] is unknown","total":1990}},{"body":{"note":"1990"}}]}`,
		true: strings.ReplaceAll(string(answer), "tok_4711", "[token]")} {
		if got := string(m.Shown(answer, personal, "body", "headers")); got != want {
			t.Errorf("personal %v:\n%s\nexpected\n%s", personal, got, want)
		}
	}
}

func TestFault_S2_ErrorKeepsItsKind(t *testing.T) {
	m := &mask.Masker{}
	m.Hide("secret-value", "x")
	e := (&hub.Error{Class: hub.Rejected, Fields: []hub.FieldError{{Pointer: "/a", Detail: "secret-value is wrong"}}, Err: fmt.Errorf("secret-value: %w", hub.ErrFull)}).Masked(m)
	if e.Error() != "[x]: queue is full" || e.Fields[0].Detail != "[x] is wrong" || !errors.Is(e, hub.ErrFull) {
		t.Error(e, e.Fields)
	}
	var none *mask.Masker
	if e.Masked(none) != e || none.Text("a") != "a" || none.About((&hub.Message{}).Documents()...).Text("a") != "a" {
		t.Error("a nil Masker changes something")
	}
}

func TestFault_S2_Logs(t *testing.T) {
	m := &mask.Masker{}
	m.Hide("secret-value", "x")
	var out bytes.Buffer
	log := slog.New(m.LogHandler(slog.NewTextHandler(&out, nil))).With("a", "secret-value").WithGroup("g")
	log.Error("secret-value", "err", errors.New("secret-value"), "in", time.Second, slog.Group("h", "b", []byte("secret-value"), "c", struct{ S string }{"secret-value"}))
	if got := out.String(); strings.Contains(got, "secret-value") || strings.Count(got, "[x]") != 4 || !strings.Contains(got, "g.in=1s") {
		t.Error(got)
	}
}

func TestFault_S5_URLs(t *testing.T) {
	for text, want := range map[string]string{
		"postgres://hub:p%40ss@db:5432/hub?sslmode=require":   "postgres://hub:***@db:5432/hub?sslmode=require",
		"postgres://hub:p@ss/w#rd@db/hub":                     "postgres://hub:***@db/hub",
		"postgres://db/hub?user=hub&password=top&sslmode=off": "postgres://db/hub?user=hub&password=***&sslmode=off",
		"host=db user=hub password='to p' sslpassword=x":      "host=db user=hub password=*** sslpassword=***",
		"amqps://me:it@h/v":                                   "amqps://me:***@h/v",
		"http://h:80/a@b":                                     "http://h:80/a@b",
		"sqlite:hub.db":                                       "sqlite:hub.db",
		"":                                                    "",
	} {
		if got := mask.URL(text); got != want {
			t.Errorf("%s became %s, not %s", text, got, want)
		}
	}
}

func BenchmarkMask(b *testing.B) {
	m := &mask.Masker{}
	for i := range 30 {
		m.Hide(fmt.Sprintf("%x-secret-%d", i*7919, i), "x")
	}
	text := "billing.charge → 200, chose when body.total > 100, sent to orders.paid"
	for b.Loop() {
		m.Text(text)
	}
}

// What a partner says holds documents of its own: what stands behind the names that schemas mark is masked, however
// often the error is. The rest of its text stays for those who must act.
func TestFault_S2_WhatPartnersSay(t *testing.T) {
	m := &mask.Masker{}
	m.Hide("bearer-token-0815", "secret:billing")
	m.Mark([]mask.Path{{Path: []string{"holder"}}, {Path: []string{"pan"}, Secret: true}})
	for said, want := range map[string]string{
		`{"holder":"Ada Lovelace","code":7,"pan":"4111"}`:        `{"holder":[holder],"code":7,"pan":[pan]}`,
		`{"pan":41111111,"holder":null,"why":"no"}`:              `{"pan":[pan],"holder":[holder],"why":"no"}`,
		`holder=Ada&pan=4111&why=no`:                             `holder=[holder]&pan=[pan]&why=no`,
		`{"why":"no","card":{"pan":["4111","4222"]},"holder":"A`: `{"why":"no","card":{"pan":[pan]`,
		`{"pan":"bearer-token-0815","why":"no"}`:                 `{"pan":[pan],"why":"no"}`,
		`no holder of that name`:                                 `no holder of that name`,
	} {
		e := hub.Fail(hub.Rejected, "http_400", "answered 400: %w", hub.Said(said)).Masked(m)
		for range 3 {
			if got := e.Error(); got != "answered 400: "+want {
				t.Errorf("%s\n got  %s\n want answered 400: %s", said, got, want)
			}
			if got, _ := errors.AsType[hub.Said](e); string(got) != want {
				t.Errorf("%s: said %s", said, got)
			}
			if got := e.Logged(); got != "answered 400: …" {
				t.Errorf("%s: the log says %s", said, got)
			}
			e = e.Masked(m)
		}
	}
}
