package schema

import (
	"cmp"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"orderhub/hub/doc"
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

// bundled is the bundle of a schema called s, where somebody else has the name s.taken, and the text of its parts by their names.
func bundled(path string) (parts map[string]doc.Value, text string, err error) {
	given := map[string]bool{"s": true, "s.taken": true}
	parts, err = Bundle(path, "s", func(name string) string {
		for given[name] {
			name += "_"
		}
		given[name] = true
		return name
	})
	var lines []string
	for name, part := range parts {
		lines = append(lines, name+" "+strings.ReplaceAll(string(part.JSON()), SchemasAt, "@"))
	}
	slices.Sort(lines)
	return parts, strings.Join(lines, "\n"), err
}

// compiled is the schema called s of a bundle, which stands in a document as it does in an OpenAPI document.
func compiled(t *testing.T, parts map[string]doc.Value) *Schema {
	t.Helper()
	var all []doc.Field
	for name, part := range parts {
		all = append(all, doc.Field{Name: name, Value: part})
	}
	defs := strings.ReplaceAll(string(doc.ObjectOf(all).JSON()), SchemasAt, "#/$defs/")
	draft := cmp.Or(parts["s"].Get("$schema").Str(), "https://json-schema.org/draft/2020-12/schema")
	s, err := Compile("s.json", []byte(`{"$schema":"`+draft+`","allOf":[{"$ref":"#/$defs/s"}],"$defs":`+defs+`}`))
	if err != nil {
		t.Fatalf("the bundle is no schema: %v", err)
	}
	return s
}

// TestBundle: every reference of the bundle leads to what it meant, inside.
func TestBundle(t *testing.T) {
	for _, c := range []struct {
		name  string
		files map[string]string
		want  string
	}{
		{"alone", map[string]string{"a.json": `{"$schema":"https://json-schema.org/draft/2020-12/schema","type":"string","const":{"$ref":"x"}}`},
			`s {"type":"string","const":{"$ref":"x"}}`},
		{"a sibling", map[string]string{"a.json": `{"properties":{"to":{"$ref":"b.json"},"$ref":{"$ref":"b.json#/properties/z"}}}`, "b.json": `{"$id":"b.json","properties":{"z":{}}}`},
			`s {"properties":{"to":{"$ref":"@s.b"},"$ref":{"$ref":"@s.b/properties/z"}}}
s.b {"properties":{"z":{}}}`},
		{"a sibling that refers back, and to itself", map[string]string{"a.json": `{"items":{"$ref":"b.json"}}`, "b.json": `{"anyOf":[{"$ref":"a.json"},{"$ref":"#"},{"$ref":"#/$defs/x"}],"$defs":{"x":{}}}`},
			`s {"items":{"$ref":"@s.b"}}
s.b {"anyOf":[{"$ref":"@s"},{"$ref":"@s.b"},{"$ref":"@s.x"}]}
s.x {}`},
		{"names that are taken", map[string]string{"a.json": `{"prefixItems":[{"$ref":"taken.json"},{"$ref":"d/taken.json"},{"$ref":"#/$defs/taken"}],"$defs":{"taken":{"title":"own"}}}`,
			"taken.json": `{"title":"beside"}`, "d/taken.json": `{"title":"below"}`},
			`s {"prefixItems":[{"$ref":"@s.taken_"},{"$ref":"@s.taken__"},{"$ref":"@s.taken___"}]}
s.taken_ {"title":"beside"}
s.taken__ {"title":"below"}
s.taken___ {"title":"own"}`},
		{"definitions in each other, and in a field", map[string]string{"a.json": `{"properties":{"to":{"$ref":"#/$defs/address"},"zip":{"$ref":"#/$defs/address/properties/zip"},"in":{"$ref":"#/$defs/$defs"},
			"deep":{"$defs":{"x":{"not":{}}},"allOf":[{"$ref":"#/properties/deep/$defs/x"}]}},
			"$defs":{"address":{"properties":{"zip":{"$ref":"#/$defs/address/$defs/zip"}},"$defs":{"zip":{"type":"string"}}},"$defs":{"type":"null"},"unused":{}}}`},
			`s {"properties":{"to":{"$ref":"@s.address"},"zip":{"$ref":"@s.address/properties/zip"},"in":{"$ref":"@s._defs"},"deep":{"$defs":{"x":{"not":{}}},"allOf":[{"$ref":"@s/properties/deep/$defs/x"}]}}}
s._defs {"type":"null"}
s.address {"properties":{"zip":{"$ref":"@s.zip"}}}
s.zip {"type":"string"}`},
		{"IDs and anchors", map[string]string{"a.json": `{"$id":"https://x.example/a","allOf":[{"$ref":"b"},{"$ref":"b#here"},{"$ref":"#mine"},{"$ref":"c"}],"$defs":{"m":{"$anchor":"mine"},"c":{"$id":"c","not":{"$ref":"#/$defs/d"},"$defs":{"d":{"$ref":"b"}}}}}`,
			"b.json": `{"$id":"https://x.example/b","$defs":{"h":{"$anchor":"here","type":"number","minimum":1.10}}}`},
			`s {"allOf":[{"$ref":"@s.b"},{"$ref":"@s.h"},{"$ref":"@s.m"},{"$ref":"@s.c"}]}
s.b {}
s.c {"not":{"$ref":"@s.d"}}
s.d {"$ref":"@s.b"}
s.h {"type":"number","minimum":1.10}
s.m {}`},
		{"an older draft, odd names", map[string]string{"a.json": `{"$schema":"http://json-schema.org/draft-07/schema#","definitions":{"ä /~":{}},"items":[{"$ref":"#/definitions/%C3%A4%20~1~0"}],"dependencies":{"a":["b"],"c":{"$ref":"s%201.json"}}}`, "s 1.json": `true`},
			`s {"$schema":"http://json-schema.org/draft-07/schema#","definitions":{"ä /~":{}},"items":[{"$ref":"@s/definitions/%C3%A4%20~1~0"}],"dependencies":{"a":["b"],"c":{"$ref":"@s.s_1"}}}
s.s_1 true`},
		{"no object", map[string]string{"a.json": `false`}, `s false`},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := folderOf(t, c.files)
			if _, err := Load(filepath.Join(dir, "a.json")); err != nil {
				t.Fatalf("the test's schema is none: %v", err)
			}
			parts, got, err := bundled(filepath.Join(dir, "a.json"))
			if err != nil || got != c.want {
				t.Fatalf("%v\n got %s\nwant %s", err, got, c.want)
			}
			compiled(t, parts)
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
	parts, _, err := bundled(filepath.Join(dir, "order.json"))
	if err != nil {
		t.Fatal(err)
	}
	b := compiled(t, parts)
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
		if _, _, err := bundled(filepath.Join(dir, name)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", name, err, want)
		}
	}
}
