package schema

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestCompileErrors(t *testing.T) {
	for _, c := range []struct{ name, src, want string }{
		{"syntax", "{\n  \"type\": \"object\",\n}", `f/test.json:3:1: expected a key in quotes, found '}'`},
		{"duplicate key", `{"type":"object","type":"array"}`, `f/test.json:1:18: duplicate key "type"`},
		{"unknown type", "{\n  \"properties\": {\n    \"é\": {\"type\": \"strin\"}}}", `f/test.json:3:19: /properties/é/type: must be one of "array", "boolean", "integer", "null", "number", "object", "string", got "strin"`},
		{"wrong kinds, all at once", `{"required":"a","minLength":-1}`, "f/test.json:1:13: /required: must be an array, got a string\nf/test.json:1:29: /minLength: must be >= 0, got -1"},
		{"pattern", `{"properties":{"a":{"pattern":"^(?=x)"}}}`, "f/test.json:1:31: /properties/a/pattern: is no regular expression of RE2: invalid or unsupported Perl syntax: `(?=`"},
		{"misspelled", `{"properties":{"a":{"requierd":["x"],"x-requierd":1,"javaType":"y","title":"z"}}}`,
			`f/test.json:1:32: /properties/a/requierd: unknown keyword "requierd"; did you mean "required"? (a keyword of your own starts with x-)`},
		{"pointer", `{"properties":{"a":{"$ref":"#/$defs/lin"}},"$defs":{"line":{}}}`, `f/test.json:1:28: /properties/a/$ref: there is nothing at #/$defs/lin of f/test.json`},
		{"anchor", `{"$ref":"#lin"}`, `f/test.json:1:9: /$ref: there is no $anchor #lin of f/test.json`},
		{"other file", `{"$ref":"line.json"}`, `f/test.json:1:9: /$ref: this schema cannot refer to the file line.json: it has no folder`},
		{"network", `{"$ref":"https://example.com/line.json#/x"}`, `f/test.json:1:9: /$ref: https://example.com/line.json is not fetched from a network, and no file in the folder has it as its $id`},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, err := Compile("f/test.json", []byte(c.src))
			if err == nil {
				t.Fatalf("no error, shape %v", s.Shape())
			}
			if err.Error() != c.want {
				t.Errorf("got  %s\nwant %s", err, c.want)
			}
		})
	}
}

func TestLoadFolder(t *testing.T) {
	dir := t.TempDir()
	write := func(name, src string) string {
		path := filepath.Join(dir, "schemas", name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(src), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	write("../secret.json", `{}`)
	write("sub/line.json", `{"$ref":"../unit.json#/$defs/unit"}`)
	write("unit.json", `{"$defs":{"unit":{"type":"string"}}}`)
	write("by id.json", `{"$id":"https://x.example/money","type":"number"}`)
	write("broken.json", "{\n ]")
	write("wrong.json", `{"type":"nmber"}`)
	if err := os.Symlink(filepath.Join(dir, "secret.json"), filepath.Join(dir, "schemas", "link.json")); err != nil {
		t.Fatal(err)
	}
	good := write("good 1.json", `{"properties":{"a":{"$ref":"sub/line.json"},"b":{"$ref":"https://x.example/money"},"c":{"$ref":"by%20id.json"}}}`)
	s, err := Load(good)
	if err != nil {
		t.Fatal(err)
	}
	if a, _ := s.Shape().Field("a"); a.String() != "string or null" {
		t.Errorf("a is %v", a)
	}
	if b, _ := s.Shape().Field("b"); b.String() != "number or null" {
		t.Errorf("b is %v", b)
	}
	for ref, want := range map[string]string{
		"../secret.json":         "the file is outside of the schema's folder",
		"../../../../etc/passwd": "the file is outside of the schema's folder",
		"%2e%2e/secret.json":     "the file is outside of the schema's folder",
		"link.json":              "path escapes from parent",
		"file:///etc/passwd":     "is not fetched from a network",
		"/etc/passwd":            "the file is outside of the schema's folder",
		"none.json":              "there is no file " + filepath.Join(dir, "schemas", "none.json"),
		"broken.json":            filepath.Join(dir, "schemas", "broken.json") + ":2:2: expected a key",
		"wrong.json":             filepath.Join(dir, "schemas", "wrong.json") + ":1:9: /type: must be one of",
	} {
		_, err := Load(write("bad.json", `{"$ref":"`+ref+`"}`))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", ref, err, want)
		}
	}
	if _, err := Load(filepath.Join(dir, "none.json")); err == nil {
		t.Error("a file that is not there was loaded")
	}
}
