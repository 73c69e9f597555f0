package schema

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func folderOf(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, src := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(src), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestBundle: every reference of the bundle leads to what it meant, inside.
func TestBundle(t *testing.T) {
	for _, c := range []struct {
		name  string
		files map[string]string
		want  string
	}{
		{"alone", map[string]string{"a.json": `{"$schema":"https://json-schema.org/draft/2020-12/schema","type":"string","const":{"$ref":"x"}}`},
			`{"type":"string","const":{"$ref":"x"}}`},
		{"a sibling", map[string]string{"a.json": `{"properties":{"to":{"$ref":"b.json"},"$ref":{"$ref":"b.json#/properties/z"}}}`, "b.json": `{"$id":"b.json","properties":{"z":{}}}`},
			`{"properties":{"to":{"$ref":"#/$defs/b"},"$ref":{"$ref":"#/$defs/b/properties/z"}},"$defs":{"b":{"properties":{"z":{}}}}}`},
		{"a sibling that refers back, and to itself", map[string]string{"a.json": `{"items":{"$ref":"b.json"}}`, "b.json": `{"anyOf":[{"$ref":"a.json"},{"$ref":"#"},{"$ref":"#/$defs/x"}],"$defs":{"x":{}}}`},
			`{"items":{"$ref":"#/$defs/b"},"$defs":{"b":{"anyOf":[{"$ref":"#"},{"$ref":"#/$defs/b"},{"$ref":"#/$defs/b/$defs/x"}],"$defs":{"x":{}}}}}`},
		{"names that are taken", map[string]string{"a.json": `{"prefixItems":[{"$ref":"b.json"},{"$ref":"d/b.json"},{"$ref":"#/$defs/b"}],"$defs":{"b":{"title":"own"}}}`,
			"b.json": `{"title":"beside"}`, "d/b.json": `{"title":"below"}`},
			`{"prefixItems":[{"$ref":"#/$defs/b_"},{"$ref":"#/$defs/b__"},{"$ref":"#/$defs/b"}],"$defs":{"b":{"title":"own"},"b_":{"title":"beside"},"b__":{"title":"below"}}}`},
		{"IDs and anchors", map[string]string{"a.json": `{"$id":"https://x.example/a","allOf":[{"$ref":"b"},{"$ref":"b#here"},{"$ref":"#mine"},{"$ref":"c"}],"$defs":{"m":{"$anchor":"mine"},"c":{"$id":"c","not":{}}}}`,
			"b.json": `{"$id":"https://x.example/b","$defs":{"h":{"$anchor":"here","type":"number","minimum":1.10}}}`},
			`{"allOf":[{"$ref":"#/$defs/b"},{"$ref":"#/$defs/b/$defs/h"},{"$ref":"#/$defs/m"},{"$ref":"#/$defs/c"}],"$defs":{"m":{},"c":{"not":{}},"b":{"$defs":{"h":{"type":"number","minimum":1.10}}}}}`},
		{"an older draft, odd names", map[string]string{"a.json": `{"$schema":"http://json-schema.org/draft-07/schema#","definitions":{"ä /~":{}},"items":[{"$ref":"#/definitions/%C3%A4%20~1~0"}],"dependencies":{"a":["b"],"c":{"$ref":"s%201.json"}}}`, "s 1.json": `true`},
			`{"$schema":"http://json-schema.org/draft-07/schema#","definitions":{"ä /~":{}},"items":[{"$ref":"#/definitions/%C3%A4%20~1~0"}],"dependencies":{"a":["b"],"c":{"$ref":"#/$defs/s%201"}},"$defs":{"s 1":true}}`},
		{"no object", map[string]string{"a.json": `false`}, `false`},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := folderOf(t, c.files)
			if _, err := Load(filepath.Join(dir, "a.json")); err != nil {
				t.Fatalf("the test's schema is none: %v", err)
			}
			got, err := Bundle(filepath.Join(dir, "a.json"))
			if err != nil || string(got) != c.want {
				t.Fatalf("%v\n got %s\nwant %s", err, got, c.want)
			}
			if _, err := Compile("bundle.json", got); err != nil {
				t.Errorf("the bundle is no schema: %v", err)
			}
		})
	}
}

// TestBundleMeansTheSame: the bundle takes and refuses what the schema does.
func TestBundleMeansTheSame(t *testing.T) {
	dir := folderOf(t, map[string]string{
		"order.json":   `{"type":"object","required":["to"],"properties":{"to":{"$ref":"address.json"},"lines":{"items":{"$ref":"#/$defs/line"}}},"$defs":{"line":{"required":["sku"]}}}`,
		"address.json": `{"type":["object","null"],"properties":{"zip":{"$ref":"zip.json#/$defs/zip"}}}`,
		"zip.json":     `{"$defs":{"zip":{"type":"string","pattern":"^[0-9]{5}$"}}}`,
	})
	s, err := Load(filepath.Join(dir, "order.json"))
	if err != nil {
		t.Fatal(err)
	}
	src, err := Bundle(filepath.Join(dir, "order.json"))
	if err != nil {
		t.Fatal(err)
	}
	b, err := Compile("order.json", src)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{`{"to":null}`, `{}`, `{"to":{"zip":"10115"}}`, `{"to":{"zip":"1"}}`, `{"to":{},"lines":[{"sku":1}]}`, `{"to":{},"lines":[{}]}`, `[]`} {
		v := parse(t, text)
		if (s.Validate(v) == nil) != (b.Validate(v) == nil) {
			t.Errorf("%s: schema %v, bundle %v", text, s.Validate(v), b.Validate(v))
		}
	}
}

func TestBundleFaults(t *testing.T) {
	dir := folderOf(t, map[string]string{"a.json": `{"$ref":"none.json"}`, "b.json": `{"$ref":"#none"}`, "c.json": `{`, "d.json": `{"$ref":"../x.json"}`})
	for name, want := range map[string]string{"a.json": "there is no file", "b.json": "there is no such anchor", "c.json": "c.json:1:2", "d.json": "outside of the schema's folder", "e.json": "no such file"} {
		if _, err := Bundle(filepath.Join(dir, name)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", name, err, want)
		}
	}
}
