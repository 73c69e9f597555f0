package schema

import (
	"os"
	"path/filepath"
	"strings"

	"orderhub/hub"
	"orderhub/hub/doc"
	"orderhub/transforms/shape"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// Schema is a compiled JSON Schema, safe for concurrent use.
type Schema struct {
	name   string
	lib    *jsonschema.Schema
	fast   *checker
	shape  *shape.Type
	marked []hub.MarkedPath
}

// Load compiles the schema in a file. $ref may name other files in its folder or below. The error is Errors.
func Load(path string) (*Schema, error) {
	src, err := os.ReadFile(path)
	if err != nil {
		return nil, Errors{{File: path, Message: err.Error()}}
	}
	root, err := os.OpenRoot(filepath.Dir(path))
	if err != nil {
		return nil, Errors{{File: path, Message: err.Error()}}
	}
	defer root.Close()
	return compile(filepath.Base(path), src, &folder{root: root, dir: filepath.Dir(path)})
}

// Compile compiles the schema in src. name is its file name for messages; $ref may not name other files. The error is Errors.
func Compile(name string, src []byte) (*Schema, error) {
	return compile(filepath.Base(name), src, &folder{dir: filepath.Dir(name)})
}

// Name is the file's name without folder and ending: order for schemas/order.json.
func (s *Schema) Name() string { return s.name }

// Shape is the type of the documents: what formulas may expect of them. An object with properties is closed, though at run time it may have more
// fields, unless additionalProperties says so.
func (s *Schema) Shape() *shape.Type { return s.shape }

func compile(file string, src []byte, f *folder) (*Schema, error) {
	url := urlOf(file)
	if err := f.add(url, src); err != nil {
		return nil, err
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.UseLoader(f)
	lib, err := c.Compile(url)
	if err != nil {
		return nil, f.explain(url, err)
	}
	if found := append(f.misspelled(), f.unmarked()...); len(found) > 0 {
		return nil, found
	}
	name, _, _ := strings.Cut(file, ".")
	shaper := shaper{folder: f, busy: map[*jsonschema.Schema]bool{}, made: map[*jsonschema.Schema]*shape.Type{}}
	marks := marker{folder: f, visits: map[*jsonschema.Schema]int{}}
	marks.visit(lib, nil)
	return &Schema{
		name:   name,
		lib:    lib,
		fast:   compileFast(lib),
		shape:  shape.Named(shaper.typeOf(lib), "schema "+name),
		marked: marks.found,
	}, nil
}

// valid reports that the document is certainly valid.
func (s *Schema) valid(v doc.Value) bool { return s.fast.ok(v) }
