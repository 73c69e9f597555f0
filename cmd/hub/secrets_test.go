package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"orderhub/cmd/hub/internal/config"
)

// A secret that is written down and empty, or a key that is short, stops the start, whatever it is for.
func TestFault_S1_EmptySecrets(t *testing.T) {
	t.Setenv("EMPTY", "")
	const http, server = "out: {type: http-client, url: http://127.0.0.1:1, ", "web: {type: http-server, listen: 127.0.0.1:0, "
	for _, c := range []struct{ adapter, from, value string }{
		{http + "bearer: VALUE, ops: {a: POST /a}}", "", `""`},
		{http + "bearer: VALUE, ops: {a: POST /a}}", "", `"${EMPTY}"`},
		{http + "bearer: VALUE, ops: {a: POST /a}}", "", `"${NONE:-}"`},
		{http + "bearer: VALUE, ops: {a: POST /a}}", "", `"  "`},
		{http + "bearer: VALUE, ops: {a: POST /a}}", "", ``},
		{http + "basic: {user: hub, password: VALUE}, ops: {a: POST /a}}", "", `"${EMPTY}"`},
		{server + "link_key: VALUE}", "", `""`},
		{server + "link_key: VALUE}", "", `[]`},
		{server + "link_key: VALUE}", "", `["the real key of this hub", "${OLD:-}"]`},
		{server + "link_key: VALUE}", "", `["the real key of this hub", short]`},
		{server + "link_key: VALUE}", "", `["the real key of this hub", null]`},
		{server[:len(server)-2] + "}", "{web: POST /x, verify: {hmac: VALUE}}", `"${EMPTY}"`},
		{server[:len(server)-2] + "}", "{web: POST /x, verify: {hmac: VALUE}}", `[]`},
		{server[:len(server)-2] + "}", "{web: POST /x, verify: {hmac: VALUE}}", `["the real key of the sender", "k"]`},
		{server[:len(server)-2] + "}", "{web: POST /x, verify: {token: VALUE}}", `"${EMPTY}"`},
		{"k: {type: kafka, brokers: 127.0.0.1:1, sasl: {mechanism: plain, user: hub, password: VALUE}}", "{k: topic x}", `"${NONE:-}"`},
		{"q: {type: amqp, url: VALUE}", "{q: queue x}", `"amqp://hub:${NONE:-}@127.0.0.1"`},
		{"q: {type: stomp, url: VALUE}", "{q: /queue/x}", `"stomp://hub:${NONE:-}@127.0.0.1"`},
		{"db: {type: sql, url: VALUE}", "", `"postgres://hub:${NONE:-}@127.0.0.1/shop"`},
		{"m: {type: smtp, url: VALUE, from: a@x.example}", "", `"smtp://hub:${NONE:-}@127.0.0.1"`},
	} {
		from := c.from
		if from == "" {
			from = "a"
		}
		text := "adapters:\n  " + strings.Replace(c.adapter, "VALUE", c.value, 1) + "\nchannels: {a: {type: direct}, b: {type: direct}}\npipelines:\n  p: {from: " +
			strings.Replace(from, "VALUE", c.value, 1) + ", steps: [{send: b}]}\n"
		file := filepath.Join(t.TempDir(), "pipelines.yaml")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		l := config.Load(file, registry(nil), &config.Stubs{Off: true})
		if l.OK() {
			t.Errorf("valid:\n%s", text)
		}
		for _, p := range l.Problems.All() {
			if strings.Contains(p.Message, "the real key") {
				t.Errorf("the message tells the key: %s", p.Message)
			}
		}
	}
}
