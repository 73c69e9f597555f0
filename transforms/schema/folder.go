package schema

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strings"

	"orderhub/hub/doc"
)

// The files of a folder have URLs under this one. It is no file URL, and has two levels: so a $ref that climbs out of the folder is seen.
const folderURL = "schema:///folder/files/"

func urlOf(file string) string {
	u := url.URL{Scheme: "schema", Path: "/folder/files/" + filepath.ToSlash(file)}
	return u.String()
}

// folder gives the library the files that it asks for, and keeps them for messages.
type folder struct {
	root  *os.Root // nil: there are no other files
	dir   string
	files map[string]*file // by URL
	byID  map[string]string
}

// file is a schema file that was read.
type file struct {
	path string // for messages
	root doc.Value
}

// open reads a file, and opens its folder, whose root the caller closes.
func open(file string) ([]byte, *folder, error) {
	src, err := os.ReadFile(file)
	if err != nil {
		return nil, nil, err
	}
	root, err := os.OpenRoot(filepath.Dir(file))
	return src, &folder{root: root, dir: filepath.Dir(file)}, err
}

// add decodes a file.
func (f *folder) add(url string, src []byte) error {
	if f.files == nil {
		f.files = map[string]*file{}
	}
	name, _ := f.inside(url)
	at := filepath.Join(f.dir, filepath.FromSlash(name))
	v, err := doc.Parse(src)
	if e, ok := errors.AsType[*doc.SyntaxError](err); ok {
		return Errors{{File: at, Line: e.Line, Col: e.Col, Message: e.Detail}}
	}
	f.files[url] = &file{path: at, root: v}
	return nil
}

// Load is called by the library, with the URL of a file that a $ref names.
func (f *folder) Load(url string) (any, error) {
	if known := f.files[url]; known != nil {
		return known.root.Any(), nil
	}
	name, ok := f.inside(url)
	if !ok {
		if strings.HasPrefix(url, "schema:") {
			return nil, errors.New("the file is outside of the schema's folder")
		}
		if err := f.addByID(url); err != nil {
			return nil, err
		}
		return f.files[url].root.Any(), nil
	}
	if f.root == nil {
		return nil, fmt.Errorf("this schema cannot refer to the file %s: it has no folder", name)
	}
	src, err := f.root.ReadFile(filepath.FromSlash(name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is no file %s", filepath.Join(f.dir, name))
	}
	if err != nil {
		return nil, fmt.Errorf("the file %s cannot be read: %w", filepath.Join(f.dir, name), err)
	}
	if err := f.add(url, src); err != nil {
		return nil, err
	}
	return f.files[url].root.Any(), nil
}

// inside returns the path of a URL in the folder.
func (f *folder) inside(link string) (string, bool) {
	u, err := url.Parse(link)
	if err != nil {
		return "", false
	}
	name, ok := strings.CutPrefix(u.Path, "/folder/files/")
	return name, ok && u.Scheme == "schema" && filepath.IsLocal(name)
}

// addByID finds the file of the folder whose $id is the URL: schemas that are published refer to each other so. Nothing is fetched.
func (f *folder) addByID(link string) error {
	if f.byID == nil {
		f.readIDs()
	}
	name, ok := f.byID[link]
	if !ok {
		return fmt.Errorf("%s is not fetched from a network, and no file in the folder has it as its $id", link)
	}
	src, err := f.root.ReadFile(name)
	if err != nil {
		return err
	}
	if err := f.add(link, src); err != nil {
		return err
	}
	f.files[link].path = filepath.Join(f.dir, name)
	return nil
}

func (f *folder) readIDs() {
	f.byID = map[string]string{}
	if f.root == nil {
		return
	}
	names, _ := fs.Glob(f.root.FS(), "*.json")
	for _, name := range names {
		src, err := f.root.ReadFile(name)
		if err != nil {
			continue
		}
		v, err := doc.Parse(src)
		if id := v.Get("$id").Str(); err == nil && id != "" {
			f.byID[strings.TrimSuffix(id, "#")] = path.Clean(name)
		}
	}
}

// at finds the value that a location of the library (URL#pointer) means, and its file.
func (f *folder) at(location string) (*file, []string, doc.Value) {
	link, fragment, _ := strings.Cut(location, "#")
	known := f.files[link]
	if known == nil {
		return nil, nil, doc.Value{}
	}
	tokens := tokensOf(fragment)
	return known, tokens, doc.Lookup(known.root, tokens)
}

// tokensOf splits the fragment of a URL that is a JSON Pointer.
func tokensOf(fragment string) []string {
	if fragment == "" || fragment[0] != '/' {
		return nil
	}
	tokens := strings.Split(fragment[1:], "/")
	for i, t := range tokens {
		if plain, err := url.PathUnescape(t); err == nil {
			t = plain
		}
		tokens[i] = strings.NewReplacer("~1", "/", "~0", "~").Replace(t)
	}
	return tokens
}
