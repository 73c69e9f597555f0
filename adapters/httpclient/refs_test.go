package httpclient

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"orderhub/hub"
)

// specFiles writes files of a description.
func specFiles(t *testing.T, files map[string]string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestSpecOfSeveralFiles: a description in several files, each naming the others relative to itself, is as one.
func TestSpecOfSeveralFiles(t *testing.T) {
	dir := specFiles(t, map[string]string{
		"api/billing.yaml": `
openapi: 3.0.3
paths:
  /charges/{id}: {$ref: 'paths/charge.yaml'}
components:
  schemas:
    Note: {type: string, nullable: true, example: {$ref: nowhere.yaml}}
`,
		"api/paths/charge.yaml": `
parameters: [{$ref: '../../common/all%20params.yaml#/parameters/id'}]
get:
  operationId: charge
  responses: {200: {$ref: '../../common/all%20params.yaml#/responses/charge'}}
`,
		"common/all params.yaml": `
parameters: {id: {name: id, in: path, required: true, schema: {type: string}}}
responses: {charge: {description: one, content: {application/json: {schema: {$ref: '#/schemas/example'}}}}}
schemas: {example: {$ref: charge.json}}
`,
		"common/charge.json": `{"type":"object","required":["money"],"properties":{"money":{"$ref":"#/definitions/Money"},"note":{"$ref":"../api/billing.yaml#/components/schemas/Note"},
			"parts":{"type":"array","items":{"$ref":"charge.json"}}},"definitions":{"Money":{"type":"object","required":["value"],"properties":{"value":{"type":"number","minimum":0,"exclusiveMinimum":true}}}}}`,
	})
	cfg := defaultConfig()
	cfg.URL, cfg.OpenAPI = "http://billing", "api/billing.yaml"
	if faults := cfg.check(&hub.Env{Dir: dir}); len(faults) > 0 {
		t.Fatal(faults)
	}
	src, err := jsonschema.UnmarshalJSON(bytes.NewReader(cfg.expected("charge")[0].Schema))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("charge.json", src); err != nil {
		t.Fatal(err)
	}
	schema, err := compiler.Compile("charge.json")
	if err != nil {
		t.Fatalf("%v: %s", err, cfg.expected("charge")[0].Schema)
	}
	for text, good := range map[string]bool{`{"money":{"value":1},"note":null,"parts":[{"money":{"value":2}}]}`: true, `{"money":{"value":0}}`: false, `{"money":{"value":1},"note":7}`: false,
		`{"money":{"value":1},"parts":[{}]}`: false} {
		v, _ := jsonschema.UnmarshalJSON(strings.NewReader(text))
		if err := schema.Validate(v); (err == nil) != good {
			t.Errorf("%s: %v", text, err)
		}
	}
	got := ""
	_, bad := ask(t, func(w http.ResponseWriter, r *http.Request) { got = r.Method + " " + r.URL.Path }, "charge", message(`{"id":"7"}`), func(c *Config) { c.OpenAPI = filepath.Join(dir, "api", "billing.yaml") })
	if bad != nil || got != "GET /charges/7" {
		t.Errorf("%s %v", got, bad)
	}
}

func TestSpecFilesThatAreNone(t *testing.T) {
	for ref, want := range map[string]string{
		"https://schemas.example/charge.json":    "$ref https://schemas.example/charge.json: nothing is fetched at load; save it beside main.yaml and name the file",
		"//schemas.example/charge.json":          "nothing is fetched at load",
		"missing.yaml":                           "$ref missing.yaml of main.yaml: no such file or directory",
		"other.yaml#/components/schemas/Missing": "main.yaml: $ref other.yaml#/components/schemas/Missing leads nowhere",
		"other.yaml#/list/7":                     "main.yaml: $ref other.yaml#/list/7 leads nowhere",
		"broken.yaml":                            "$ref broken.yaml of main.yaml: yaml: ",
		"circle.yaml":                            "$refs that lead to each other",
		"other.yaml#/components/schemas/Fine":    "",
		"other.yaml#/list/0":                     "",
	} {
		dir := specFiles(t, map[string]string{
			"main.yaml":   "openapi: 3.1.0\npaths: {/a: {get: {operationId: a, requestBody: {$ref: '" + ref + "'}}}}\n",
			"other.yaml":  "components: {schemas: {Fine: {content: {}}}}\nlist: [{content: {}}]\n",
			"broken.yaml": "a: [",
			"circle.yaml": "$ref: main.yaml#/paths/~1a/get/requestBody\n",
		})
		cfg := defaultConfig()
		cfg.URL, cfg.OpenAPI = "http://far", "main.yaml"
		faults := cfg.check(&hub.Env{Dir: dir})
		if text := fmt.Sprint(faults); want == "" && len(faults) > 0 || want != "" && (len(faults) != 1 || !strings.Contains(text, want)) {
			t.Errorf("%s: %s", ref, text)
		}
	}
}

// TestFormEncoding: what a description wants of a form is written so, or the call is an error at load that says what to write.
func TestFormEncoding(t *testing.T) {
	for encoding, want := range map[string]string{
		"": "", "items: {style: deepObject, explode: true}": "", "items: {style: form}": "", "items: {contentType: text/plain}": "",
		"items: {style: form, explode: false}": "the field items has the style form, explode: false", "items: {explode: false}": "the field items has the style form, explode: false",
		"items: {style: pipeDelimited}": "the field items has the style pipeDelimited", "items: {contentType: application/json}": "the field items is JSON in a form",
	} {
		dir := specFiles(t, map[string]string{"s.yaml": `
openapi: 3.1.0
paths:
  /a: {post: {operationId: a, requestBody: {content: {application/x-www-form-urlencoded: {schema: {type: object}, encoding: {` + encoding + `}}}}}}
`})
		cfg := defaultConfig()
		cfg.URL, cfg.OpenAPI = "http://far", "s.yaml"
		if faults := cfg.check(&hub.Env{Dir: dir}); len(faults) > 0 {
			t.Fatal(faults)
		}
		if cfg.takes("a") != typeForm {
			t.Errorf("%s: %q", encoding, cfg.takes("a"))
		}
		if text := fmt.Sprint(cfg.checkCall("a", nil)); want == "" && text != "[]" || !strings.Contains(text, want) {
			t.Errorf("%s: %s", encoding, text)
		}
	}
}
