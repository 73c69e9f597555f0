package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// described is a partner's OpenAPI file: an operation that needs a header, one that takes a form, and one that wants a login.
const described = `openapi: 3.0.3
paths:
  /charges:
    post:
      operationId: charge
      parameters: [{in: header, name: X-Merchant, required: true, schema: {type: string}}, {in: header, name: X-Note, schema: {type: string}}]
      requestBody: {content: {application/json: {schema: {type: object}}}}
      responses: {200: {content: {application/json: {schema: {type: object, required: [result], properties: {result: {type: string, enum: [approved, declined]}}}}}}}
  /token:
    post:
      operationId: token
      requestBody: {content: {application/x-www-form-urlencoded: {schema: {type: object}}}}
      responses: {200: {description: a token}}
  /secured:
    get: {operationId: secured, security: [{key: []}], responses: {200: {description: it}}}
components: {securitySchemes: {key: {type: apiKey, in: header, name: X-Key}}}
`

// What a step says and nobody gets is an error of the file, at its place, with what to write.
func TestFault_H1_NothingIsIgnored(t *testing.T) {
	for name, c := range map[string]struct{ adapter, step, want, help string }{
		"a header of the connection":       {"", "{call: p.x, headers: {Host: other.example}}", "E236]: the header Host would not be sent", "the connection sees to it"},
		"a length":                         {"", "{call: p.x, headers: {content-length: 7}}", "E236]: the header content-length", "the connection sees to it"},
		"of several that are asked":        {"", "{scatter_gather: {to: [p.x, p.y]}, headers: {transfer-encoding: chunked}}", "E236]: the header transfer-encoding", "the connection sees to it"},
		"of a shadow":                      {"", "{call: p.x, shadow: {call: p.y, headers: {hub-x: 1}}}", "E236]: the header hub-x", "stay in the hub"},
		"of a mail":                        {"", "{send: {mail: hello, to: a@b.example}, headers: {x-priority: 1}}", "E236]: the header x-priority", "beside the template"},
		"of a file":                        {"", `{send: {out: "a-{id}.json"}, headers: {region: eu}}`, "E236]: the header region", "as {region}"},
		"of a statement":                   {"", "{call: db.add, headers: {tenant: eu}}", "E236]: the header tenant", "a value of the statement"},
		"of a row":                         {"", "{send: {db: insert orders}, headers: {tenant: eu}}", "E236]: the header tenant", "a value of the statement"},
		"of RabbitMQ's own":                {"", "{send: {rabbit: queue a}, headers: {x-death: 1}}", "E236]: the header x-death", "another name"},
		"of Kafka's own":                   {"", "{send: {kafka: topic a}, headers: {kafka.offset: 1}}", "E236]: the header kafka.offset", "another name"},
		"a login that a description needs": {"openapi: billing.yaml, ", "{call: p.secured}", "E218]: secured needs key, as billing.yaml says", "api_key"},

		"a token of a call":            {"", "{call: p.x, headers: {authorization: Bearer t, X-Api-Key: =body.key, accept: text/csv, x-correlation-id: =body.id}}", "", ""},
		"a form's label":               {"", "{call: p.x, headers: {content-type: application/x-www-form-urlencoded}}", "", ""},
		"a form of a description":      {"openapi: billing.yaml, ", "{call: p.token}", "", ""},
		"a login of the step":          {"openapi: billing.yaml, ", "{call: p.secured, headers: {x-key: =body.key}}", "", ""},
		"a login of the adapter":       {"openapi: billing.yaml, api_key: {name: X-Key, value: key-0123}, ", "{call: p.secured}", "", ""},
		"a key and a trace of our own": {"", "{call: p.x, headers: {idempotency-key: =body.id, traceparent: a, content-type: application/vnd.a+json}}", "", ""},
		"a header in the adapter":      {"openapi: billing.yaml, headers: {X-MERCHANT: m1}, ", "{call: p.charge}", "", ""},
		"options of a mail":            {"", "{send: {mail: hello, to: a@b.example, subject: hi}}", "", ""},
		"a part of a file's name":      {"", `{send: {out: "a-{region}-{id}.json"}, headers: {region: eu}}`, "", ""},
		"headers of a broker":          {"", "{send: {rabbit: queue a}, headers: {tenant: eu, amqp.priority: 3}}", "", ""},
		"headers of a record":          {"", "{send: {kafka: topic a}, headers: {tenant: eu, key: k, kafka.header.id: x}}", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, `
adapters:
  web: {type: http-server}
  p: {type: http-client, url: "http://p.example", `+c.adapter+`ops: {x: POST /x, y: POST /y}}
  mail: {type: smtp, url: "smtp://mail.example", from: a@b.example, templates: t}
  out: {type: files, dir: out}
  db: {type: sql, url: "postgres://db.example/x", ops: {add: {exec: "insert into a values (:id)"}}}
  rabbit: {type: amqp, url: "amqp://rabbit.example"}
  kafka: {type: kafka, brokers: "kafka.example:9092"}
pipelines:
  it: {from: {web: POST /it}, steps: [`+c.step+`, {reply: 202}]}
`)
			if err := os.WriteFile(filepath.Join(s.dir, "billing.yaml"), []byte(described), 0o600); err != nil {
				t.Fatal(err)
			}
			var out bytes.Buffer
			code := run(t.Context(), []string{"validate", s.config}, nil, &out, &out)
			text := out.String()
			if c.want == "" && strings.Contains(text, "error[") || c.want != "" && (code == 0 || strings.Count(text, "error[") != 1 || !strings.Contains(text, c.want) || !strings.Contains(text, c.help)) {
				t.Errorf("exit %d\n%s", code, text)
			}
		})
	}
}

// The answers that a partner's description names have their types in formulas.
func TestFault_M1_DescribedAnswers(t *testing.T) {
	s := newSite(t, `
adapters:
  web: {type: http-server}
  p: {type: http-client, url: "http://p.example", openapi: billing.yaml, headers: {x-merchant: m}}
pipelines:
  it: {from: {web: POST /it}, steps: [{call: p.charge, as: charge}, {reply: {body: =charge.resutl}}]}
`)
	if err := os.WriteFile(filepath.Join(s.dir, "billing.yaml"), []byte(described), 0o600); err != nil {
		t.Fatal(err)
	}
	has(t, s.hub(1, "validate", s.config), "charge has no field resutl", `did you mean "result"?`)
}
