package httpclient

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"orderhub/hub"
)

const (
	maxSpec   = 16 << 20  // bytes of an OpenAPI file
	maxFiles  = 200       // that one names
	elsewhere = "x-files" // where the files that a file names stand in its tree
)

// gathering makes one tree of an OpenAPI file and of those that it names: all its references are inside of it then.
type gathering struct {
	env   *hub.Env
	path  string         // of the file itself
	trees map[string]any // of the others, by their places in the tree
	place map[string]string
	found []found
}

// found is a reference to another file.
type found struct{ file, as, to string }

// gather reads a file with all that it names.
func gather(env *hub.Env, path string) (map[string]any, error) {
	g := &gathering{env: env, path: path, trees: map[string]any{}, place: map[string]string{path: ""}}
	root, err := g.read(path)
	if err == nil {
		err = g.walk(path, root, false)
	}
	if err != nil || len(g.trees) == 0 {
		return root, err
	}
	root[elsewhere] = g.trees
	s := &spec{root: root}
	for _, f := range g.found {
		if _, err := s.at(f.to); err != nil {
			return nil, fmt.Errorf("%s: $ref %s leads nowhere", f.file, f.as)
		}
	}
	return root, nil
}

func (g *gathering) read(path string) (map[string]any, error) {
	src, err := g.env.ReadFile(path)
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return nil, e.Err
	}
	if len(src) > maxSpec {
		return nil, fmt.Errorf("it is larger than %d MB", maxSpec>>20)
	}
	return decode(src)
}

// walk turns the references of a file. names: v is a map whose keys are names, not words.
func (g *gathering) walk(file string, v any, names bool) error {
	switch v := v.(type) {
	case []any:
		for _, part := range v {
			if err := g.walk(file, part, false); err != nil {
				return err
			}
		}
	case map[string]any:
		if names {
			return g.parts(file, v, nil)
		}
		if ref, is := v["$ref"].(string); is {
			to, err := g.turn(file, ref)
			if err != nil {
				return err
			}
			v["$ref"] = to
		}
		return g.parts(file, v, named)
	}
	return nil
}

// parts walks what stands under the words of a map; under those of inner stand names. inner is nil where the words are names themselves.
func (g *gathering) parts(file string, v map[string]any, inner []string) error {
	for word, part := range v {
		if inner != nil && (word == elsewhere || slices.Contains(ofData, word)) {
			continue
		}
		if err := g.walk(file, part, slices.Contains(inner, word)); err != nil {
			return err
		}
	}
	return nil
}

// turn is a reference of a file as it is in the tree.
func (g *gathering) turn(file, ref string) (string, error) {
	name, fragment, _ := strings.Cut(ref, "#")
	u, err := url.Parse(name)
	switch {
	case err != nil || u.IsAbs() || u.Host != "":
		return "", fmt.Errorf("$ref %s: nothing is fetched at load; save it beside %s and name the file", ref, filepath.Base(file))
	case name == "" && g.place[file] == "":
		return ref, nil
	}
	other := file
	if name != "" {
		other = filepath.Join(filepath.Dir(file), filepath.FromSlash(u.Path))
	}
	place, known := g.place[other]
	if !known {
		if place, err = g.add(other); err != nil {
			return "", fmt.Errorf("$ref %s of %s: %w", ref, filepath.Base(file), err)
		}
	}
	to := "#" + place + strings.TrimSuffix(fragment, "/")
	g.found = append(g.found, found{filepath.Base(file), ref, to})
	return to, nil
}

// add reads another file, and gives its place.
func (g *gathering) add(path string) (string, error) {
	if len(g.trees) == maxFiles {
		return "", fmt.Errorf("more than %d files", maxFiles)
	}
	tree, err := g.read(path)
	if err != nil {
		return "", err
	}
	key := strconv.Itoa(len(g.trees) + 1)
	g.trees[key], g.place[path] = tree, "/"+elsewhere+"/"+key
	return g.place[path], g.walk(path, tree, false)
}
