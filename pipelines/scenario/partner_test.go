package scenario

import (
	"os"
	"path/filepath"
	"testing"

	"orderhub/hub/doc"
)

// A partner answers with the examples of its file, else with what its schemas allow.
func TestPartner(t *testing.T) {
	path := filepath.Join(t.TempDir(), "api.yaml")
	if err := os.WriteFile(path, []byte(api), 0o600); err != nil {
		t.Fatal(err)
	}
	p, err := readPartner(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ op, request, reply, wrong string }{
		{"example", `{}`, `{"id":"e-1"}`, ""},
		{"examples", `{}`, `{"id":"a"}`, ""},
		{"made", `{"order":"W-1"}`, `{"at":"2026-01-01T00:00:00Z","boxes":[{"kilos":2.5,"kind":"small"}],"id":"p-7","ok":true,"who":{"mail":"someone@example.com","name":"text"}}`, ""},
		{"made", `{"orders":"W-1"}`, "", "order"},
		{"empty", `{}`, `null`, ""},
		{"other", `{}`, "", "the file has no operation other"},
	} {
		request, err := doc.Parse([]byte(c.request))
		if err != nil {
			t.Fatal(err)
		}
		reply, wrong := p.answer(c.op, request)
		switch {
		case (wrong == "") != (c.wrong == ""):
			t.Errorf("%s %s: wrong is %q, not %q", c.op, c.request, wrong, c.wrong)
		case wrong == "" && string(reply.body.JSON()) != c.reply:
			t.Errorf("%s answers %s\nnot %s", c.op, reply.body.JSON(), c.reply)
		}
	}
	for _, bad := range []string{"paths: {}", "paths: [", "paths: {/a: {get: {operationId: a, requestBody: {content: {application/json: {schema: {type: 7}}}}}}}"} {
		if err := os.WriteFile(path, []byte(bad), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := readPartner(path); err == nil {
			t.Errorf("%s was read", bad)
		}
	}
}

const api = `
openapi: 3.1.0
paths:
  /e:
    get: {operationId: example, responses: {200: {content: {application/json: {example: {id: e-1}, schema: {type: string}}}}}}
    put: {operationId: examples, responses: {200: {content: {application/json: {examples: {b: {value: {id: b}}, a: {value: {id: a}}}}}}}}
    delete: {operationId: empty, responses: {204: {description: gone}, default: {description: else}}}
  /m:
    post:
      operationId: made
      requestBody: {$ref: "#/components/requestBodies/Order"}
      responses:
        "201": {$ref: "#/components/responses/Made"}
        "422": {description: refused}
components:
  requestBodies:
    Order: {content: {application/json: {schema: {type: object, required: [order]}}}}
  responses:
    Made: {content: {application/problem+json: {schema: {$ref: "#/components/schemas/Made"}}}}
  schemas:
    Made:
      allOf:
        - {type: object, properties: {id: {type: string, example: p-7}, ok: {type: boolean}}}
        - type: object
          properties:
            at: {type: string, format: date-time}
            who: {type: object, properties: {name: {type: string}, mail: {type: [string, "null"], format: email}}}
            boxes: {type: array, items: {oneOf: [{type: object, properties: {kind: {enum: [small, large]}, kilos: {type: number, minimum: 2.5}}}]}}
`
