package httpclient

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"orderhub/hub"
)

// The answers that an OpenAPI file describes are the schemas that they are held to.
func TestSpecReplies(t *testing.T) {
	dir := t.TempDir()
	const file = `openapi: 3.0.3
paths:
  /charges:
    post:
      operationId: charge
      requestBody: {content: {application/json: {schema: {type: object}}}}
      responses:
        200: {content: {application/json; charset=utf-8: {schema: {$ref: '#/components/schemas/Charge'}}}}
        202: {description: nothing is said of its body}
        402: {content: {application/problem+json: {schema: {type: object}}}}
components:
  schemas:
    Charge:
      type: object
      required: [result]
      properties:
        result: {type: string, enum: [approved], example: approved}
        amount: {type: number, minimum: 0, exclusiveMinimum: true}
        note: {type: string, nullable: true}
        example: {type: string}
`
	if err := os.WriteFile(filepath.Join(dir, "billing.yaml"), []byte(file), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg := defaultConfig()
	cfg.URL, cfg.OpenAPI = "http://billing", "billing.yaml"
	if faults := cfg.check(&hub.Env{Dir: dir}); len(faults) > 0 {
		t.Fatal(faults)
	}
	const want = `{"allOf":[{"$ref":"#/components/schemas/Charge"}],"components":{"schemas":{"Charge":{"properties":{"amount":{"exclusiveMinimum":0,"type":"number"},` +
		`"example":{"type":"string"},"note":{"anyOf":[{"type":"string"},{"type":"null"}]},"result":{"enum":["approved"],"type":"string"}},"required":["result"],"type":"object"}}}}`
	got := cfg.expected("charge")
	if len(got) != 2 || got[1].Status != "202" || got[1].Schema != nil {
		t.Fatalf("%v", got)
	}
	if d := cmp.Diff(want, string(got[0].Schema)); d != "" {
		t.Errorf("-want +got\n%s", d)
	}
}
